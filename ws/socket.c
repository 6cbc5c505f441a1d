#include "ws/socket.h"

#include <assert.h>
#include <string.h>

/* ------------------------------------------------------------------------
 * Options
 */

void h2ws_socket_options_default(h2ws_socket_options *options, size_t size) {
  h2ws_socket_options o = {0};
  if (options == NULL) {
    return;
  }
  o.size = size;
  o.max_message = UINT64_C(16) << 20;
  o.max_fragments = 16384;
  o.max_controls = 1000;
  o.fragment_size = 64 * 1024 - H2WS__FRAME_HEADER_MAX;
  o.ping_timeout_ms = 20000;
  o.close_timeout_ms = 5000;
  o.compress_level = 6;
  o.compress_mem_level = 8;
  o.compress_send_bits = H2WS__BITS_MAX;
  o.compress_recv_bits = H2WS__BITS_MAX;
  o.compress_threshold = 1024;
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

void h2ws__socket_options_read(h2ws_socket_options *out,
                               const h2ws_socket_options *in) {
  h2ws_socket_options_default(out, sizeof(*out));
  if (in != NULL) {
    memcpy(out, in, in->size < sizeof(*out) ? in->size : sizeof(*out));
    out->size = sizeof(*out);
  }
  if (out->fragment_size == 0) {
    out->fragment_size = 1;
  }
}

static void options_release(struct h2ws__env *env,
                            struct h2ws__shared_options *shared) {
  if (shared != NULL && --shared->refs == 0) {
    h2ws__mem_free(&env->mem, shared);
  }
}

void h2ws__socket_options_forget(struct h2ws__env *env) {
  options_release(env, env->options);
  env->options = NULL;
}

/* The last ones used on the connection if they are equal, else a new copy. */
static struct h2ws__shared_options *
options_share(struct h2ws__env *env, const h2ws_socket_options *options) {
  struct h2ws__shared_options *shared = env->options;
  h2ws_socket_options mine;
  h2ws__socket_options_read(&mine, options);
  mine.protocols = NULL; /* read by the handshake; not ours to keep */
  if (mine.ping_interval_ms == 0 && env->ping_interval_ms > 0) {
    mine.ping_interval_ms = env->ping_interval_ms;
    mine.ping_timeout_ms = env->ping_timeout_ms;
  }
  /* Where only padding differs, they are not shared: no harm. */
  /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
  if (shared == NULL || memcmp(&shared->all, &mine, sizeof(mine)) != 0) {
    shared = h2ws__mem_alloc(&env->mem, sizeof(*shared));
    if (shared == NULL) {
      return NULL;
    }
    shared->all = mine;
    shared->refs = 1;
    h2ws__socket_options_forget(env);
    env->options = shared;
  }
  shared->refs++;
  return shared;
}

/* ------------------------------------------------------------------------
 * Life
 */

static void timer_fired(struct h2ws__timer *timer);

static void later_fired(struct h2ws__timer *timer) {
  h2ws__socket_process(H2WS__OWNER(timer, h2ws_socket, later));
}

int h2ws__socket_new(h2ws_socket **out, struct h2ws__env *env, bool server,
                     const h2ws_socket_options *options,
                     const h2ws_socket_callbacks *callbacks, void *user) {
  struct h2ws__shared_options *shared = options_share(env, options);
  h2ws_socket *socket =
    shared == NULL ? NULL : h2ws__mem_zalloc(&env->mem, sizeof(*socket));
  if (socket == NULL) {
    options_release(env, shared);
    return H2WS_ERR_NOMEM;
  }
  socket->env = h2ws__env_retain(env);
  socket->server = server;
  socket->callbacks = callbacks;
  socket->user = user;
  socket->refs = 1;
  socket->timer.fire = timer_fired;
  socket->later.fire = later_fired;
  socket->options = shared;
  *out = socket;
  return 0;
}

static void socket_free_buffers(h2ws_socket *socket) {
  const h2ws_mem *mem = &socket->env->mem;
  h2ws__socket_free_deflate(socket);
  h2ws__assembly_free(socket, socket->rx.assembly);
  h2ws__mem_free(mem, socket->extra);
  h2ws__mem_free(mem, socket->protocol);
  h2ws__mem_free(mem, socket->why_text);
  socket->rx.assembly = NULL;
  socket->extra = NULL;
  socket->protocol = NULL;
  socket->why_text = NULL;
}

h2ws_socket *h2ws_socket_retain(h2ws_socket *socket) {
  if (socket != NULL) {
    socket->refs++;
  }
  return socket;
}

void h2ws_socket_release(h2ws_socket *socket) {
  if (socket == NULL) {
    return;
  }
  assert(socket->refs > 0);
  socket->refs--;
  if (socket->refs == 0) {
    struct h2ws__env *env = socket->env;
    socket_free_buffers(socket);
    options_release(env, socket->options);
    h2ws__mem_free(&env->mem, socket);
    h2ws__env_release(env);
  }
}

struct h2ws__extra *h2ws__socket_extra(h2ws_socket *socket) {
  if (socket->extra == NULL) {
    socket->extra = h2ws__mem_zalloc(&socket->env->mem, sizeof(*socket->extra));
  }
  return socket->extra;
}

int h2ws__socket_send_error(const h2ws_socket *socket) {
  return socket->close >= H2WS__CLOSE_ABORTED ? H2WS_ERR_CLOSED
                                              : H2WS_ERR_STATE;
}

/* ------------------------------------------------------------------------
 * The end
 */

/* What the closing handshake came to, over what the stream came to. */
static void socket_explain(const h2ws_socket *socket, h2ws_close_info *info) {
  if (socket->close == H2WS__CLOSE_EXPECT_END) {
    info->cls = H2WS_CLOSE_CLEAN;
    info->error = 0;
    info->code = socket->peer_code;
    info->by_peer = socket->closed_by_peer;
    info->detail = socket->closed_by_peer ? "the peer closed the WebSocket"
                                          : "the WebSocket was closed";
    if (socket->extra != NULL) {
      info->reason = socket->extra->reason;
      info->reason_len = socket->extra->reason_len;
    }
    return;
  }
  if (socket->why != NULL) {
    info->cls = (h2ws_close_class)socket->why_cls;
    info->error = socket->why_error;
    info->detail = socket->why;
    info->by_peer = socket->closed_by_peer;
    info->code = socket->close == H2WS__CLOSE_FAILED ? socket->local_code
                                                     : H2WS__CODE_ABNORMAL;
    return;
  }
  if (info->cls == H2WS_CLOSE_CLEAN) {
    info->cls = H2WS_CLOSE_LOST;
    info->error = H2WS_ERR_LOST;
    info->detail = "the stream ended without a CLOSE";
  }
}

void h2ws__socket_end(h2ws_socket *socket, const h2ws_close_info *info) {
  h2ws_close_info mine = *info;
  if (socket->close_told) {
    return;
  }
  socket->close_told = true;
  h2ws__timer_stop(&socket->env->timers, &socket->timer);
  h2ws__timer_stop(&socket->env->timers, &socket->later);
  socket_explain(socket, &mine);
  socket->close = (uint8_t)h2ws__close_next(
    (enum h2ws__close_state)socket->close, H2WS__CLOSE_EV_GONE);
  if (socket->stream != NULL) {
    socket->stream->socket = NULL;
    socket->stream = NULL;
  }
  if (socket->callbacks->on_close != NULL) {
    socket->callbacks->on_close(socket, &mine, socket->user);
  }
  socket_free_buffers(socket);
  h2ws_socket_release(socket);
}

/* ------------------------------------------------------------------------
 * Keepalive: no clock is read and no timer moved when a message arrives
 */

static void ping_arm(h2ws_socket *socket, uint32_t ms) {
  h2ws__timer_set(&socket->env->timers, &socket->timer,
                  h2ws__deadline_after(h2ws__now(socket->env), ms));
}

static void ping_due(h2ws_socket *socket) {
  uint32_t timeout = socket->options->all.ping_timeout_ms;
  if (socket->rx.heard || socket->paused) {
    socket->rx.heard = false;
    socket->rx.ping_asked = false;
    ping_arm(socket, socket->options->all.ping_interval_ms);
    return;
  }
  if (socket->rx.ping_asked && timeout > 0) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                         "the peer did not answer a PING "
                         "(ping_timeout_ms)");
    return;
  }
  socket->rx.ping_asked = true;
  if (h2ws__socket_write_control(socket, H2WS__OP_PING, NULL, 0) !=
      H2WS_ERR_INTERNAL) { /* which ended the socket */
    ping_arm(socket,
             timeout > 0 ? timeout : socket->options->all.ping_interval_ms);
  }
}

