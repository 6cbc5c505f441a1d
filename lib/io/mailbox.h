/*
 * Work posted to a loop by other threads. Counted, so that a helper thread
 * which finishes late posts to nobody instead of to freed memory.
 */
#ifndef H2WS_IO_MAILBOX_H
#define H2WS_IO_MAILBOX_H

struct h2ws__mailbox;

/* NULL: no memory or no descriptor. */
struct h2ws__mailbox *h2ws__mailbox_new(void);
struct h2ws__mailbox *h2ws__mailbox_retain(struct h2ws__mailbox *mailbox);
void h2ws__mailbox_release(struct h2ws__mailbox *mailbox);

/* Becomes readable when there is work. */
int h2ws__mailbox_fd(const struct h2ws__mailbox *mailbox);

/* Any thread. 0, H2WS_ERR_NOMEM, H2WS_ERR_CLOSED after closing. */
int h2ws__mailbox_post(struct h2ws__mailbox *mailbox, void (*fn)(void *arg),
                       void *arg);

/* Runs what is there, in order. The loop's thread. */
void h2ws__mailbox_run(struct h2ws__mailbox *mailbox);

/* No posts after this; what is there runs once more. */
void h2ws__mailbox_close(struct h2ws__mailbox *mailbox);

#endif
