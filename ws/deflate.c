#include "ws/deflate.h"

#include <assert.h>
#include <string.h>
#define ZLIB_CONST /* input is not written to */
#include <zlib.h>

/* In front of each block of zlib's: its size. Keeps what malloc aligned. */
#define BLOCK_HEADER 16
/* zlib counts in unsigned int; no call gets more than this. */
#define SLICE_MAX ((size_t)1 << 30)
/* What zlib's own state of a compressor takes beside its tables, about. */
#define DEFLATE_STATE 8192

const uint8_t h2ws__flush_tail[H2WS__FLUSH_TAIL_LEN] = {0, 0, 0xff, 0xff};

struct h2ws__deflater {
  z_stream z;
  struct h2ws__deflate_shape shape;
};

struct h2ws__inflater {
  z_stream z;
  uint8_t bits;
  /* A block ended with its byte: nothing is due, not even the tail. */
  bool between_blocks;
  uint8_t tail_fed; /* of the tail of the message that ends */
  uint64_t size;    /* of the message under way */
  uint64_t total_in;
  uint64_t total_out;
};

/* One per connection, while something of it is needed. */
struct h2ws__deflate_pool {
  struct h2ws__env *env;
  size_t held;  /* bytes allocated by zlib, and buffers */
  size_t taken; /* states and buffers that are not here */
  struct h2ws__deflater *deflater;
  struct h2ws__inflater *inflater;
  uint8_t *deflate_buffer;
  uint8_t *inflate_buffer;
};

/* ------------------------------------------------------------------------
 * The pool
 */

static struct h2ws__deflate_pool *pool_get(struct h2ws__env *env) {
  if (env->deflate == NULL) {
    env->deflate = h2ws__mem_zalloc(&env->mem, sizeof(*env->deflate));
    if (env->deflate != NULL) {
      env->deflate->env = env;
    }
  }
  return env->deflate;
}

static void *pool_alloc(struct h2ws__deflate_pool *pool, size_t size) {
  uint8_t *block = h2ws__mem_alloc(&pool->env->mem, BLOCK_HEADER + size);
  if (block == NULL) {
    return NULL;
  }
  memcpy(block, &size, sizeof(size));
  pool->held += size;
  return block + BLOCK_HEADER;
}

static void pool_free(struct h2ws__deflate_pool *pool, void *ptr) {
  if (ptr != NULL) {
    uint8_t *block = (uint8_t *)ptr - BLOCK_HEADER;
    size_t size;
    memcpy(&size, block, sizeof(size));
    pool->held -= size;
    h2ws__mem_free(&pool->env->mem, block);
  }
}

static voidpf zlib_alloc(voidpf opaque, uInt items, uInt size) {
  return pool_alloc(opaque, (size_t)items * size);
}

static void zlib_free(voidpf opaque, voidpf ptr) {
  pool_free(opaque, ptr);
}

static void stream_init(z_stream *z, struct h2ws__deflate_pool *pool) {
  memset(z, 0, sizeof(*z));
  z->zalloc = zlib_alloc;
  z->zfree = zlib_free;
  z->opaque = pool;
}

static void deflater_free(struct h2ws__deflate_pool *pool,
                          struct h2ws__deflater *deflater) {
  if (deflater != NULL) {
    (void)deflateEnd(&deflater->z);
    pool_free(pool, deflater);
  }
}

static void inflater_free(struct h2ws__deflate_pool *pool,
                          struct h2ws__inflater *inflater) {
  if (inflater != NULL) {
    (void)inflateEnd(&inflater->z);
    pool_free(pool, inflater);
  }
}

static void pool_free_spares(struct h2ws__deflate_pool *pool) {
  deflater_free(pool, pool->deflater);
  inflater_free(pool, pool->inflater);
  pool_free(pool, pool->deflate_buffer);
  pool_free(pool, pool->inflate_buffer);
  pool->deflater = NULL;
  pool->inflater = NULL;
  pool->deflate_buffer = NULL;
  pool->inflate_buffer = NULL;
}

