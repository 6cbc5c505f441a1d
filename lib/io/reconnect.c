/* WebSockets that come back. */
#include <stdlib.h>
#include <string.h>

#include "lib/io/loop.h"
#include "lib/io/opening.h"

struct h2ws_reconnect {
  struct h2ws__grave grave; /* first */
  h2ws_loop *loop;
  h2ws_pool *pool;
  h2ws_opening *what; /* never opened itself: copies of all that is needed */
  h2ws_reconnect_options options;
  const h2ws_socket_callbacks *callbacks;
  void *user;
  h2ws_socket_callbacks mine; /* those of `callbacks`, by way of here */
  h2ws_opening *opening;
  h2ws_socket *socket; /* open */
  struct event *timer;
  h2ws_time opened_at;
  unsigned failed; /* tries, in a row */
  bool was_open;   /* once */
  bool waiting;
  bool stopped;
  bool freed;
};

static void reconnect_bury(struct h2ws__grave *grave) {
  h2ws_reconnect *r = (h2ws_reconnect *)(void *)grave; /* its first member */
  if (r->what != NULL) {
    h2ws__opening_free(r->what);
  }
  if (r->timer != NULL) {
    event_free(r->timer);
  }
  free(r);
}

static void reconnect_end(h2ws_reconnect *r, const h2ws_close_info *info) {
  if (r->options.on_end != NULL) {
    r->options.on_end(r, info, r->user);
  }
}

static void reconnect_fail(h2ws_reconnect *r, h2ws_close_class cls, int error) {
  h2ws_close_info info;
  memset(&info, 0, sizeof(info));
  info.size = sizeof(info);
  info.cls = cls;
  info.error = error;
  info.code = 1006;
  info.reason = "";
  info.detail = h2ws_strerror(error);
  reconnect_end(r, &info);
}

static int reconnect_open(h2ws_reconnect *r) {
  return h2ws_pool_open_socket(r->pool, &r->opening, r->what->url_text,
                               &r->what->client, &r->what->request,
                               &r->what->socket_options, &r->mine, r);
}

static void on_due(evutil_socket_t fd, short what, void *arg) {
  h2ws_reconnect *r = arg;
  int rv = reconnect_open(r);
  (void)fd;
  (void)what;
  r->waiting = false;
  if (rv != 0) {
    reconnect_fail(r, H2WS_CLOSE_REFUSED, rv);
  }
}

static void reconnect_wait(h2ws_reconnect *r) {
  uint32_t random = 0;
  uint32_t ms;
  struct timeval tv;
  if (h2ws__io_random((uint8_t *)&random, sizeof(random), NULL) != 0) {
    random = UINT32_MAX;
  }
  ms = h2ws_backoff_wait(&r->options.backoff, r->failed, random);
  tv.tv_sec = (time_t)(ms / 1000);
  tv.tv_usec = (suseconds_t)(ms % 1000) * 1000;
  r->failed++;
  r->waiting = true;
  (void)event_add(r->timer, &tv);
  if (r->options.on_wait != NULL) {
    r->options.on_wait(r, ms, r->user);
  }
}

static bool reconnect_should(const h2ws_reconnect *r,
                             const h2ws_close_info *info) {
  unsigned tries = r->options.backoff.tries;
  return !r->stopped && (r->was_open || !r->options.only_lost) &&
         (tries == 0 || r->failed < tries) && h2ws_backoff_helps(info);
}

/* ------------------------------------------------------------------------
 * Callbacks of its sockets
 */

static void on_open(h2ws_socket *socket, void *user) {
  h2ws_reconnect *r = user;
  r->opening = NULL;
  r->socket = socket;
  r->was_open = true;
  r->opened_at = h2ws__io_now(NULL);
  if (r->callbacks->on_open != NULL) {
    r->callbacks->on_open(socket, r->user);
  }
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  h2ws_reconnect *r = user;
  h2ws_time calm = r->opened_at + r->options.backoff.first_ms * H2WS_MS;
  if (r->socket != NULL && h2ws__io_now(NULL) >= calm) {
    r->failed = 0; /* a server that accepts and fails at once is none */
  }
  r->opening = NULL;
  r->socket = NULL;
  if (r->freed) {
    h2ws__loop_bury(r->loop, &r->grave, reconnect_bury);
    return;
  }
  if (r->callbacks->on_close != NULL) {
    r->callbacks->on_close(socket, info, r->user);
  }
  if (r->freed) {
    return;
  }
  if (reconnect_should(r, info)) {
    reconnect_wait(r);
  } else {
    reconnect_end(r, info);
  }
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  h2ws_reconnect *r = user;
  r->callbacks->on_message(socket, type, data, len, r->user);
}

