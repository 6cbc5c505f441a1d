/*
 * The threads that run handlers: as many as there is work for, up to a limit.
 * A place is taken before a request is accepted, so that no accepted
 * connection waits for a thread.
 */
#ifndef H2WS_EASY_POOL_H
#define H2WS_EASY_POOL_H

#include <h2ws/easy.h>

struct h2ws__pool;
struct h2ws__channel;

/* `on_place(arg)`: a place became free; on the thread that left it. */
struct h2ws__pool *h2ws__pool_new(unsigned threads, h2ws_handler *handler,
                                  void *user, void (*on_place)(void *arg),
                                  void *arg);

/* Waits for the handlers. NULL does nothing. */
void h2ws__pool_free(struct h2ws__pool *pool);

/* Takes a place; false if there is none. To be given back or used. */
bool h2ws__pool_take(struct h2ws__pool *pool);
void h2ws__pool_give_back(struct h2ws__pool *pool);

/* Runs the handler on it, in the place taken. The reference goes over. */
int h2ws__pool_run(struct h2ws__pool *pool, struct h2ws__channel *channel);

/* The calling thread runs a handler of this pool. */
bool h2ws__pool_is_here(const struct h2ws__pool *pool);

#endif
