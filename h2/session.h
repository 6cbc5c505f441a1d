/*
 * The inside of an HTTP/2 session, shared by the files of h2/ only.
 *
 *   session.c    life, bytes in, bytes out, the end
 *   callbacks.c  what nghttp2 reports
 *   h2_stream.c  the carrier of one stream
 *   head.c       receiving header blocks, within limits
 *   judge.c      is this request, this answer, acceptable?
 *   push.c       streams that the server opens
 *   fields.c     the header fields we send
 *   meter.c      floods: odd frames, resets, empty DATA
 *   keepalive.c  deadlines of the connection, PING, drain
 */
#ifndef H2WS_H2_SESSION_H
#define H2WS_H2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "h2/h2.h"
#include "h2/ids.h"
#include "h2/meter.h"

/* RFC 9113 section 4.1 */
#define H2WS__FRAME_HEADER_LEN 9
/* A DATA frame of ours: its header and the most that nghttp2 gives at once. */
#define H2WS__DATA_MAX 16384
#define H2WS__DATA_ROOM (H2WS__FRAME_HEADER_LEN + H2WS__DATA_MAX)

struct h2ws__h2_stream {
  h2ws_stream base;
  struct h2ws__h2 *h2;           /* NULL once closed */
  struct h2ws__link link;        /* in h2->streams or h2->waiting */
  struct h2ws__link todo;        /* in h2->requests or h2->dead */
  struct h2ws__link ending;      /* in h2->endings */
  struct h2ws__link half;        /* in h2->halves */
  struct h2ws__timer timer;      /* open, answer, stall or linger */
  struct h2ws__headers *request; /* client, until it is sent */
  h2ws_time moved_at;            /* bytes last went out; 0: all of them */
  uint8_t *body;                 /* first bytes of a refusal */
  uint32_t body_len;
  int32_t status;    /* client: final status, 0 none yet */
  uint8_t interims;  /* client: 1xx answers seen */
  bool connect;      /* CONNECT: a tunnel once open */
  bool extended;     /* CONNECT with :protocol */
  bool ours;         /* opened by this side and counted */
  bool pushed;       /* client: promised by the server, and counted */
  bool head_too_big; /* the block passed a limit: 431 */
  bool head_done;    /* server: the request was judged */
  bool deferred;     /* nghttp2 waits for resume_data */
  bool lingering;    /* our side ended, theirs has not */
  bool peer_reset;   /* RST_STREAM was received */
  bool unsent;       /* server: its PUSH_PROMISE has not gone out */
  uint32_t code;     /* it is to be reset with, while unsent */
  uint8_t why_cls;   /* h2ws_close_class, with why */
  int why_error;     /* with why */
  const char *why;   /* one sentence; NULL: judge by the code */
};

enum h2ws__h2_phase {
  H2WS__H2_RUNNING,
  H2WS__H2_DRAINING, /* first GOAWAY sent (server), no opens (client) */
  H2WS__H2_ENDING,   /* final GOAWAY queued or sent, streams may finish */
  H2WS__H2_FAILED,   /* error GOAWAY queued: flush, then over */
  H2WS__H2_OVER,
};

struct h2ws__h2 {
  nghttp2_session *session;
  struct h2ws__env *env;
  const struct h2ws__session_events *events;
  void *owner;
  h2ws_conn_options options;
  char *protocols; /* copy of options.protocols */
  bool server;
  bool ready;   /* the peer's SETTINGS have arrived */
  bool told;    /* want_send was called */
  bool in_call; /* inside recv, send or tick */
  bool in_nghttp2;
  bool not_http2; /* the peer's first bytes were no SETTINGS */
  bool silent;    /* it failed without memory for a GOAWAY */
  uint8_t phase;  /* enum h2ws__h2_phase */

  struct h2ws__link streams;  /* known to nghttp2 */
  struct h2ws__link waiting;  /* client: not sent yet */
  struct h2ws__link requests; /* server: not handed up yet */
  struct h2ws__link dead;     /* to be closed outside of nghttp2 */
  struct h2ws__link endings;  /* END_STREAM is all that is left to send */
  struct h2ws__link halves;   /* server: theirs is all that is missing */
  uint32_t halves_len;
  size_t streams_len; /* in streams and waiting */
  size_t ours_len;    /* opened by us and not closed */
  size_t pushed_len;  /* promised to us and not closed */

  struct {
    struct h2ws__meter meter;
    struct h2ws__head head; /* of an answer's or trailer's block */
    size_t head_fields;     /* of the block being received */
    size_t head_bytes;
    h2ws_time at;           /* bytes last arrived */
    struct h2ws__ids ids;   /* server */
    uint32_t block_watched; /* the one the header timer is for */
  } rx;
  struct {
    uint8_t *buf; /* the caller's, during send */
    size_t cap;
    size_t len;
    const uint8_t *frame; /* given by nghttp2, not copied yet */
    size_t frame_len;
    h2ws_time at; /* bytes last went out */
    bool lent;    /* nghttp2 counts one byte that the peer did not allow */
  } tx;

  /* How it ended, or is going to. */
  struct {
    h2ws_close_class cls;
    int error;
    uint32_t h2_code;
    bool by_peer;
    char detail[160];
  } end;