static void timer_fired(struct h2ws__timer *timer) {
  h2ws_socket *socket = H2WS__OWNER(timer, h2ws_socket, timer);
  if (socket->close == H2WS__CLOSE_OPEN) {
    ping_due(socket);
  } else {
    h2ws__socket_close_overdue(socket);
  }
}

/* ------------------------------------------------------------------------
 * The stream underneath
 */

static void on_stream_readable(h2ws_stream *stream, void *user) {
  (void)stream;
  h2ws__socket_process(user);
}

static void on_stream_writable(h2ws_stream *stream, void *user) {
  h2ws_socket *socket = user;
  (void)stream;
  h2ws__socket_flush_pong(socket);
  if (socket->want_writable && h2ws__socket_may_send(socket)) {
    socket->want_writable = false;
    if (socket->callbacks->on_writable != NULL) {
      socket->callbacks->on_writable(socket, socket->user);
    }
  }
}

static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  (void)stream;
  h2ws__socket_end(user, info);
}

static const h2ws_stream_callbacks stream_callbacks = {
  .size = sizeof(stream_callbacks),
  .on_readable = on_stream_readable,
  .on_writable = on_stream_writable,
  .on_close = on_stream_close,
};

void h2ws__socket_attach(h2ws_socket *socket, h2ws_stream *stream) {
  socket->stream = stream;
  stream->socket = socket;
}

