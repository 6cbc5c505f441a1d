/* The steps of the closing handshake (RFC 6455 section 7, RFC 8441 s. 5). */
#include <string.h>

#include "ws/socket.h"

/* RFC 9113 section 7 */
/* How long the peer may take to end its side after both CLOSEs. */
#define LINGER_MS 2000

#define CODE_PROTOCOL_ERROR 1002
#define CODE_INVALID_DATA 1007

/* RFC 6455 section 7.4 and the IANA registry of close codes. */
bool h2ws__close_code_is_valid(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

static void close_apply(h2ws_socket *socket, enum h2ws__close_event event) {
  socket->close =
    (uint8_t)h2ws__close_next((enum h2ws__close_state)socket->close, event);
}

static void close_arm(h2ws_socket *socket, uint32_t ms) {
  if (ms == 0) {
    h2ws__timer_stop(&socket->env->timers, &socket->timer);
    return;
  }
  h2ws__timer_set(&socket->env->timers, &socket->timer,
                  h2ws__deadline_after(h2ws__now(socket->env), ms));
}

/* Our own bytes are still queued: waits once more, for them. */
static bool close_linger_longer(h2ws_socket *socket) {
  if (socket->lingered || h2ws_stream_queued(socket->stream) == 0 ||
      socket->options->all.close_timeout_ms == 0) {
    return false;
  }
  socket->lingered = true;
  close_arm(socket, socket->options->all.close_timeout_ms);
  return true;
}

/* The body of a CLOSE: nothing, or the code and the reason. */
static int write_close(h2ws_socket *socket, uint16_t code, const char *reason,
                       size_t reason_len) {
  uint8_t body[H2WS__CONTROL_MAX];
  socket->local_code = code == 0 ? H2WS__CODE_NONE : code;
  if (code == 0) {
    return h2ws__socket_write_control(socket, H2WS__OP_CLOSE, NULL, 0);
  }
  body[0] = (uint8_t)(code >> 8);
  body[1] = (uint8_t)(code & 0xff);
  if (reason_len > 0) {
    memcpy(body + 2, reason, reason_len);
  }
  return h2ws__socket_write_control(socket, H2WS__OP_CLOSE, body,
                                    2 + reason_len);
}

int h2ws_socket_close(h2ws_socket *socket, uint16_t code, const char *reason,
                      size_t reason_len) {
  int rv;
  if (socket == NULL || (reason == NULL && reason_len > 0) ||
      reason_len > H2WS__REASON_MAX || (code == 0 && reason_len > 0) ||
      (code != 0 && !h2ws__close_code_is_valid(code))) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  if (reason_len > 0 &&
      !h2ws__utf8_is_valid((const uint8_t *)reason, reason_len)) {
    return H2WS_ERR_UTF8;
  }
  if (socket->close == H2WS__CLOSE_CONNECTING) {
    return h2ws_socket_abort(socket);
  }
  if (socket->close != H2WS__CLOSE_OPEN) {
    return socket->close >= H2WS__CLOSE_ABORTED ? H2WS_ERR_CLOSED
                                                : H2WS_ERR_STATE;
  }
  /* No END_STREAM on it: Firefox would not answer (row W-41). */
  rv = write_close(socket, code, reason, reason_len);
  if (rv != 0) {
    return rv;
  }
  close_apply(socket, H2WS__CLOSE_EV_LOCAL);
  close_arm(socket, socket->options->all.close_timeout_ms);
  /* The peer's CLOSE may wait behind messages that a pause held up. */
  h2ws__socket_process(socket);
  return 0;
}

void h2ws__socket_give_up(h2ws_socket *socket, h2ws_close_class cls, int error,
                          const char *why) {
  if (socket->close >= H2WS__CLOSE_ABORTED) {
    return;
  }
  if (socket->why == NULL) {
    socket->why_cls = (uint8_t)cls;
    socket->why_error = error;
    socket->why = why;
  }
  close_apply(socket, H2WS__CLOSE_EV_ABORT);
  h2ws__timer_stop(&socket->env->timers, &socket->timer);
  if (socket->stream != NULL) {
    (void)h2ws_stream_reset(socket->stream, H2WS_H2_CANCEL);
  }
}

int h2ws_socket_abort(h2ws_socket *socket) {
  if (socket == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  if (socket->close >= H2WS__CLOSE_ABORTED) {
    return H2WS_ERR_CLOSED;
  }
  h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, H2WS_ERR_ABORTED,
                       "the socket was aborted on this side");
  return 0;
}

void h2ws__socket_fail(h2ws_socket *socket, uint16_t code, int error,
                       const char *why) {
  bool close_sent = socket->close == H2WS__CLOSE_EXPECT_PEER;
  if (socket->close != H2WS__CLOSE_OPEN && !close_sent) {
    return;
  }
  socket->why_cls = H2WS_CLOSE_PROTOCOL;
  socket->why_error = error;
  socket->why = why;
  if (error == H2WS_ERR_LIMIT) {
    socket->env->stats.limits_hit++;
  }
  h2ws__trace(socket->env, H2WS_TRACE_INFO, "socket fails with %u: %s",
              (unsigned)code, why);
  if (!close_sent && write_close(socket, code, NULL, 0) != 0) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_PROTOCOL, error, why);
    return;
  }
  close_apply(socket, H2WS__CLOSE_EV_FAIL);
  (void)h2ws_stream_shutdown(socket->stream);
  close_arm(socket, LINGER_MS);
}

