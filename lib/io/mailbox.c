#include "lib/io/mailbox.h"

#include <h2ws/core.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct letter {
  struct letter *next;
  void (*fn)(void *arg);
  void *arg;
};

struct h2ws__mailbox {
  pthread_mutex_t mutex;
  struct letter *first;
  struct letter **last;
  unsigned refs;
  bool closed;
  int fd;
};

struct h2ws__mailbox *h2ws__mailbox_new(void) {
  struct h2ws__mailbox *mailbox = calloc(1, sizeof(*mailbox));
  if (mailbox == NULL) {
    return NULL;
  }
  mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (mailbox->fd < 0 || pthread_mutex_init(&mailbox->mutex, NULL) != 0) {
    if (mailbox->fd >= 0) {
      (void)close(mailbox->fd);
    }
    free(mailbox);
    return NULL;
  }
  mailbox->last = &mailbox->first;
  mailbox->refs = 1;
  return mailbox;
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

int h2ws__mailbox_post(struct h2ws__mailbox *mailbox, void (*fn)(void *arg),
                       void *arg) {
  struct letter *letter = malloc(sizeof(*letter));
  uint64_t one = 1;
  bool closed;
  if (letter == NULL) {
    return H2WS_ERR_NOMEM;
  }
  letter->next = NULL;
  letter->fn = fn;
  letter->arg = arg;
  (void)pthread_mutex_lock(&mailbox->mutex);
  closed = mailbox->closed;
  if (!closed) {
    *mailbox->last = letter;
    mailbox->last = &letter->next;
    /* Cannot fail but by overflow, and then it is readable already. */
    if (write(mailbox->fd, &one, sizeof(one)) < 0) {
      one = 0;
    }
  }
  (void)pthread_mutex_unlock(&mailbox->mutex);
  if (closed) {
    free(letter);
    return H2WS_ERR_CLOSED;
  }
  return 0;
}

void h2ws__mailbox_run(struct h2ws__mailbox *mailbox) {
  struct letter *letter;
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
    struct letter *next = letter->next;
    letter->fn(letter->arg);
    free(letter);
    letter = next;
  }
}

void h2ws__mailbox_close(struct h2ws__mailbox *mailbox) {
  (void)pthread_mutex_lock(&mailbox->mutex);
  mailbox->closed = true;
  (void)pthread_mutex_unlock(&mailbox->mutex);
  h2ws__mailbox_run(mailbox);
}
