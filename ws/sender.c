/* Messages to frames to bytes. */
#include <assert.h>
#include <string.h>

#include "ws/mask.h"
#include "ws/socket.h"

/* Appends payload, masked if need be, in as many pieces as it takes. */
static int write_payload(h2ws_socket *socket, const struct h2ws__frame *frame,
                         const uint8_t *payload) {
  size_t len = (size_t)frame->len;
  size_t done = 0;
  assert(payload != NULL);
  while (done < len) {
    uint8_t *out = NULL;
    size_t n = len - done < H2WS_RESERVE_MAX ? len - done : H2WS_RESERVE_MAX;
    int rv = h2ws_stream_reserve(socket->stream, &out, n);
    if (rv != 0) {
      return rv;
    }
    if (frame->masked) {
      h2ws__mask(out, payload + done, n, frame->key, done);
    } else {
      memcpy(out, payload + done, n);
    }
    rv = h2ws_stream_commit(socket->stream, n);
    if (rv != 0) {
      return rv;
    }
    done += n;
  }
  return 0;
}

/*
 * A frame that fits one reservation: built in the queue, header and all.
 * Unless everything succeeds, nothing was queued.
 */
static int write_small(h2ws_socket *socket, struct h2ws__frame *frame,
                       const uint8_t *payload) {
  size_t len = (size_t)frame->len;
  h2ws_ssize n;
  uint8_t *out = NULL;
  int rv =
    h2ws_stream_reserve(socket->stream, &out, H2WS__FRAME_HEADER_MAX + len);
  if (rv != 0) {
    return rv;
  }
  n = h2ws__frame_build(socket->env, out, frame);
  if (n < 0) {
    return (int)n;
  }
  if (frame->masked) {
    h2ws__mask(out + n, payload, len, frame->key, 0);
  } else if (len > 0) {
    memcpy(out + n, payload, len);
  }
  return h2ws_stream_commit(socket->stream, (size_t)n + len);
}

static int write_large(h2ws_socket *socket, struct h2ws__frame *frame,
                       const uint8_t *payload) {
  uint8_t *out = NULL;
  h2ws_ssize n;
  int rv = h2ws_stream_reserve(socket->stream, &out, H2WS__FRAME_HEADER_MAX);
  if (rv != 0) {
    return rv;
  }
  n = h2ws__frame_build(socket->env, out, frame);
  if (n < 0) {
    return (int)n;
  }
  rv = h2ws_stream_commit(socket->stream, (size_t)n);
  if (rv == 0) {
    rv = write_payload(socket, frame, payload);
  }
  if (rv != 0) {
    /* Half a frame is in the queue: nothing may follow it. */
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, rv,
                         "no memory in the middle of a message");
  }
  return rv;
}

int h2ws__socket_write_frame(h2ws_socket *socket, struct h2ws__frame *frame,
                             const uint8_t *payload) {
  int rv;
  frame->masked = !socket->server; /* RFC 6455 section 5.1 */
  h2ws__trace(socket->env, H2WS_TRACE_MESSAGE,
              "send opcode %u fin %d length %llu", (unsigned)frame->opcode,
              (int)frame->fin, (unsigned long long)frame->len);
  rv = frame->len + H2WS__FRAME_HEADER_MAX <= H2WS_RESERVE_MAX
         ? write_small(socket, frame, payload)
         : write_large(socket, frame, payload);
  if (rv == H2WS_ERR_INTERNAL) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, rv,
                         "no randomness for a masking key");
  }
  return rv;
}

int h2ws__socket_write_control(h2ws_socket *socket, uint8_t opcode,
                               const uint8_t *payload, size_t len) {
  struct h2ws__frame frame = {0};
  assert(len <= H2WS__CONTROL_MAX);
  frame.fin = true;
  frame.opcode = opcode;
  frame.len = len;
  return h2ws__socket_write_frame(socket, &frame, payload);
}

