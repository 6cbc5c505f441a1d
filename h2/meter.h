/*
 * The meter counts frames as they arrive, from their headers alone, and says
 * when a peer has had enough: nghttp2 1.52 bounds neither empty DATA nor
 * PRIORITY, WINDOW_UPDATE, unknown frames, or the resets it makes us send.
 */
#ifndef H2WS_H2_METER_H
#define H2WS_H2_METER_H

#include <h2ws/core.h>

/* CONTINUATION frames in one header block (hostile row FL-09) */
#define H2WS__CONTINUATIONS_MAX 8

/* A bucket that holds `burst` and refills at `rate` per second. */
struct h2ws__bucket {
  uint32_t burst;
  uint32_t rate;
  uint32_t level; /* what may still be taken */
  h2ws_time at;   /* when it was last refilled */
};

void h2ws__bucket_init(struct h2ws__bucket *bucket, uint32_t burst,
                       uint32_t rate);
/* Takes one; false if it is empty. */
bool h2ws__bucket_take(struct h2ws__bucket *bucket, h2ws_time now);

struct h2ws__meter {
  struct h2ws__bucket glitches; /* odd but legal */
  struct h2ws__bucket resets;   /* RST_STREAM received */
  struct h2ws__bucket faults;   /* RST_STREAM sent for a fault of the peer */
  uint8_t header[9];            /* of the frame under way */
  uint8_t header_len;
  uint32_t skip;            /* bytes of its payload to come */
  uint32_t preface;         /* bytes of the client preface to come */
  bool in_block;            /* a header block was begun, not ended */
  bool of_block;            /* the frame under way carries some of it */
  uint32_t blocks;          /* begun so far */
  uint32_t continuations;   /* in this block */
  uint32_t empty_in_row;    /* DATA frames without payload or end */
  uint64_t updates;         /* WINDOW_UPDATE received */
  uint64_t updates_allowed; /* by what we opened and sent */
  uint64_t *glitch_count;   /* in the statistics */
};

/* `glitch_count` is counted up, and outlives the meter. */
void h2ws__meter_init(struct h2ws__meter *meter,
                      const h2ws_conn_options *options, bool server,
                      uint64_t *glitch_count);

/*
 * Looks at the frame headers in the next received bytes. Returns NULL, or a
 * sentence that says which limit was passed. Static.
 */
const char *h2ws__meter_feed(struct h2ws__meter *meter, const uint8_t *data,
                             size_t len, h2ws_time now);

/* True if the bytes so far end with a whole frame and a whole block. */
bool h2ws__meter_is_between_frames(const struct h2ws__meter *meter);

/* True if a header block was begun and is not there as a whole. */
bool h2ws__meter_is_in_block(const struct h2ws__meter *meter);

/* One glitch that is not a frame; a fault. False: the limit was passed. */
bool h2ws__meter_glitch(struct h2ws__meter *meter, h2ws_time now);
bool h2ws__meter_fault(struct h2ws__meter *meter, h2ws_time now);

/* We opened a stream, or sent a DATA frame: the peer may send updates. */
void h2ws__meter_stream(struct h2ws__meter *meter);
void h2ws__meter_data_sent(struct h2ws__meter *meter);

#endif
