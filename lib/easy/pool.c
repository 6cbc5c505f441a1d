#include "lib/easy/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/easy/channel.h"

struct job {
  struct job *next;
  struct h2ws__channel *channel;
};

struct h2ws__pool {
  h2ws_handler *handler;
  void *user;
  void (*on_place)(void *arg);
  void *arg;
  unsigned limit;
  pthread_mutex_t mutex; /* for the rest */
  pthread_cond_t work;
  struct job *first;
  struct job **last;
  unsigned waiting; /* jobs nobody has begun */
  unsigned taken;   /* places */
  unsigned idle;    /* threads */
  unsigned threads_len;
  bool ending;
  pthread_t threads[];
};

static _Thread_local const struct h2ws__pool *here;

bool h2ws__pool_is_here(const struct h2ws__pool *pool) {
  return pool != NULL && here == pool;
}

struct h2ws__pool *h2ws__pool_new(unsigned threads, h2ws_handler *handler,
                                  void *user, void (*on_place)(void *arg),
                                  void *arg) {
  struct h2ws__pool *pool =
    calloc(1, sizeof(*pool) + threads * sizeof(pthread_t));
  if (pool == NULL) {
    return NULL;
  }
  pool->handler = handler;
  pool->user = user;
  pool->on_place = on_place;
  pool->arg = arg;
  pool->limit = threads;
  pool->last = &pool->first;
  (void)pthread_mutex_init(&pool->mutex, NULL);
  (void)pthread_cond_init(&pool->work, NULL);
  return pool;
}

void h2ws__pool_free(struct h2ws__pool *pool) {
  unsigned i;
  if (pool == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&pool->mutex);
  pool->ending = true;
  (void)pthread_cond_broadcast(&pool->work);
  (void)pthread_mutex_unlock(&pool->mutex);
  /* Nobody starts threads any more: the loop has stopped the server. */
  for (i = 0; i < pool->threads_len; i++) {
    (void)pthread_join(pool->threads[i], NULL);
  }
  (void)pthread_cond_destroy(&pool->work);
  (void)pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

bool h2ws__pool_take(struct h2ws__pool *pool) {
  bool free_place;
  (void)pthread_mutex_lock(&pool->mutex);
  free_place = pool->taken < pool->limit;
  pool->taken += free_place ? 1 : 0;
  (void)pthread_mutex_unlock(&pool->mutex);
  return free_place;
}

void h2ws__pool_give_back(struct h2ws__pool *pool) {
  (void)pthread_mutex_lock(&pool->mutex);
  pool->taken--;
  (void)pthread_mutex_unlock(&pool->mutex);
}

/* ------------------------------------------------------------------------
 * Threads
 */

/* NULL: the pool ends. With the mutex held. */
static struct job *pool_next(struct h2ws__pool *pool) {
  struct job *job;
  while (pool->first == NULL && !pool->ending) {
    pool->idle++;
    (void)pthread_cond_wait(&pool->work, &pool->mutex);
    pool->idle--;
  }
  job = pool->first;
  if (job != NULL) {
    pool->first = job->next;
    if (pool->first == NULL) {
      pool->last = &pool->first;
    }
    pool->waiting--;
  }
  return job;
}

static void pool_handle(struct h2ws__pool *pool, struct job *job) {
  h2ws *h = job->channel->handle.name;
  pool->handler(h, pool->user);
  (void)h2ws_close(h); /* says CLOSED if the handler did it */
  h2ws__channel_release(job->channel);
  free(job);
}

static void *pool_main(void *arg) {
  struct h2ws__pool *pool = arg;
  struct job *job;
  here = pool;
  (void)pthread_mutex_lock(&pool->mutex);
  while ((job = pool_next(pool)) != NULL) {
    (void)pthread_mutex_unlock(&pool->mutex);
    pool_handle(pool, job);
    h2ws__pool_give_back(pool);
    pool->on_place(pool->arg);
    (void)pthread_mutex_lock(&pool->mutex);
  }
  (void)pthread_mutex_unlock(&pool->mutex);
  return NULL;
}

/* With the mutex held. */
static int pool_grow(struct h2ws__pool *pool) {
  if (pool->idle >= pool->waiting || pool->threads_len == pool->limit) {
    return 0;
  }
  /* Signals are the program's: this is called where all are blocked. */
  if (pthread_create(&pool->threads[pool->threads_len], NULL, pool_main,
                     pool) != 0) {
    return pool->threads_len > 0 ? 0 : H2WS_ERR_IO;
  }
  pool->threads_len++;
  return 0;
}

int h2ws__pool_run(struct h2ws__pool *pool, struct h2ws__channel *channel) {
  struct job *job = malloc(sizeof(*job));
  int rv;
  if (job == NULL) {
    return H2WS_ERR_NOMEM;
  }
  job->next = NULL;
  job->channel = channel;
  (void)pthread_mutex_lock(&pool->mutex);
  pool->waiting++;
  rv = pool_grow(pool);
  if (rv == 0) {
    *pool->last = job;
    pool->last = &job->next;
    (void)pthread_cond_signal(&pool->work);
  } else {
    pool->waiting--;
  }
  (void)pthread_mutex_unlock(&pool->mutex);
  if (rv != 0) {
    free(job);
  }
  return rv;
}
