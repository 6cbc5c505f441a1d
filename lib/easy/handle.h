/*
 * Handles: the public `h2ws *` is a name made of a slot and a generation, and
 * is never followed as a pointer. So a closed or foreign one is noticed, and a
 * signal handler can cancel without a lock.
 */
#ifndef H2WS_EASY_HANDLE_H
#define H2WS_EASY_HANDLE_H

#include <h2ws/easy.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "lib/easy/engine.h"

enum h2ws__handle_kind { H2WS__CHANNEL, H2WS__SERVER };

/* What is behind a handle: the first member of a channel or a server. */
struct h2ws__handle {
  struct h2ws__task task; /* first: each task of ours is a handle's */
  enum h2ws__handle_kind kind;
  h2ws *name; /* NULL before it is published */
  atomic_uint refs;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  unsigned waiting; /* threads in h2ws__handle_wait() */
  void (*destroy)(struct h2ws__handle *handle);
};

/* One reference. `run` is what a kick does. H2WS_ERR_NOMEM */
int h2ws__handle_init(struct h2ws__handle *handle, enum h2ws__handle_kind kind,
                      void (*run)(struct h2ws__task *task),
                      void (*destroy)(struct h2ws__handle *handle));
void *h2ws__handle_retain(struct h2ws__handle *handle);
void h2ws__handle_release(struct h2ws__handle *handle);

/* Gives it a name, which holds a reference of its own. H2WS_ERR_NOMEM */
int h2ws__handle_publish(struct h2ws__handle *handle);

/* Ends the name. False if that was done already. */
bool h2ws__handle_withdraw(h2ws *name);

/*
 * What the name means, retained. NULL if it means nothing: `*error` says why,
 * H2WS_ERR_INVALID, H2WS_ERR_CLOSED or H2WS_ERR_STATE (forked).
 */
struct h2ws__handle *h2ws__handle_find(const h2ws *name, int *error);

/* Has the task run on the hidden thread. Any thread. */
void h2ws__handle_kick(struct h2ws__handle *handle);

/* Wakes those who wait; with the mutex held. */
void h2ws__handle_changed(struct h2ws__handle *handle);

/*
 * With the mutex held: waits for a change. False if the time is over; NULL:
 * no limit.
 */
bool h2ws__handle_wait(struct h2ws__handle *handle,
                       const struct timespec *until);

/* The time `ms` from now, for the above; NULL if `ms` is negative. */
const struct timespec *h2ws__time_after(int64_t ms, struct timespec *buf);

/* How often the handle was cancelled; exit() counts too. */
unsigned h2ws__handle_cancels(const struct h2ws__handle *handle);

/* Counts one more. False: no such handle. Async-signal-safe. */
bool h2ws__handle_cancel(const h2ws *name);

/* The same for each server. Async-signal-safe. */
void h2ws__handle_cancel_servers(void);

/* For the engine. */
void h2ws__handles_wake_cancelled(void);
void h2ws__handles_wake_all(void);

#endif
