/*
 * The byte queue: a list of chunks, filled at the tail, drained at the head.
 *
 *     head                                  tail
 *     [....pppppppppp] -> [pppppppppppp] -> [ppppp.......]
 *          ^pos                                   ^end
 *
 * Small chunks come from a pool and go back to it, so that a queue which
 * fills and drains with every small message allocates nothing. An empty
 * queue holds no memory. Whoever appends compares bufq->len with a limit
 * first: each queue has one, set by an option.
 */
#ifndef H2WS_BASE_BUFQ_H
#define H2WS_BASE_BUFQ_H

#include "lib/base/blob.h"

struct h2ws__chunk;

/* Bytes that a pooled chunk holds; larger pieces get a chunk of their own. */
#define H2WS__CHUNK_SMALL 2000

struct h2ws__chunk_pool {
  const h2ws_mem *mem;
  struct h2ws__chunk *free;
  size_t free_len;
  size_t free_max; /* chunks kept for reuse */
};

struct h2ws__bufq {
  struct h2ws__chunk *head;
  struct h2ws__chunk *tail;
  size_t len; /* bytes queued */
};

void h2ws__chunk_pool_init(struct h2ws__chunk_pool *pool, const h2ws_mem *mem,
                           size_t free_max);
/* Frees the chunks kept for reuse; the pool stays usable. */
void h2ws__chunk_pool_trim(struct h2ws__chunk_pool *pool);

/* A zeroed bufq is empty; dispose gives everything back. */
void h2ws__bufq_dispose(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool);

/*
 * Room for `len` bytes in one piece behind the last byte; valid until the
 * next call. Committing fewer bytes is fine. H2WS_ERR_NOMEM.
 */
int h2ws__bufq_reserve(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                       uint8_t **out, size_t len);
void h2ws__bufq_commit(struct h2ws__bufq *q, size_t len);

/* Appends a copy, all or nothing. H2WS_ERR_NOMEM. */
int h2ws__bufq_append(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                      const void *data, size_t len);

/*
 * Appends the bytes of `blob` from `from` on, without copying: the queue keeps
 * a reference until they are drained. H2WS_ERR_NOMEM.
 */
int h2ws__bufq_append_blob(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                           struct h2ws__blob *blob, size_t from);

/* The first bytes that lie in one piece; 0 if the queue is empty. */
size_t h2ws__bufq_peek(const struct h2ws__bufq *q, uint8_t **data);

/* Drops `len` bytes (at most q->len) from the front. */
void h2ws__bufq_drain(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                      size_t len);

/* Moves up to `len` bytes from the front to `buf`; returns how many. */
size_t h2ws__bufq_read(struct h2ws__bufq *q, struct h2ws__chunk_pool *pool,
                       uint8_t *buf, size_t len);

#endif
