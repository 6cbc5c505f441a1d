#include "lib/base/bufq.h"

#include <assert.h>
#include <string.h>

struct h2ws__chunk {
  struct h2ws__chunk *next;
  uint8_t *data;           /* room, or the bytes of blob */
  struct h2ws__blob *blob; /* NULL: the bytes are the chunk's own */
  uint32_t pos;            /* first byte queued */
  uint32_t end;            /* behind the last one */
  uint32_t cap;
  uint8_t room[];
};

/* Larger appends are cut into chunks of this size. */
#define CHUNK_LARGE 65536

void h2ws__chunk_pool_init(struct h2ws__chunk_pool *pool, const h2ws_mem *mem,
                           size_t free_max) {
  pool->mem = mem;
  pool->free = NULL;
  pool->free_len = 0;
  pool->free_max = free_max;
}

void h2ws__chunk_pool_trim(struct h2ws__chunk_pool *pool) {
  while (pool->free != NULL) {
    struct h2ws__chunk *chunk = pool->free;
    pool->free = chunk->next;
    h2ws__mem_free(pool->mem, chunk);
  }
  pool->free_len = 0;
}

static struct h2ws__chunk *chunk_get(struct h2ws__chunk_pool *pool,
                                     size_t len) {
  size_t cap = len > H2WS__CHUNK_SMALL ? len : H2WS__CHUNK_SMALL;
  struct h2ws__chunk *chunk = pool->free;
  if (cap == H2WS__CHUNK_SMALL && chunk != NULL) {
    pool->free = chunk->next;
    pool->free_len--;
  } else {
    chunk = h2ws__mem_alloc(pool->mem, sizeof(*chunk) + cap);
    if (chunk == NULL) {
      return NULL;
    }
    chunk->cap = (uint32_t)cap;
    chunk->data = chunk->room;
    chunk->blob = NULL;
  }
  chunk->next = NULL;
  chunk->pos = 0;
  chunk->end = 0;
  return chunk;
}

static void chunk_put(struct h2ws__chunk_pool *pool,
                      struct h2ws__chunk *chunk) {
  if (chunk->blob != NULL) {
    h2ws__blob_release(chunk->blob);
    h2ws__mem_free(pool->mem, chunk);
  } else if (chunk->cap == H2WS__CHUNK_SMALL &&
             pool->free_len < pool->free_max) {
    chunk->next = pool->free;
    pool->free = chunk;
    pool->free_len++;
  } else {
    h2ws__mem_free(pool->mem, chunk);
  }
}

void h2ws__bufq_dispose(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool) {
  while (q->head != NULL) {
    struct h2ws__chunk *chunk = q->head;
    q->head = chunk->next;
    chunk_put(pool, chunk);
  }
  q->tail = NULL;
  q->len = 0;
}

static size_t chunk_room(const struct h2ws__chunk *chunk) {
  return chunk == NULL ? 0 : chunk->cap - chunk->end;
}

static void bufq_link(struct h2ws__bufq *q, struct h2ws__chunk *chunk) {
  if (q->tail == NULL) {
    q->head = chunk;
  } else {
    q->tail->next = chunk;
  }
  q->tail = chunk;
}

int h2ws__bufq_reserve(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                       uint8_t **out, size_t len) {
  assert(len <= UINT32_MAX);
  if (chunk_room(q->tail) < len) {
    struct h2ws__chunk *chunk = chunk_get(pool, len);
    if (chunk == NULL) {
      return H2WS_ERR_NOMEM;
    }
    bufq_link(q, chunk);
  }
  *out = q->tail == NULL ? NULL : q->tail->data + q->tail->end;
  return 0;
}

void h2ws__bufq_commit(struct h2ws__bufq *q, size_t len) {
  assert(len <= chunk_room(q->tail));
  if (len > 0) {
    q->tail->end += (uint32_t)len;
    q->len += len;
  }
}

/* Takes back what an append that failed half-way has added. */
static void bufq_cut(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                     struct h2ws__chunk *tail, uint32_t tail_end, size_t len) {
  struct h2ws__chunk *chunk = tail == NULL ? q->head : tail->next;
  while (chunk != NULL) {
    struct h2ws__chunk *next = chunk->next;
    chunk_put(pool, chunk);
    chunk = next;
  }
  if (tail == NULL) {
    q->head = NULL;
  } else {
    tail->next = NULL;
    tail->end = tail_end;
  }
  q->tail = tail;
  q->len = len;
}

int h2ws__bufq_append(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                      const void *data, size_t len) {
  struct h2ws__chunk *tail = q->tail;
  uint32_t tail_end = tail == NULL ? 0 : tail->end;
  size_t old_len = q->len;
  const uint8_t *in = data;
  while (len > 0) {
    size_t room = chunk_room(q->tail);
    uint8_t *out = NULL;
    size_t n;
    if (room == 0) {
      room = len < CHUNK_LARGE ? len : CHUNK_LARGE;
    }
    n = len < room ? len : room;
    if (h2ws__bufq_reserve(q, pool, &out, n) != 0) {
      bufq_cut(q, pool, tail, tail_end, old_len);
      return H2WS_ERR_NOMEM;
    }
    memcpy(out, in, n);
    h2ws__bufq_commit(q, n);
    in += n;
    len -= n;
  }
  return 0;
}

int h2ws__bufq_append_blob(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                           struct h2ws__blob *blob, size_t from) {
  struct h2ws__chunk *chunk;
  assert(from < blob->len && blob->len <= UINT32_MAX);
  chunk = h2ws__mem_alloc(pool->mem, sizeof(*chunk));
  if (chunk == NULL) {
    return H2WS_ERR_NOMEM;
  }
  chunk->next = NULL;
  chunk->data = blob->data;
  chunk->blob = h2ws__blob_retain(blob);
  chunk->pos = (uint32_t)from;
  chunk->end = (uint32_t)blob->len;
  chunk->cap = chunk->end; /* no room: nothing may be added */
  bufq_link(q, chunk);
  q->len += blob->len - from;
  return 0;
}

/* Chunks that were reserved and never filled lie in the way. */
static const struct h2ws__chunk *first_filled(const struct h2ws__bufq *q) {
  const struct h2ws__chunk *chunk = q->head;
  while (chunk != NULL && chunk->pos == chunk->end) {
    chunk = chunk->next;
  }
  return chunk;
}

size_t h2ws__bufq_peek(const struct h2ws__bufq *q, uint8_t **data) {
  const struct h2ws__chunk *chunk = first_filled(q);
  if (chunk == NULL) {
    return 0;
  }
  *data = chunk->data + chunk->pos;
  return chunk->end - chunk->pos;
}

void h2ws__bufq_drain(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                      size_t len) {
  assert(len <= q->len);
  q->len -= len;
  while (q->head != NULL) {
    struct h2ws__chunk *chunk = q->head;
    size_t n = chunk->end - chunk->pos;
    n = len < n ? len : n;
    chunk->pos += (uint32_t)n;
    len -= n;
    if (chunk->pos < chunk->end) {
      return;
    }
    q->head = chunk->next;
    if (q->head == NULL) {
      q->tail = NULL;
    }
    chunk_put(pool, chunk);
  }
}

size_t h2ws__bufq_read(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                       uint8_t *buf, size_t len) {
  size_t total = 0;
  while (total < len && q->len > 0) {
    uint8_t *data = NULL;
    size_t n = h2ws__bufq_peek(q, &data);
    assert(data != NULL);
    n = n < len - total ? n : len - total;
    memcpy(buf + total, data, n);
    h2ws__bufq_drain(q, pool, n);
    total += n;
  }
  return total;
}