void h2ws__deflate_trim(struct h2ws__env *env) {
  struct h2ws__deflate_pool *pool = env->deflate;
  if (pool == NULL) {
    return;
  }
  pool_free_spares(pool);
  if (pool->taken == 0) {
    assert(pool->held == 0);
    h2ws__mem_free(&env->mem, pool);
    env->deflate = NULL;
  }
}

size_t h2ws__deflate_held(const struct h2ws__env *env) {
  return env->deflate == NULL ? 0 : env->deflate->held;
}

/* Something came back; the connection may have been freed meanwhile. */
static void pool_returned(struct h2ws__env *env) {
  assert(env->deflate->taken > 0);
  env->deflate->taken--;
  if (env->conn == NULL) {
    h2ws__deflate_trim(env);
  }
}

/* ------------------------------------------------------------------------
 * Buffers
 */

static uint8_t *buffer_take(struct h2ws__deflate_pool *pool, uint8_t **spare,
                            size_t size) {
  uint8_t *buffer = *spare;
  *spare = NULL;
  if (buffer == NULL) {
    buffer = pool_alloc(pool, size);
  }
  pool->taken += buffer != NULL;
  return buffer;
}

static void buffer_give(struct h2ws__env *env, uint8_t **spare,
                        uint8_t *buffer) {
  if (buffer == NULL) {
    return;
  }
  if (*spare == NULL) {
    *spare = buffer;
  } else {
    pool_free(env->deflate, buffer);
  }
  pool_returned(env);
}

uint8_t *h2ws__inflate_buffer_take(struct h2ws__env *env) {
  struct h2ws__deflate_pool *pool = pool_get(env);
  return pool == NULL
           ? NULL
           : buffer_take(pool, &pool->inflate_buffer, H2WS__INFLATE_STEP);
}

void h2ws__inflate_buffer_give(struct h2ws__env *env, uint8_t *buffer) {
  buffer_give(env, &env->deflate->inflate_buffer, buffer);
}

uint8_t *h2ws__deflate_buffer_take(struct h2ws__env *env) {
  struct h2ws__deflate_pool *pool = pool_get(env);
  return pool == NULL
           ? NULL
           : buffer_take(pool, &pool->deflate_buffer, H2WS__DEFLATE_STEP);
}

void h2ws__deflate_buffer_give(struct h2ws__env *env, uint8_t *buffer) {
  buffer_give(env, &env->deflate->deflate_buffer, buffer);
}

/* ------------------------------------------------------------------------
 * Sending
 */

/* zconf.h says how much deflateInit2() takes. */
static size_t shape_size(const struct h2ws__deflate_shape *shape) {
  return ((size_t)1 << (shape->bits + 2)) +
         ((size_t)1 << (shape->mem_level + 9)) + DEFLATE_STATE;
}

bool h2ws__deflate_shape_is(const struct h2ws__deflate_shape *a,
                            const struct h2ws__deflate_shape *b) {
  return a->level == b->level && a->mem_level == b->mem_level &&
         a->bits == b->bits;
}

static struct h2ws__deflater *
deflater_new(struct h2ws__deflate_pool *pool,
             const struct h2ws__deflate_shape *shape) {
  struct h2ws__deflater *deflater;
  size_t budget = pool->env->max_compress_memory;
  if (budget < shape_size(shape) || pool->held > budget - shape_size(shape)) {
    return NULL;
  }
  deflater = pool_alloc(pool, sizeof(*deflater));
  if (deflater == NULL) {
    return NULL;
  }
  stream_init(&deflater->z, pool);
  deflater->shape = *shape;
  if (deflateInit2(&deflater->z, shape->level, Z_DEFLATED, -(int)shape->bits,
                   shape->mem_level, Z_DEFAULT_STRATEGY) != Z_OK) {
    pool_free(pool, deflater);
    return NULL;
  }
  return deflater;
}