/* RFC 6455 section 5.5.3: only the latest PING needs its PONG. */
void h2ws__socket_flush_pong(h2ws_socket *socket) {
  struct h2ws__extra *extra = socket->extra;
  if (extra != NULL && extra->pong_waits &&
      h2ws_stream_is_writable(socket->stream)) {
    extra->pong_waits = false;
    (void)h2ws__socket_write_control(socket, H2WS__OP_PONG, extra->pong,
                                     extra->pong_len);
  }
}

/* 0 if a frame may be queued now. */
static int sender_check(h2ws_socket *socket) {
  if (!h2ws__socket_may_send(socket)) {
    return h2ws__socket_send_error(socket);
  }
  if (socket->tx.busy) {
    return H2WS_ERR_STATE; /* called from inside of a send */
  }
  if (!h2ws_stream_is_writable(socket->stream)) {
    socket->want_writable = true;
    return H2WS_ERR_AGAIN;
  }
  return 0;
}

int h2ws__socket_send_check(h2ws_socket *socket) {
  if (socket->tx.streaming && h2ws__socket_may_send(socket)) {
    return H2WS_ERR_STATE;
  }
  return sender_check(socket);
}

/*
 * The same for a piece of a message, which may fill half of the queue: so a
 * message without end takes little room, and leaves some for other frames.
 */
static int sender_check_piece(h2ws_socket *socket) {
  int rv = sender_check(socket);
  if (rv == 0 &&
      !h2ws__stream_is_below(socket->stream, socket->env->high_water / 2 + 1)) {
    socket->want_writable = true;
    rv = H2WS_ERR_AGAIN;
  }
  return rv;
}

uint8_t h2ws__type_opcode(h2ws_type type) {
  switch (type) {
  case H2WS_TEXT:
  case H2WS_TEXT_UNCOMPRESSED:
    return H2WS__OP_TEXT;
  case H2WS_BINARY:
  case H2WS_BINARY_UNCOMPRESSED:
    return H2WS__OP_BINARY;
  }
  return 0;
}

bool h2ws__type_may_deflate(h2ws_type type) {
  return type == H2WS_TEXT || type == H2WS_BINARY;
}

static int send_plain(h2ws_socket *socket, uint8_t opcode, const uint8_t *data,
                      size_t len) {
  struct h2ws__frame frame = {0};
  frame.fin = true;
  frame.opcode = opcode;
  frame.len = len;
  return h2ws__socket_write_frame(socket, &frame, data);
}

int h2ws_socket_send(h2ws_socket *socket, h2ws_type type, const void *data,
                     size_t len) {
  uint8_t opcode = h2ws__type_opcode(type);
  int rv;
  if (socket == NULL || (data == NULL && len > 0) || opcode == 0) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  rv = h2ws__socket_send_check(socket);
  if (rv != 0) {
    return rv;
  }
  if (opcode == H2WS__OP_TEXT && !h2ws__utf8_is_valid(data, len)) {
    return H2WS_ERR_UTF8;
  }
  if (socket->terms.on && len > 0 && h2ws__type_may_deflate(type) &&
      h2ws__socket_may_deflate(socket) &&
      len >= socket->options->all.compress_threshold) {
    rv = h2ws__socket_send_deflated(socket, opcode, data, len);
  } else {
    rv = send_plain(socket, opcode, data, len);
  }
  if (rv == 0) {
    socket->env->stats.messages_sent++;
  }
  return rv;
}

int h2ws_socket_send_begin(h2ws_socket *socket, h2ws_type type) {
  uint8_t opcode = h2ws__type_opcode(type);
  if (socket == NULL || opcode == 0) {
    return H2WS_ERR_INVALID;
  }
  if (!h2ws__socket_may_send(socket)) {
    return h2ws__socket_send_error(socket);
  }
  if (socket->tx.streaming || socket->tx.busy) {
    return H2WS_ERR_STATE;
  }
  socket->tx.streaming = true;
  socket->tx.begun = false;
  socket->tx.compressed =
    h2ws__type_may_deflate(type) && h2ws__socket_may_deflate(socket);
  socket->tx.tail_owed = false;
  socket->tx.type = opcode;
  socket->tx.utf8 = (struct h2ws__utf8){0};
  return 0;
}