  struct h2ws__timer setup_timer;  /* first SETTINGS, then ACK of ours */
  struct h2ws__timer header_timer; /* a header block that has begun */
  struct h2ws__timer ping_timer;
  struct h2ws__timer idle_timer;
  struct h2ws__timer stall_timer;
  struct h2ws__timer drain_timer;  /* second GOAWAY, then the end */
  struct h2ws__timer settle_timer; /* at once: h2ws__h2_settle() is due */
  h2ws_time drain_from;            /* h2ws__h2_drain() was called */
  h2ws_time ping_sent;             /* 0: none under way */
  bool acked;                      /* our SETTINGS */
};

/* session.c */

/*
 * Ends the connection for a reason: GOAWAY(code), flush, over. The first
 * reason counts.
 */
void h2ws__h2_fail(struct h2ws__h2 *h2, h2ws_close_class cls, int error,
                   uint32_t code, const char *detail);
/* Over at once, without flushing. After h2ws__h2_fail(). */
void h2ws__h2_drop(struct h2ws__h2 *h2);
/* Something may be there to send. */
void h2ws__h2_touch(struct h2ws__h2 *h2);
/* Does what may not be done inside nghttp2; ends each call from outside. */
void h2ws__h2_settle(struct h2ws__h2 *h2);

/* callbacks.c */
int h2ws__h2_set_callbacks(nghttp2_session_callbacks *callbacks);

/* h2_stream.c */
struct h2ws__h2_stream *h2ws__h2_stream_new(struct h2ws__h2 *h2,
                                            h2ws_stream_state state);
/* Ends with RST_STREAM for a fault of the peer. `why` is static. */
void h2ws__h2_stream_fault(struct h2ws__h2_stream *stream, int error,
                           uint32_t code, const char *why);
/* The same, with a class of its own and without counting as a fault. */
void h2ws__h2_stream_end(struct h2ws__h2_stream *stream, h2ws_close_class cls,
                         int error, uint32_t code, const char *why);
/* Refused requests are cheap for the peer and not for us (row FL-08). */
void h2ws__h2_count_refusal(struct h2ws__h2 *h2);
/* nghttp2 is done with it, or never knew it: on_close. */
void h2ws__h2_stream_close(struct h2ws__h2_stream *stream, uint32_t code);
void h2ws__h2_stream_arm(struct h2ws__h2_stream *stream, uint32_t ms);
nghttp2_data_provider h2ws__h2_data_provider(struct h2ws__h2_stream *stream);
int h2ws__h2_send_data(nghttp2_session *session, nghttp2_frame *frame,
                       const uint8_t *framehd, size_t length,
                       nghttp2_data_source *source, void *user);
/* How many streams the peer lets us have (RFC 9113 section 5.1.2). */
size_t h2ws__h2_max_ours(const struct h2ws__h2 *h2);
/* Client: sends waiting requests as far as the peer's limits allow. */
void h2ws__h2_submit_waiting(struct h2ws__h2 *h2);
/* Lets END_STREAM out where a window is used up. */
void h2ws__h2_push_endings(struct h2ws__h2 *h2);
/* The connection's window grew: streams that waited for it go on. */
void h2ws__h2_window_opened(struct h2ws__h2 *h2);
/* END_STREAM went out. */
void h2ws__h2_stream_end_sent(struct h2ws__h2_stream *stream);

/* push.c */

/* Server: h2ws_stream_push(). */
int h2ws__h2_push(h2ws_stream *base, h2ws_stream **out,
                  const h2ws_request *given);
/* Server: a PUSH_PROMISE was sent, or could not be sent. */
void h2ws__h2_push_sent(struct h2ws__h2_stream *stream);
void h2ws__h2_push_failed(struct h2ws__h2 *h2, int32_t id);
/* Client: a PUSH_PROMISE begins, NULL: no memory; and is complete. */
struct h2ws__h2_stream *h2ws__h2_promise_begin(struct h2ws__h2 *h2, int32_t id);
void h2ws__h2_promise_received(struct h2ws__h2_stream *stream,
                               int32_t parent_id);

/* head.c */
int h2ws__h2_begin_head(struct h2ws__h2 *h2, struct h2ws__h2_stream *stream);
int h2ws__h2_add_field(struct h2ws__h2 *h2, struct h2ws__h2_stream *stream,
                       const h2ws_header *field, const size_t lens[2]);

/* judge.c */
void h2ws__h2_judge_request(struct h2ws__h2_stream *stream, bool end);
void h2ws__h2_judge_answer(struct h2ws__h2_stream *stream, bool end);
/* Moves the block just received to the stream; false: no memory. */
bool h2ws__h2_take_head(struct h2ws__h2_stream *stream);
/* The refusal is complete: body ended, or as much kept as we want. */
void h2ws__h2_refused(struct h2ws__h2_stream *stream);

/* fields.c */

/* Builds the request, pseudo fields first. */
int h2ws__h2_build_request(struct h2ws__h2 *h2, struct h2ws__headers *out,
                           const h2ws_request *request);
/* nghttp2's form of `fields`; free with h2ws__mem_free. NULL: no memory. */
nghttp2_nv *h2ws__h2_nva(const h2ws_mem *mem,
                         const struct h2ws__headers *fields);

/* keepalive.c */
void h2ws__h2_start_timers(struct h2ws__h2 *h2);
void h2ws__h2_stop_timers(struct h2ws__h2 *h2);
void h2ws__h2_settings_received(struct h2ws__h2 *h2, bool ack);
void h2ws__h2_pong_received(struct h2ws__h2 *h2, const uint8_t *opaque);
void h2ws__h2_streams_changed(struct h2ws__h2 *h2);
void h2ws__h2_watch_header_block(struct h2ws__h2 *h2);

#endif
