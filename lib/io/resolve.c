#include "lib/io/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/loop.h"

/*
 * Handed from the loop's thread to the helper and back by the mailbox; `done`
 * is only touched by the loop's thread.
 */
struct h2ws__resolve {
  struct h2ws__mailbox *mailbox;
  struct h2ws__letter report;
  h2ws__resolved *done; /* NULL: cancelled */
  void *user;
  struct addrinfo *list;
  int error;
  char *host;
  char port[8];
};

static void resolve_free(struct h2ws__resolve *resolve) {
  if (resolve->list != NULL) {
    freeaddrinfo(resolve->list);
  }
  h2ws__mailbox_release(resolve->mailbox);
  free(resolve->host);
  free(resolve);
}

static void resolve_report(void *arg) {
  struct h2ws__resolve *resolve = arg;
  if (resolve->done != NULL) {
    struct addrinfo *list = resolve->list;
    resolve->list = NULL;
    resolve->done(list, resolve->error, resolve->user);
  }
  resolve_free(resolve);
}

static void *resolve_main(void *arg) {
  struct h2ws__resolve *resolve = arg;
  struct addrinfo hints = {0};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  resolve->error =
    getaddrinfo(resolve->host, resolve->port, &hints, &resolve->list);
  /* The loop's thread holds on to it until it hears from here. */
  if (h2ws__mailbox_put(resolve->mailbox, &resolve->report) != 0) {
    resolve_free(resolve); /* the loop is gone */
  }
  return NULL;
}

static int start_thread(struct h2ws__resolve *resolve) {
  pthread_t thread;
  sigset_t all;
  sigset_t old;
  int rv;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &old);
  rv = pthread_create(&thread, NULL, resolve_main, resolve);
  (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (rv != 0) {
    return H2WS_ERR_IO;
  }
  (void)pthread_detach(thread);
  return 0;
}

/* Addresses need no helper. */
static bool resolve_numeric(struct h2ws__resolve *resolve) {
  struct addrinfo hints = {0};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  return getaddrinfo(resolve->host, resolve->port, &hints, &resolve->list) == 0;
}

int h2ws__resolve_start(struct h2ws__resolve **out, h2ws_loop *loop,
                        const char *host, const char *port,
                        h2ws__resolved *done, void *user) {
  struct h2ws__resolve *resolve = calloc(1, sizeof(*resolve));
  int rv;
  if (resolve == NULL) {
    return H2WS_ERR_NOMEM;
  }
  resolve->mailbox = h2ws__mailbox_retain(loop->mailbox);
  resolve->report.fn = resolve_report;
  resolve->report.arg = resolve;
  resolve->done = done;
  resolve->user = user;
  resolve->host = strdup(host);
  memcpy(resolve->port, port, strlen(port) + 1);
  if (resolve->host == NULL) {
    resolve_free(resolve);
    return H2WS_ERR_NOMEM;
  }
  rv = resolve_numeric(resolve)
         ? h2ws__mailbox_put(resolve->mailbox, &resolve->report)
         : start_thread(resolve);
  if (rv != 0) {
    resolve_free(resolve);
    return rv;
  }
  *out = resolve;
  return 0;
}

void h2ws__resolve_cancel(struct h2ws__resolve *resolve) {
  if (resolve != NULL) {
    resolve->done = NULL;
  }
}
