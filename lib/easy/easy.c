/* The public calls of h2ws/easy.h, but for servers. */
#include <h2ws/easy.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/easy/channel.h"
#include "lib/easy/dial.h"
#include "lib/easy/listen.h"

/* A connection's own verdict is better than ours: it may come a bit late. */
#define VERDICT_MS 200

/* ------------------------------------------------------------------------
 * Errors
 */

/* What waited in vain is told in the words of the call. */
static const char *words_for(const char *call, int error) {
  bool receives =
    strcmp(call, "h2ws_recv") == 0 || strcmp(call, "h2ws_read") == 0;
  switch (error) {
  case H2WS_ERR_AGAIN:
    return "the send queue is full: the peer is slow. Try again later";
  case H2WS_ERR_TIMEOUT:
    return receives ? "nothing came in time"
                    : "the send queue was full all the time: the peer is slow";
  default:
    return h2ws_strerror(error);
  }
}

/* Remembers why a call on this handle failed. Calls on NULL tell nothing. */
static int failed(const h2ws *h, const char *call, int error) {
  return h == NULL
           ? error
           : h2ws__why_set(h, error, "%s: %s.", call, words_for(call, error));
}

static int failed_on(struct h2ws__channel *c, const char *call, int error) {
  const h2ws *h = c->handle.name;
  bool ended;
  if (error == 0) {
    return 0;
  }
  (void)pthread_mutex_lock(&c->handle.mutex);
  ended = c->phase == H2WS__PHASE_ENDED && error != H2WS_ERR_CANCELLED;
  if (ended) {
    (void)h2ws__why_set(h, error, "%s: %s", call, c->end.text);
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
  return ended ? error : failed(h, call, error);
}

/* The channel behind a handle; NULL after telling why not. */
static struct h2ws__channel *find(const h2ws *h, const char *call, int *error) {
  struct h2ws__handle *handle = h2ws__handle_find(h, error);
  if (handle == NULL) {
    (void)failed(h, call, *error);
    return NULL;
  }
  if (handle->kind != H2WS__CHANNEL) {
    h2ws__handle_release(handle);
    *error = H2WS_ERR_INVALID;
    (void)h2ws__why_set(h, *error, "%s: this handle is a server.", call);
    return NULL;
  }
  return h2ws__channel_of(handle);
}

/* A handle without a failed call on this thread: why it ended. */
static const struct h2ws__why *why_of(const h2ws *h) {
  const struct h2ws__why *why = h2ws__why_last();
  struct h2ws__channel *c;
  int error;
  if (h == NULL || (why->name == h && why->error != 0)) {
    return why;
  }
  c = find(h, "h2ws_error", &error);
  if (c == NULL) {
    return why;
  }
  (void)pthread_mutex_lock(&c->handle.mutex);
  if (c->phase == H2WS__PHASE_ENDED) {
    (void)h2ws__why_set(h, c->end.error, "%s", c->end.text);
  } else {
    (void)h2ws__why_set(h, 0, "no call on this handle has failed");
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
  h2ws__channel_release(c);
  return why;
}

const char *h2ws_error(const h2ws *h) {
  return why_of(h)->text;
}

int h2ws_error_code(const h2ws *h) {
  return why_of(h)->error;
}

/* ------------------------------------------------------------------------
 * Connecting
 */

void h2ws_options_default(h2ws_options *options, size_t size) {
  h2ws_options o = {0};
  if (options == NULL) {
    return;
  }
  o.size = size;
  o.open_timeout_ms = 10000;
  o.send_timeout_ms = 30000;
  o.close_timeout_ms = 5000;
  o.max_message = UINT64_C(16) << 20;
  o.send_queue = (size_t)1 << 20;
  o.recv_queue = (size_t)256 << 10;
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

static bool fields_are_there(const h2ws_options *o) {
  size_t i;
  for (i = 0; o->headers != NULL && i < o->headers_len; i++) {
    if (o->headers[i].name == NULL || o->headers[i].value == NULL) {
      return false;
    }
  }
  return o->headers != NULL || o->headers_len == 0;
}

static int options_read(h2ws_options *out, const h2ws_options *in) {
  h2ws_options_default(out, sizeof(*out));
  if (in != NULL) {
    if (in->size == 0) {
      return H2WS_ERR_INVALID; /* not filled by h2ws_options_default() */
    }
    memcpy(out, in, in->size < sizeof(*out) ? in->size : sizeof(*out));
  }
  return !fields_are_there(out) || out->send_queue < 16 || out->recv_queue == 0
           ? H2WS_ERR_INVALID
           : 0;
}

static int channel_for(struct h2ws__channel **out, const char *url,
                       const h2ws_options *o) {
  struct h2ws__channel *c;
  int rv = h2ws__channel_new(&c, url);
  if (rv != 0) {
    return rv;
  }
  c->setup.send_timeout_ms = o->send_timeout_ms;
  c->setup.close_timeout_ms = o->close_timeout_ms;
  c->setup.send_queue = o->send_queue / 2;
  c->setup.recv_queue = o->recv_queue;
  c->tx.code = 1000;
  rv = h2ws__dial_new(&c->dial, url, o);
  if (rv == 0) {
    rv = h2ws__handle_publish(&c->handle);
  }
  if (rv != 0) {
    h2ws__dial_free(c->dial);
    h2ws__channel_release(c);
    return rv;
  }
  *out = c;
  return 0;
}

/* Waits until it is open or failed; with the mutex held. */
static int wait_open(struct h2ws__channel *c, uint32_t ms) {
  struct timespec buf;
  int64_t wait = ms == 0 ? -1 : (int64_t)ms;
  const struct timespec *until = h2ws__time_after(wait, &buf);
  bool grace = false;
  while (c->phase < H2WS__PHASE_OPEN) {
    if (h2ws__handle_cancels(&c->handle) > 0) {
      return H2WS_ERR_CANCELLED;
    }
    if (h2ws__handle_wait(&c->handle, until)) {
      continue;
    }
    if (grace || c->phase >= H2WS__PHASE_OPEN) {
      break;
    }
    grace = true;
    until = h2ws__time_after(VERDICT_MS, &buf);
  }
  if (c->phase < H2WS__PHASE_OPEN && c->end.error == 0) {
    return H2WS_ERR_TIMEOUT;
  }
  return c->phase == H2WS__PHASE_OPEN ? 0 : c->end.error;
}

/* Not open: says why, and lets go of it. With the mutex held. */
static void give_up(struct h2ws__channel *c, int error) {
  if (error == c->end.error) {
    (void)h2ws__why_set(NULL, error, "h2ws_connect: %s", c->end.text);
  } else {
    (void)h2ws__why_set(NULL, error, "h2ws_connect: %s: %s: %s.",
                        c->setup.where, h2ws_strerror(error),
                        c->phase == H2WS__PHASE_LINKING
                          ? "the address, TCP or TLS took too long"
                          : "the server did not answer");
  }
  c->tx.closing = true;
  h2ws__channel_ask(c, H2WS__WORK_ABORT);
}

static h2ws *connect_now(struct h2ws__channel *c, const h2ws_options *o) {
  h2ws *h = c->handle.name;
  int rv = 0;
  if (h2ws__engine_is_here()) {
    h2ws__dial_start(c);
  }
  (void)pthread_mutex_lock(&c->handle.mutex);
  if (!c->started) {
    h2ws__channel_ask(c, H2WS__WORK_START);
  }
  /* The loop reads the caller's options: no leaving before that. */
  while (!c->started && !h2ws__engine_over()) {
    (void)h2ws__handle_wait(&c->handle, NULL);
  }
  if (!o->background || c->phase == H2WS__PHASE_ENDED) {
    rv = wait_open(c, o->open_timeout_ms);
  }
  if (rv != 0) {
    give_up(c, rv);
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
  if (rv != 0) {
    (void)h2ws__handle_withdraw(h);
    return NULL;
  }
  return h;
}

h2ws *h2ws_connect(const char *url, const h2ws_options *options) {
  struct h2ws__channel *c;
  h2ws_options o;
  h2ws *h;
  int rv = url == NULL ? H2WS_ERR_INVALID : options_read(&o, options);
  if (rv == 0 && h2ws__engine_is_here() && !o.background) {
    (void)h2ws__why_set(NULL, H2WS_ERR_STATE,
                        "h2ws_connect: a callback on the hidden thread may "
                        "not wait: set options.background.");
    return NULL;
  }
  if (rv == 0) {
    rv = h2ws__engine_start();
  }
  if (rv == 0) {
    rv = channel_for(&c, url, &o);
  }
  if (rv != 0) {
    char *where = url == NULL ? NULL : h2ws__why_where(url);
    (void)h2ws__why_set(NULL, rv, "h2ws_connect: %s: %s%s.",
                        where == NULL ? "no URL" : where, h2ws_strerror(rv),
                        rv == H2WS_ERR_STATE ? " (after a fork or exit)" : "");
    free(where);
    return NULL;
  }
  h = connect_now(c, &o);
  h2ws__channel_release(c);
  return h;
}

/* ------------------------------------------------------------------------
 * Closing
 */

/* Until it ended, it takes too long, or somebody cancels. */
static void wait_ended(struct h2ws__channel *c) {
  struct timespec buf;
  unsigned cancels = h2ws__handle_cancels(&c->handle);
  const struct timespec *until =
    h2ws__time_after((int64_t)c->setup.close_timeout_ms, &buf);
  bool in_time = true;
  while (c->phase != H2WS__PHASE_ENDED && in_time &&
         h2ws__handle_cancels(&c->handle) == cancels) {
    in_time = h2ws__handle_wait(&c->handle, until);
  }
  if (c->phase != H2WS__PHASE_ENDED) {
    h2ws__channel_ask(c, H2WS__WORK_ABORT);
  }
  while (c->phase != H2WS__PHASE_ENDED && !h2ws__engine_over()) {
    (void)h2ws__handle_wait(&c->handle, NULL);
  }
}

/* 0, or H2WS_ERR_CLOSED if another thread closes it already. */
static int begin_close(struct h2ws__channel *c, uint16_t code,
                       const char *reason) {
  if (c->tx.closing) {
    return H2WS_ERR_CLOSED;
  }
  c->tx.closing = true;
  if (!c->tx.shut) {
    c->tx.shut = true;
    c->tx.code = code;
    (void)snprintf(c->tx.reason, sizeof(c->tx.reason), "%s",
                   reason == NULL ? "" : reason);
  }
  c->rx.full = false;
  h2ws__handle_changed(&c->handle);
  h2ws__channel_ask(c, H2WS__WORK_RESUME |
                         (c->was_open ? 0 : H2WS__WORK_ABORT) |
                         (h2ws__engine_is_here() ? H2WS__WORK_LIMIT : 0));
  return 0;
}

static int close_channel(struct h2ws__channel *c, uint16_t code,
                         const char *reason) {
  const h2ws *h = c->handle.name;
  int rv;
  (void)pthread_mutex_lock(&c->handle.mutex);
  rv = begin_close(c, code, reason);
  if (rv == 0 && !h2ws__engine_is_here()) {
    wait_ended(c);
    rv = c->end.error;
    if (rv != 0) {
      (void)h2ws__why_set(h, rv, "h2ws_close: %s", c->end.text);
    }
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
  return rv;
}

/* What h2ws_socket_close() will not refuse. */
static int check_close(uint16_t code, const char *reason) {
  size_t len = reason == NULL ? 0 : strlen(reason);
  bool known = (code >= 1000 && code <= 1003) ||
               (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
  if (len > 123 || (code == 0 ? len > 0 : !known)) {
    return H2WS_ERR_INVALID;
  }
  return h2ws_is_utf8(reason, len) ? 0 : H2WS_ERR_UTF8;
}

int h2ws_close_with(h2ws *h, uint16_t code, const char *reason) {
  struct h2ws__handle *handle;
  int rv = 0;
  if (check_close(code, reason) != 0) {
    return failed(h, "h2ws_close_with: the code or the reason",
                  check_close(code, reason));
  }
  handle = h2ws__handle_find(h, &rv);
  if (handle == NULL) {
    return failed(h, "h2ws_close", rv);
  }
  rv = handle->kind == H2WS__SERVER
         ? h2ws__server_close(handle)
         : close_channel(h2ws__channel_of(handle), code, reason);
  if (rv != H2WS_ERR_STATE || handle->kind != H2WS__SERVER) {
    (void)h2ws__handle_withdraw(h);
  }
  h2ws__handle_release(handle);
  return rv;
}

int h2ws_close(h2ws *h) {
  return h2ws_close_with(h, 1000, NULL);
}

int h2ws_cancel(h2ws *h) {
  if (h2ws__handle_cancel(h)) {
    return 0;
  }
  return h == NULL ? H2WS_ERR_INVALID : H2WS_ERR_CLOSED;
}

int h2ws_shutdown(h2ws *h) {
  int rv = 0;
  struct h2ws__channel *c = find(h, "h2ws_shutdown", &rv);
  if (c == NULL) {
    return rv;
  }
  (void)pthread_mutex_lock(&c->handle.mutex);
  if (c->tx.closing) {
    rv = H2WS_ERR_CLOSED;
  } else if (c->tx.shut) {
    rv = H2WS_ERR_STATE;
  } else if (c->phase == H2WS__PHASE_ENDED) {
    rv = c->end.error != 0 ? c->end.error : H2WS_ERR_CLOSED;
  } else {
    c->tx.shut = true;
    h2ws__channel_ask(c, 0);
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
  rv = failed_on(c, "h2ws_shutdown", rv);
  h2ws__channel_release(c);
  return rv;
}

/* ------------------------------------------------------------------------
 * Sending and receiving
 */

static int send_by(h2ws *h, const char *call, h2ws_type type, const void *data,
                   size_t len, bool wait) {
  int rv = 0;
  struct h2ws__channel *c = find(h, call, &rv);
  if (c == NULL) {
    return rv;
  }
  rv = h2ws__channel_send(c, type, data, len, wait);
  rv = failed_on(c, call, rv);
  h2ws__channel_release(c);
  return rv;
}

int h2ws_send(h2ws *h, h2ws_type type, const void *data, size_t len) {
  return send_by(h, "h2ws_send", type, data, len, /* wait = */ true);
}

int h2ws_send_text(h2ws *h, const char *text) {
  return send_by(h, "h2ws_send_text", H2WS_TEXT, text,
                 text == NULL ? 1 : strlen(text), /* wait = */ true);
}

int h2ws_try_send(h2ws *h, h2ws_type type, const void *data, size_t len) {
  return send_by(h, "h2ws_try_send", type, data, len, /* wait = */ false);
}

int h2ws_write(h2ws *h, const void *data, size_t len) {
  return send_by(h, "h2ws_write", H2WS_BINARY, data, len, /* wait = */ true);
}

size_t h2ws_send_many(h2ws *const *handles, size_t handles_len, h2ws_type type,
                      const void *data, size_t len, int *results) {
  size_t taken = 0;
  size_t i;
  for (i = 0; handles != NULL && i < handles_len; i++) {
    int rv = send_by(handles[i], "h2ws_send_many", type, data, len,
                     /* wait = */ false);
    taken += rv == 0 ? 1 : 0;
    if (results != NULL) {
      results[i] = rv;
    }
  }
  return taken;
}

int h2ws_recv(h2ws *h, h2ws_msg *msg, int timeout_ms) {
  int rv = 0;
  struct h2ws__channel *c;
  if (msg == NULL) {
    return failed(h, "h2ws_recv", H2WS_ERR_INVALID);
  }
  c = find(h, "h2ws_recv", &rv);
  if (c == NULL) {
    return rv;
  }
  rv = h2ws__channel_recv(c, msg, timeout_ms);
  rv = failed_on(c, "h2ws_recv", rv);
  h2ws__channel_release(c);
  return rv;
}

h2ws_ssize h2ws_read(h2ws *h, void *buf, size_t cap, int timeout_ms) {
  int rv = 0;
  h2ws_ssize n;
  struct h2ws__channel *c;
  if (buf == NULL || cap == 0) {
    return failed(h, "h2ws_read", H2WS_ERR_INVALID);
  }
  c = find(h, "h2ws_read", &rv);
  if (c == NULL) {
    return rv;
  }
  n = h2ws__channel_read(c, buf, cap, timeout_ms);
  if (n < 0) {
    (void)failed_on(c, "h2ws_read", (int)n);
  }
  h2ws__channel_release(c);
  return n;
}

/* ------------------------------------------------------------------------
 * Asking
 */

static void describe(struct h2ws__channel *c, h2ws_handle_info *info) {
  (void)pthread_mutex_lock(&c->handle.mutex);
  if (c->was_open) {
    info->stream = c->facts.stream;
    info->http = c->facts.http == H2WS_HTTP_1_1 ? "HTTP/1.1" : "HTTP/2";
    info->tls = c->facts.tls;
    info->cipher = c->facts.cipher;
    info->peer = c->facts.peer;
    info->path = c->facts.path;
    info->subprotocol = c->facts.subprotocol;
    info->extensions = c->facts.extensions;
  }
  info->unsent = c->tx.bytes;
  info->unread = c->rx.bytes;
  if (c->phase == H2WS__PHASE_ENDED) {
    info->close_code = c->end.code;
    info->close_reason = c->end.reason;
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
}

int h2ws_info(h2ws *h, h2ws_handle_info *info) {
  h2ws_handle_info mine = {0};
  struct h2ws__handle *handle;
  int rv = 0;
  if (info == NULL || info->size == 0) {
    return failed(h, "h2ws_info", H2WS_ERR_INVALID);
  }
  handle = h2ws__handle_find(h, &rv);
  if (handle == NULL) {
    return failed(h, "h2ws_info", rv);
  }
  mine.size = info->size;
  if (handle->kind == H2WS__SERVER) {
    mine.address = h2ws__server_listens(handle);
  } else {
    describe(h2ws__channel_of(handle), &mine);
  }
  memcpy(info, &mine, info->size < sizeof(mine) ? info->size : sizeof(mine));
  h2ws__handle_release(handle);
  return 0;
}

const char *h2ws_field(h2ws *h, const char *name) {
  const char *value = NULL;
  struct h2ws__channel *c;
  size_t i;
  int rv = 0;
  c = find(h, "h2ws_field", &rv);
  if (c == NULL) {
    return NULL;
  }
  (void)pthread_mutex_lock(&c->handle.mutex);
  for (i = 0; c->was_open && name != NULL && i < c->facts.fields_len; i++) {
    if (strcmp(c->facts.fields[i].name, name) == 0) {
      value = c->facts.fields[i].value;
      break;
    }
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
  h2ws__channel_release(c);
  return value;
}