static void keep_reason(h2ws_socket *socket, const uint8_t *reason,
                        size_t len) {
  struct h2ws__extra *extra = len > 0 ? h2ws__socket_extra(socket) : NULL;
  if (extra != NULL) {
    memcpy(extra->reason, reason, len);
    extra->reason[len] = '\0';
    extra->reason_len = (uint8_t)len;
  }
}

void h2ws__socket_peer_close(h2ws_socket *socket, const uint8_t *payload,
                             size_t len) {
  uint16_t code = H2WS__CODE_NONE;
  int rv = 0;
  if (len == 1) {
    h2ws__socket_fail(socket, CODE_PROTOCOL_ERROR, H2WS_ERR_PROTO,
                      "the peer's CLOSE has half a code");
    return;
  }
  if (len >= 2) {
    code = (uint16_t)(payload[0] << 8 | payload[1]);
    if (!h2ws__close_code_is_valid(code)) {
      h2ws__socket_fail(socket, CODE_PROTOCOL_ERROR, H2WS_ERR_PROTO,
                        "the peer's CLOSE has a code that may not be sent");
      return;
    }
    if (!h2ws__utf8_is_valid(payload + 2, len - 2)) {
      h2ws__socket_fail(socket, CODE_INVALID_DATA, H2WS_ERR_PROTO,
                        "the reason in the peer's CLOSE is not UTF-8");
      return;
    }
    keep_reason(socket, payload + 2, len - 2);
  }
  socket->peer_code = code;
  if (socket->close == H2WS__CLOSE_OPEN) {
    socket->closed_by_peer = true;
    rv = write_close(socket, code == H2WS__CODE_NONE ? 0 : code, NULL, 0);
  }
  if (rv != 0) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, rv,
                         "no memory to answer a CLOSE");
    return;
  }
  close_apply(socket, H2WS__CLOSE_EV_PEER);
  h2ws__stream_all_said(socket->stream);
  (void)h2ws_stream_shutdown(socket->stream);
  close_arm(socket, LINGER_MS);
}

void h2ws__socket_peer_end(h2ws_socket *socket) {
  if (socket->close == H2WS__CLOSE_OPEN ||
      socket->close == H2WS__CLOSE_EXPECT_PEER) {
    /* Chromium does the same (row W-37). */
    socket->closed_by_peer = true;
    h2ws__socket_give_up(socket, H2WS_CLOSE_LOST, H2WS_ERR_LOST,
                         "the peer ended the stream without a CLOSE");
    return;
  }
  close_apply(socket, H2WS__CLOSE_EV_END);
}

void h2ws__socket_close_overdue(h2ws_socket *socket) {
  bool server_done = socket->close == H2WS__CLOSE_EXPECT_END && socket->server;
  if (socket->stream == NULL) {
    return;
  }
  if (socket->close == H2WS__CLOSE_EXPECT_PEER) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                         "the peer did not answer our CLOSE in time "
                         "(close_timeout_ms)");
    return;
  }
  if (close_linger_longer(socket)) {
    return;
  }
  /* Both are done; only the stream is still half open (row W-40). */
  (void)h2ws_stream_reset(socket->stream,
                          server_done ? H2WS_H2_NO_ERROR : H2WS_H2_CANCEL);
}
