/*
 * The hidden thread: one loop for the process, started by the first call.
 *
 *   engine.c   the thread, its tasks, its end at exit() and fork()
 *   handle.c   names of objects, and waiting for them
 *   channel.c  a WebSocket or a byte stream, between threads and the loop
 *   dial.c     the client's side of opening one, on connections that are shared
 *   listen.c   servers
 *   pool.c     the threads of their handlers
 *   why.c      sentences about errors
 *   easy.c     the public calls
 */
#ifndef H2WS_EASY_ENGINE_H
#define H2WS_EASY_ENGINE_H

#include <h2ws/event.h>

/*
 * Something to be done on the loop's thread. Embedded in what it is done to,
 * so that asking for it cannot fail.
 */
struct h2ws__task {
  struct h2ws__task *next;
  bool listed;
  void (*run)(struct h2ws__task *task);
};

/* Starts the thread unless it runs. H2WS_ERR_STATE after a fork, _IO, _NOMEM */
int h2ws__engine_start(void);

/* Its loop, once started. */
h2ws_loop *h2ws__engine_loop(void);

/* True if the task was not listed already. */
bool h2ws__engine_kick(struct h2ws__task *task);

/* Has the handles that were cancelled looked for. Async-signal-safe. */
void h2ws__engine_cancelled(void);

bool h2ws__engine_is_here(void); /* this is the hidden thread */
bool h2ws__engine_over(void);    /* exit() has begun */
bool h2ws__engine_forked(void);  /* this is a child of its process */

#endif