int h2ws__socket_send_fragment(h2ws_socket *socket, const uint8_t *data,
                               size_t len, bool fin) {
  struct h2ws__frame frame = {0};
  int rv;
  frame.fin = fin;
  frame.rsv = socket->tx.compressed && !socket->tx.begun ? H2WS__RSV1 : 0;
  frame.opcode = socket->tx.begun ? H2WS__OP_CONTINUATION : socket->tx.type;
  frame.len = len;
  rv = h2ws__socket_write_frame(socket, &frame, data);
  if (rv == 0) {
    socket->tx.begun = true;
  }
  return rv;
}

/* As many as it takes, all or none. */
static int send_fragments(h2ws_socket *socket, const uint8_t *data,
                          size_t len) {
  size_t most = socket->options->all.fragment_size;
  size_t done = 0;
  size_t n;
  int rv = 0;
  for (; rv == 0 && done < len; done += n) {
    n = len - done < most ? len - done : most;
    rv = h2ws__socket_send_fragment(socket, data + done, n, /* fin = */ false);
  }
  if (rv != 0 && done > most) { /* the one that failed was not the first */
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, rv,
                         "no memory in the middle of a message");
  }
  return rv;
}

static int send_bytes(h2ws_socket *socket, const uint8_t *data, size_t len) {
  if (socket->tx.compressed && len > 0) {
    int rv = h2ws__socket_piece_deflated(socket, data, len);
    if (rv == 0 || socket->tx.compressed) {
      return rv;
    }
  }
  return send_fragments(socket, data, len);
}

int h2ws_socket_send_piece(h2ws_socket *socket, const void *data, size_t len) {
  struct h2ws__utf8 utf8;
  int rv;
  if (socket == NULL || (data == NULL && len > 0)) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  if (!socket->tx.streaming) {
    return h2ws__socket_may_send(socket) ? H2WS_ERR_STATE
                                         : h2ws__socket_send_error(socket);
  }
  rv = sender_check_piece(socket);
  if (rv != 0) {
    return rv;
  }
  utf8 = socket->tx.utf8;
  if (socket->tx.type == H2WS_TEXT && !h2ws__utf8_feed(&utf8, data, len)) {
    return H2WS_ERR_UTF8;
  }
  rv = send_bytes(socket, data, len);
  if (rv == 0) {
    socket->tx.utf8 = utf8;
  }
  return rv;
}

int h2ws_socket_send_end(h2ws_socket *socket) {
  int rv;
  if (socket == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  if (!socket->tx.streaming) {
    return h2ws__socket_may_send(socket) ? H2WS_ERR_STATE
                                         : h2ws__socket_send_error(socket);
  }
  rv = sender_check(socket);
  if (rv != 0) {
    return rv;
  }
  if (socket->tx.type == H2WS_TEXT &&
      !h2ws__utf8_is_complete(&socket->tx.utf8)) {
    return H2WS_ERR_UTF8;
  }
  rv = socket->tx.compressed
         ? h2ws__socket_end_deflated(socket)
         : h2ws__socket_send_fragment(socket, NULL, 0, /* fin = */ true);
  if (rv == 0) {
    socket->tx.streaming = false;
    socket->env->stats.messages_sent++;
  }
  return rv;
}

int h2ws_socket_ping(h2ws_socket *socket, const void *data, size_t len) {
  int rv;
  if (socket == NULL || (data == NULL && len > 0) || len > H2WS__CONTROL_MAX) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  rv = sender_check(socket);
  if (rv != 0) {
    return rv;
  }
  return h2ws__socket_write_control(socket, H2WS__OP_PING, data, len);
}
