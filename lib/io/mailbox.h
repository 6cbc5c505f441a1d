/*
 * Work posted to a loop by other threads. Counted, so that a helper thread
 * which finishes late posts to nobody instead of to freed memory.
 */
#ifndef H2WS_IO_MAILBOX_H
#define H2WS_IO_MAILBOX_H

#include <stdbool.h>

struct h2ws__mailbox;

/* For work that no lack of memory may hold up: part of what it is about. */
struct h2ws__letter {
  void (*fn)(void *arg); /* may free the letter */
  void *arg;
  struct h2ws__letter *next;
  bool posted;
  bool own; /* the mailbox's, which frees it */
};

/* H2WS_ERR_NOMEM, H2WS_ERR_IO: no descriptor. */
int h2ws__mailbox_new(struct h2ws__mailbox **out);
struct h2ws__mailbox *h2ws__mailbox_retain(struct h2ws__mailbox *mailbox);
void h2ws__mailbox_release(struct h2ws__mailbox *mailbox);

/* Becomes readable when there is work. */
int h2ws__mailbox_fd(const struct h2ws__mailbox *mailbox);

/* Any thread. 0, H2WS_ERR_NOMEM, H2WS_ERR_CLOSED after closing. */
int h2ws__mailbox_post(struct h2ws__mailbox *mailbox, void (*fn)(void *arg),
                       void *arg);

/*
 * The same with a letter of the caller's, of which fn and arg are set and the
 * rest was 0. Again before it ran: no matter. Fails only with H2WS_ERR_CLOSED.
 */
int h2ws__mailbox_put(struct h2ws__mailbox *mailbox,
                      struct h2ws__letter *letter);

/* Runs what is there, in order. The loop's thread. */
void h2ws__mailbox_run(struct h2ws__mailbox *mailbox);

/* No posts after this; what is there runs once more. */
void h2ws__mailbox_close(struct h2ws__mailbox *mailbox);

#endif
