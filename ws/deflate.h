/*
 * Raw deflate with sync flushes (RFC 7692 section 7.2): the only user of
 * zlib.
 *
 * A connection keeps one spare compressor, inflater and buffer of each kind
 * for all its sockets. Whoever needs one takes it and gives it back: what is
 * taken belongs to the taker, whatever callbacks do in between. Spares are
 * freed when the connection has fallen silent. All memory comes from the
 * connection's allocator.
 */
#ifndef H2WS_WS_DEFLATE_H
#define H2WS_WS_DEFLATE_H

#include "lib/base/env.h"

/* Inflated bytes that are handed on at once. */
#define H2WS__INFLATE_STEP 16384
/* Compressed bytes that become one frame: with its header, one reservation. */
#define H2WS__DEFLATE_STEP (H2WS_RESERVE_MAX - 16)

/* RFC 7692 section 7.2.1: the end of each flush, left out at a message's. */
#define H2WS__FLUSH_TAIL_LEN 4
extern const uint8_t h2ws__flush_tail[H2WS__FLUSH_TAIL_LEN];

struct h2ws__deflater;
struct h2ws__inflater;

/* Frees the spares, and all else once nothing is taken any more. */
void h2ws__deflate_trim(struct h2ws__env *env);

/* Bytes that zlib's states and the buffers on this connection hold. */
size_t h2ws__deflate_held(const struct h2ws__env *env);

/* A buffer of the step's size; NULL: no memory. */
uint8_t *h2ws__inflate_buffer_take(struct h2ws__env *env);
void h2ws__inflate_buffer_give(struct h2ws__env *env, uint8_t *buffer);
uint8_t *h2ws__deflate_buffer_take(struct h2ws__env *env);
void h2ws__deflate_buffer_give(struct h2ws__env *env, uint8_t *buffer);

/* ------------------------------------------------------------------------
 * Sending
 */

struct h2ws__deflate_shape {
  uint8_t level;     /* 1 to 9 */
  uint8_t mem_level; /* 1 to 9 */
  uint8_t bits;      /* 9 to 15 */
};

/* A compressor without history; NULL: no memory, or the budget is spent. */
struct h2ws__deflater *
h2ws__deflater_take(struct h2ws__env *env,
                    const struct h2ws__deflate_shape *shape);
/* NULL does nothing. */
void h2ws__deflater_give(struct h2ws__env *env,
                         struct h2ws__deflater *deflater);

/* Forgets all history: what follows does not refer back. */
void h2ws__deflater_reset(struct h2ws__deflater *deflater);

/*
 * Compresses from *in, moving it, to `out` and returns how many bytes came
 * out. If fewer than `cap` did, all input is used up and flushed: what came
 * out ends with h2ws__flush_tail. Else call again. `cap` must be above 6.
 */
size_t h2ws__deflate(struct h2ws__deflater *deflater, const uint8_t **in,
                     size_t *in_len, uint8_t *out, size_t cap);

bool h2ws__deflate_shape_is(const struct h2ws__deflate_shape *a,
                            const struct h2ws__deflate_shape *b);

/*
 * Compresses a whole message to `out`, which has room for `len` bytes, and
 * returns its size; 0 if it does not get smaller. H2WS_ERR_NOMEM: no memory,
 * or the budget is spent.
 */
h2ws_ssize h2ws__deflate_message(struct h2ws__env *env,
                                 const struct h2ws__deflate_shape *shape,
                                 const uint8_t *data, size_t len, uint8_t *out);

/* ------------------------------------------------------------------------
 * Receiving
 */

/* An inflater without history; bits 8 to 15. NULL: no memory. */
struct h2ws__inflater *h2ws__inflater_take(struct h2ws__env *env, uint8_t bits);
/* NULL does nothing. */
void h2ws__inflater_give(struct h2ws__env *env,
                         struct h2ws__inflater *inflater);

struct h2ws__inflated {
  size_t len;        /* bytes that came out */
  bool full;         /* the output was filled: there may be more */
  bool last;         /* the message is over */
  uint64_t total_in; /* since the inflater was taken */
  uint64_t total_out;
};

/* Bytes of the message under way that have come out. */
uint64_t h2ws__inflater_size(const struct h2ws__inflater *inflater);

/*
 * Inflates from *in, moving it, to `out`. `end`: the message ends behind
 * *in. If `out->full` call again, with what is left of the input.
 *
 * H2WS_ERR_PROTO   this is not deflate, or ends in the middle of a block
 * H2WS_ERR_NOMEM
 */
int h2ws__inflate(struct h2ws__inflater *inflater, const uint8_t **in,
                  size_t *in_len, bool end, uint8_t *out, size_t cap,
                  struct h2ws__inflated *result);

#endif