static void on_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, unsigned flags, void *user) {
  h2ws_reconnect *r = user;
  r->callbacks->on_chunk(socket, type, data, len, flags, r->user);
}

static void on_ping(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  h2ws_reconnect *r = user;
  r->callbacks->on_ping(socket, data, len, r->user);
}

static void on_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  h2ws_reconnect *r = user;
  r->callbacks->on_pong(socket, data, len, r->user);
}

static void on_writable(h2ws_socket *socket, void *user) {
  h2ws_reconnect *r = user;
  r->callbacks->on_writable(socket, r->user);
}

/* NULL where the program has none: on_chunk changes what is delivered. */
static void reconnect_set_callbacks(h2ws_reconnect *r,
                                    const h2ws_socket_callbacks *theirs) {
  r->callbacks = theirs;
  r->mine.size = sizeof(r->mine);
  r->mine.on_open = on_open;
  r->mine.on_close = on_close;
  r->mine.on_message = theirs->on_message == NULL ? NULL : on_message;
  r->mine.on_chunk = theirs->on_chunk == NULL ? NULL : on_chunk;
  r->mine.on_ping = theirs->on_ping == NULL ? NULL : on_ping;
  r->mine.on_pong = theirs->on_pong == NULL ? NULL : on_pong;
  r->mine.on_writable = theirs->on_writable == NULL ? NULL : on_writable;
}

/* ------------------------------------------------------------------------
 * Life
 */

void h2ws_reconnect_options_default(h2ws_reconnect_options *options,
                                    size_t size) {
  h2ws_reconnect_options o = {0};
  if (options == NULL) {
    return;
  }
  o.size = size;
  h2ws_backoff_default(&o.backoff, sizeof(o.backoff));
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

static int reconnect_prepare(h2ws_reconnect *r, const char *url) {
  static const h2ws_request plain = {.size = sizeof(plain)};
  const h2ws_request *request =
    r->options.request == NULL ? &plain : r->options.request;
  int rv = h2ws__opening_new(&r->what, url, r->options.client, request,
                             r->options.socket);
  if (rv != 0) {
    return rv;
  }
  r->timer = event_new(r->loop->base, -1, 0, on_due, r);
  return r->timer == NULL ? H2WS_ERR_NOMEM : reconnect_open(r);
}

int h2ws_reconnect_start(h2ws_reconnect **out, h2ws_pool *pool, const char *url,
                         const h2ws_reconnect_options *options,
                         const h2ws_socket_callbacks *callbacks, void *user) {
  h2ws_reconnect *r;
  int rv;
  if (out == NULL || pool == NULL || url == NULL || callbacks == NULL ||
      (options != NULL && options->client != NULL &&
       options->client->fd >= 0)) {
    return H2WS_ERR_INVALID;
  }
  *out = NULL;
  r = calloc(1, sizeof(*r));
  if (r == NULL) {
    return H2WS_ERR_NOMEM;
  }
  h2ws_reconnect_options_default(&r->options, sizeof(r->options));
  if (options != NULL) {
    memcpy(&r->options, options,
           options->size < sizeof(r->options) ? options->size
                                              : sizeof(r->options));
  }
  r->loop = h2ws_pool_loop(pool);
  r->pool = pool;
  r->user = user;
  reconnect_set_callbacks(r, callbacks);
  rv = reconnect_prepare(r, url);
  if (rv != 0) {
    reconnect_bury(&r->grave);
    return rv;
  }
  *out = r;
  return 0;
}

void h2ws_reconnect_stop(h2ws_reconnect *r) {
  if (r == NULL || r->stopped) {
    return;
  }
  r->stopped = true;
  if (r->waiting) {
    r->waiting = false;
    (void)event_del(r->timer);
    reconnect_fail(r, H2WS_CLOSE_ABORTED, H2WS_ERR_CANCELLED);
  }
}

h2ws_opening *h2ws_reconnect_opening(const h2ws_reconnect *r) {
  return r == NULL ? NULL : r->opening;
}

h2ws_socket *h2ws_reconnect_socket(const h2ws_reconnect *r) {
  return r == NULL ? NULL : r->socket;
}

void h2ws_reconnect_free(h2ws_reconnect *r) {
  if (r == NULL || r->freed) {
    return;
  }
  r->freed = true;
  (void)event_del(r->timer);
  if (r->opening != NULL) {
    h2ws_opening_cancel(r->opening); /* on_close() buries it */
  } else if (r->socket != NULL) {
    (void)h2ws_socket_abort(r->socket);
  } else {
    h2ws__loop_bury(r->loop, &r->grave, reconnect_bury);
  }
}