int h2ws__socket_set_protocol(h2ws_socket *socket, const char *protocol,
                              size_t len) {
  char *copy = h2ws__mem_strndup(&socket->env->mem, protocol, len);
  if (copy == NULL) {
    return H2WS_ERR_NOMEM;
  }
  h2ws__mem_free(&socket->env->mem, socket->protocol);
  socket->protocol = copy;
  return 0;
}

void h2ws__socket_start(h2ws_socket *socket) {
  (void)h2ws_stream_set_callbacks(socket->stream, &stream_callbacks, socket);
  socket->close = (uint8_t)h2ws__close_next(
    (enum h2ws__close_state)socket->close, H2WS__CLOSE_EV_START);
  if (socket->options->all.ping_interval_ms > 0) {
    ping_arm(socket, socket->options->all.ping_interval_ms);
  }
  if (!socket->server && socket->callbacks->on_open != NULL) {
    socket->callbacks->on_open(socket, socket->user);
  }
}

/* ------------------------------------------------------------------------
 * Pausing
 */

int h2ws_socket_pause(h2ws_socket *socket) {
  if (socket == NULL) {
    return H2WS_ERR_INVALID;
  }
  if (socket->close >= H2WS__CLOSE_ABORTED) {
    return H2WS_ERR_CLOSED;
  }
  socket->paused = true;
  return 0;
}

int h2ws_socket_resume(h2ws_socket *socket) {
  if (socket == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  if (socket->close >= H2WS__CLOSE_ABORTED) {
    return H2WS_ERR_CLOSED;
  }
  socket->paused = false;
  h2ws__socket_process(socket);
  return 0;
}

/* ------------------------------------------------------------------------
 * Getters
 */

size_t h2ws_socket_queued(const h2ws_socket *socket) {
  return socket == NULL ? 0 : h2ws_stream_queued(socket->stream);
}

h2ws_socket_state h2ws_socket_get_state(const h2ws_socket *socket) {
  if (socket == NULL) {
    return H2WS_SOCKET_CLOSED;
  }
  switch ((enum h2ws__close_state)socket->close) {
  case H2WS__CLOSE_CONNECTING:
    return H2WS_SOCKET_CONNECTING;
  case H2WS__CLOSE_OPEN:
    return H2WS_SOCKET_OPEN;
  case H2WS__CLOSE_EXPECT_PEER:
  case H2WS__CLOSE_EXPECT_END:
  case H2WS__CLOSE_FAILED:
    return H2WS_SOCKET_CLOSING;
  case H2WS__CLOSE_ABORTED:
  case H2WS__CLOSE_DONE:
    break;
  }
  return H2WS_SOCKET_CLOSED;
}

const char *h2ws_socket_protocol(const h2ws_socket *socket) {
  return socket == NULL ? NULL : socket->protocol;
}

bool h2ws_socket_has_compression(const h2ws_socket *socket) {
  return socket != NULL && socket->terms.on;
}

h2ws_stream *h2ws_socket_stream(const h2ws_socket *socket) {
  return socket == NULL ? NULL : socket->stream;
}

void *h2ws_socket_user(const h2ws_socket *socket) {
  return socket == NULL ? NULL : socket->user;
}

void h2ws_socket_set_user(h2ws_socket *socket, void *user) {
  if (socket != NULL) {
    socket->user = user;
  }
}

int h2ws_socket_set_callbacks(h2ws_socket *socket,
                              const h2ws_socket_callbacks *callbacks,
                              void *user) {
  if (socket == NULL || callbacks == NULL) {
    return H2WS_ERR_INVALID;
  }
  socket->callbacks = callbacks;
  socket->user = user;
  return 0;
}