struct h2ws__deflater *
h2ws__deflater_take(struct h2ws__env *env,
                    const struct h2ws__deflate_shape *shape) {
  struct h2ws__deflate_pool *pool = pool_get(env);
  struct h2ws__deflater *deflater;
  if (pool == NULL) {
    return NULL;
  }
  deflater = pool->deflater;
  pool->deflater = NULL;
  if (deflater != NULL && !h2ws__deflate_shape_is(&deflater->shape, shape)) {
    deflater_free(pool, deflater);
    deflater = NULL;
  }
  if (deflater == NULL) {
    deflater = deflater_new(pool, shape);
  }
  pool->taken += deflater != NULL;
  return deflater;
}

void h2ws__deflater_give(struct h2ws__env *env,
                         struct h2ws__deflater *deflater) {
  struct h2ws__deflate_pool *pool = env->deflate;
  if (deflater == NULL) {
    return;
  }
  if (pool->deflater == NULL) {
    h2ws__deflater_reset(deflater);
    pool->deflater = deflater;
  } else {
    deflater_free(pool, deflater);
  }
  pool_returned(env);
}

void h2ws__deflater_reset(struct h2ws__deflater *deflater) {
  (void)deflateReset(&deflater->z);
}

size_t h2ws__deflate(struct h2ws__deflater *deflater, const uint8_t **in,
                     size_t *in_len, uint8_t *out, size_t cap) {
  z_stream *z = &deflater->z;
  assert(cap > 6 && cap <= SLICE_MAX); /* zlib.h on Z_SYNC_FLUSH */
  z->next_out = out;
  z->avail_out = (uInt)cap;
  do {
    size_t slice = *in_len < SLICE_MAX ? *in_len : SLICE_MAX;
    int rv;
    z->next_in = *in;
    z->avail_in = (uInt)slice;
    rv = deflate(z, slice == *in_len ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    assert(rv == Z_OK || rv == Z_BUF_ERROR); /* nothing to do is no error */
    (void)rv;
    slice -= z->avail_in;
    *in += slice;
    *in_len -= slice;
  } while (*in_len > 0 && z->avail_out > 0);
  return cap - z->avail_out;
}

h2ws_ssize h2ws__deflate_message(struct h2ws__env *env,
                                 const struct h2ws__deflate_shape *shape,
                                 const uint8_t *data, size_t len,
                                 uint8_t *out) {
  struct h2ws__deflater *deflater;
  size_t cap = len < SLICE_MAX ? len : SLICE_MAX;
  size_t n;
  if (cap <= H2WS__FLUSH_TAIL_LEN + 2) {
    return 0;
  }
  deflater = h2ws__deflater_take(env, shape);
  if (deflater == NULL) {
    return H2WS_ERR_NOMEM;
  }
  n = h2ws__deflate(deflater, &data, &len, out, cap);
  h2ws__deflater_give(env, deflater);
  return n < cap ? (h2ws_ssize)(n - H2WS__FLUSH_TAIL_LEN) : 0;
}

/* ------------------------------------------------------------------------
 * Receiving
 */

static void inflater_forget(struct h2ws__inflater *inflater, uint8_t bits) {
  (void)inflateReset2(&inflater->z, -(int)bits);
  inflater->bits = bits;
  inflater->between_blocks = true;
  inflater->tail_fed = 0;
  inflater->size = 0;
  inflater->total_in = 0;
  inflater->total_out = 0;
}

static struct h2ws__inflater *inflater_new(struct h2ws__deflate_pool *pool,
                                           uint8_t bits) {
  struct h2ws__inflater *inflater = pool_alloc(pool, sizeof(*inflater));
  if (inflater == NULL) {
    return NULL;
  }
  stream_init(&inflater->z, pool);
  if (inflateInit2(&inflater->z, -(int)bits) != Z_OK) {
    pool_free(pool, inflater);
    return NULL;
  }
  return inflater;
}

struct h2ws__inflater *h2ws__inflater_take(struct h2ws__env *env,
                                           uint8_t bits) {
  struct h2ws__deflate_pool *pool = pool_get(env);
  struct h2ws__inflater *inflater;
  if (pool == NULL) {
    return NULL;
  }
  inflater = pool->inflater;
  pool->inflater = NULL;
  if (inflater == NULL) {
    inflater = inflater_new(pool, bits);
  }
  if (inflater != NULL) {
    inflater_forget(inflater, bits);
    pool->taken++;
  }
  return inflater;
}

void h2ws__inflater_give(struct h2ws__env *env,
                         struct h2ws__inflater *inflater) {
  struct h2ws__deflate_pool *pool = env->deflate;
  if (inflater == NULL) {
    return;
  }
  if (pool->inflater == NULL) {
    pool->inflater = inflater;
  } else {
    inflater_free(pool, inflater);
  }
  pool_returned(env);
}

uint64_t h2ws__inflater_size(const struct h2ws__inflater *inflater) {
  return inflater->size;
}

/* Inflates what is set in `z`, until input or output is used up. */
static int inflater_run(struct h2ws__inflater *inflater) {
  z_stream *z = &inflater->z;
  do {
    int rv = inflate(z, Z_SYNC_FLUSH);
    switch (rv) {
    case Z_OK:
      /* zlib.h: 128 between blocks, the low bits are bits not used yet. */
      inflater->between_blocks =
        (z->data_type & 128) != 0 && (z->data_type & 63) == 0;
      break;
    case Z_STREAM_END:
      /* A last block is not the end here (row X-14). The history stays. */
      (void)inflateResetKeep(z);
      inflater->between_blocks = true;
      break;
    case Z_BUF_ERROR:
      return 0; /* neither input nor anything pending */
    case Z_MEM_ERROR:
      return H2WS_ERR_NOMEM;
    default:
      return H2WS_ERR_PROTO;
    }
  } while (z->avail_in > 0 && z->avail_out > 0);
  return 0;
}

static int inflater_feed(struct h2ws__inflater *inflater, const uint8_t **in,
                         size_t *in_len) {
  z_stream *z = &inflater->z;
  size_t slice = *in_len < SLICE_MAX ? *in_len : SLICE_MAX;
  int rv;
  z->next_in = *in;
  z->avail_in = (uInt)slice;
  rv = inflater_run(inflater);
  slice -= z->avail_in;
  *in += slice;
  *in_len -= slice;
  return rv;
}

/*
 * The tail that the sender left out. It is due unless nothing was sent, or
 * the last block was marked as such, or the sender did not leave it out.
 */
static int inflater_end(struct h2ws__inflater *inflater, bool *last) {
  const uint8_t *tail = h2ws__flush_tail + inflater->tail_fed;
  size_t left = H2WS__FLUSH_TAIL_LEN - inflater->tail_fed;
  int rv = 0;
  if (!inflater->between_blocks || inflater->tail_fed > 0) {
    rv = inflater_feed(inflater, &tail, &left);
    inflater->tail_fed = (uint8_t)(H2WS__FLUSH_TAIL_LEN - left);
  }
  if (rv == 0 && inflater->z.avail_out > 0) {
    *last = true;
    inflater->tail_fed = 0;
    rv = inflater->between_blocks ? 0 : H2WS_ERR_PROTO;
  }
  return rv;
}

int h2ws__inflate(struct h2ws__inflater *inflater, const uint8_t **in,
                  size_t *in_len, bool end, uint8_t *out, size_t cap,
                  struct h2ws__inflated *result) {
  z_stream *z = &inflater->z;
  size_t before = *in_len;
  int rv;
  assert(cap > 0 && cap <= SLICE_MAX);
  z->next_out = out;
  z->avail_out = (uInt)cap;
  result->last = false;
  rv = inflater_feed(inflater, in, in_len);
  if (rv == 0 && end && *in_len == 0 && z->avail_out > 0) {
    rv = inflater_end(inflater, &result->last);
  }
  result->len = cap - z->avail_out;
  result->full = z->avail_out == 0;
  inflater->size = result->last ? 0 : inflater->size + result->len;
  inflater->total_in += before - *in_len;
  inflater->total_out += result->len;
  result->total_in = inflater->total_in;
  result->total_out = inflater->total_out;
  return rv;
}
