#include "lib/io/mailbox.h"

#include <h2ws/core.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct h2ws__mailbox {
  pthread_mutex_t mutex;
  struct h2ws__letter *first;
  struct h2ws__letter **last;
  unsigned refs;
  bool closed;
  int fd;
};

int h2ws__mailbox_new(struct h2ws__mailbox **out) {
  struct h2ws__mailbox *mailbox = calloc(1, sizeof(*mailbox));
  if (mailbox == NULL) {
    return H2WS_ERR_NOMEM;
  }
  mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (mailbox->fd < 0 || pthread_mutex_init(&mailbox->mutex, NULL) != 0) {
    if (mailbox->fd >= 0) {
      (void)close(mailbox->fd);
    }
    free(mailbox);
    return H2WS_ERR_IO;
  }
  mailbox->last = &mailbox->first;
  mailbox->refs = 1;
  *out = mailbox;
  return 0;
}

struct h2ws__mailbox *h2ws__mailbox_retain(struct h2ws__mailbox *mailbox) {
  (void)pthread_mutex_lock(&mailbox->mutex);
  mailbox->refs++;
  (void)pthread_mutex_unlock(&mailbox->mutex);
  return mailbox;
}

void h2ws__mailbox_release(struct h2ws__mailbox *mailbox) {
  unsigned refs;
  (void)pthread_mutex_lock(&mailbox->mutex);
  refs = --mailbox->refs;
  (void)pthread_mutex_unlock(&mailbox->mutex);
  if (refs == 0) {
    (void)close(mailbox->fd);
    (void)pthread_mutex_destroy(&mailbox->mutex);
    free(mailbox);
  }
}

int h2ws__mailbox_fd(const struct h2ws__mailbox *mailbox) {
  return mailbox->fd;
}

int h2ws__mailbox_put(struct h2ws__mailbox *mailbox,
                      struct h2ws__letter *letter) {
  uint64_t one = 1;
  bool closed;
  (void)pthread_mutex_lock(&mailbox->mutex);
  closed = mailbox->closed;
  if (!closed && !letter->posted) {
    letter->posted = true;
    letter->next = NULL;
    *mailbox->last = letter;
    mailbox->last = &letter->next;
    /* Cannot fail but by overflow, and then it is readable already. */
    if (write(mailbox->fd, &one, sizeof(one)) < 0) {
      one = 0;
    }
  }
  (void)pthread_mutex_unlock(&mailbox->mutex);
  return closed ? H2WS_ERR_CLOSED : 0;
}

int h2ws__mailbox_post(struct h2ws__mailbox *mailbox, void (*fn)(void *arg),
                       void *arg) {
  struct h2ws__letter *letter = calloc(1, sizeof(*letter));
  int rv;
  if (letter == NULL) {
    return H2WS_ERR_NOMEM;
  }
  letter->fn = fn;
  letter->arg = arg;
  letter->own = true;
  rv = h2ws__mailbox_put(mailbox, letter);
  if (rv != 0) {
    free(letter);
  }
  return rv;
}

/* From here on it may be posted again. */
static struct h2ws__letter *open_letter(struct h2ws__mailbox *mailbox,
                                        struct h2ws__letter *letter) {
  struct h2ws__letter *next;
  (void)pthread_mutex_lock(&mailbox->mutex);
  next = letter->next;
  letter->posted = false;
  (void)pthread_mutex_unlock(&mailbox->mutex);
  return next;
}

void h2ws__mailbox_run(struct h2ws__mailbox *mailbox) {
  struct h2ws__letter *letter;
  uint64_t count;
  (void)pthread_mutex_lock(&mailbox->mutex);
  if (read(mailbox->fd, &count, sizeof(count)) < 0) {
    count = 0; /* nothing was posted */
  }
  letter = mailbox->first;
  mailbox->first = NULL;
  mailbox->last = &mailbox->first;
  (void)pthread_mutex_unlock(&mailbox->mutex);
  while (letter != NULL) {
    struct h2ws__letter *next = open_letter(mailbox, letter);
    bool own = letter->own;
    letter->fn(letter->arg);
    if (own) {
      free(letter);
    }
    letter = next;
  }
}

void h2ws__mailbox_close(struct h2ws__mailbox *mailbox) {
  (void)pthread_mutex_lock(&mailbox->mutex);
  mailbox->closed = true;
  (void)pthread_mutex_unlock(&mailbox->mutex);
  h2ws__mailbox_run(mailbox);
}
