/* Bytes to frames to messages. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ws/mask.h"
#include "ws/socket.h"

#define CODE_PROTOCOL_ERROR 1002
#define CODE_INVALID_DATA 1007
#define CODE_POLICY 1008
#define CODE_TOO_BIG 1009

#define ASSEMBLY_MIN 4096
/* An assembly up to this size is kept for the next message. */
#define ASSEMBLY_KEPT 16384
#define WHY_LEN 128

/* ------------------------------------------------------------------------
 * Callbacks of the application
 */

static void receive_call_message(h2ws_socket *socket, const uint8_t *data,
                                 size_t len) {
  socket->env->stats.messages_received++;
  if (socket->callbacks->on_message != NULL) {
    socket->callbacks->on_message(socket, (h2ws_type)socket->rx.type, data, len,
                                  socket->user);
  }
}

static void receive_call_chunk(h2ws_socket *socket, const uint8_t *data,
                               size_t len, bool last) {
  unsigned flags = (socket->rx.first_chunk ? H2WS_CHUNK_FIRST : 0u) |
                   (last ? H2WS_CHUNK_LAST : 0u);
  if (len == 0 && !last) {
    return;
  }
  socket->rx.first_chunk = false;
  if (last) {
    socket->env->stats.messages_received++;
  }
  socket->callbacks->on_chunk(socket, (h2ws_type)socket->rx.type, data, len,
                              flags, socket->user);
}

/* ------------------------------------------------------------------------
 * Limits
 */

void h2ws__socket_fail_limit(h2ws_socket *socket, uint16_t code,
                             const char *format, unsigned long long value,
                             unsigned long long limit) {
  const char *why = "a message is larger than a limit";
  char *text = h2ws__mem_alloc(&socket->env->mem, WHY_LEN);
  if (text != NULL) {
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#endif
    (void)snprintf(text, WHY_LEN, format, value, limit);
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
    h2ws__mem_free(&socket->env->mem, socket->why_text);
    socket->why_text = text;
    why = text;
  }
  h2ws__socket_fail(socket, code, H2WS_ERR_LIMIT, why);
}

static bool check_controls(h2ws_socket *socket) {
  uint32_t limit = socket->options->all.max_controls;
  h2ws_time now;
  if (limit == 0) {
    return true;
  }
  now = h2ws__now(socket->env);
  if (now - socket->rx.controls_at >= 1000 * H2WS_MS) {
    socket->rx.controls_at = now;
    socket->rx.controls = 0;
  }
  socket->rx.controls++;
  if (socket->rx.controls > limit) {
    h2ws__socket_fail_limit(
      socket, CODE_POLICY,
      "%llu control frames in a second exceed max_controls %llu",
      socket->rx.controls, limit);
    return false;
  }
  return true;
}

static bool check_size(h2ws_socket *socket) {
  uint64_t limit = socket->options->all.max_message;
  uint64_t room = UINT64_MAX - socket->rx.size;
  uint64_t len = socket->rx.frame.len;
  if (socket->rx.compressed && limit > 0) {
    limit += limit / 8 + 1024; /* what does not compress grows a little */
  }
  socket->rx.size += len < room ? len : room;
  if (limit > 0 && socket->rx.size > limit) {
    h2ws__socket_fail_limit(
      socket, CODE_TOO_BIG,
      "a message of %llu bytes or more exceeds max_message %llu",
      socket->rx.size, limit);
    return false;
  }
  return true;
}

static bool check_fragments(h2ws_socket *socket) {
  uint32_t limit = socket->options->all.max_fragments;
  socket->rx.fragments++;
  if (limit > 0 && socket->rx.fragments > limit) {
    h2ws__socket_fail_limit(
      socket, CODE_POLICY,
      "a message of %llu fragments exceeds max_fragments %llu",
      socket->rx.fragments, limit);
    return false;
  }
  return true;
}

/* ------------------------------------------------------------------------
 * Headers
 */

static bool fail_protocol(h2ws_socket *socket, const char *why) {
  h2ws__socket_fail(socket, CODE_PROTOCOL_ERROR, H2WS_ERR_PROTO, why);
  return false;
}

/* The header of a data frame, by what came before it (RFC 6455 s. 5.4). */
static bool begin_data_frame(h2ws_socket *socket) {
  const struct h2ws__frame *frame = &socket->rx.frame;
  if (frame->opcode == H2WS__OP_CONTINUATION) {
    if (!socket->rx.in_message) {
      return fail_protocol(socket, "a continuation without a beginning");
    }
  } else {
    if (socket->rx.in_message) {
      return fail_protocol(socket, "a new message inside of another");
    }
    socket->rx.in_message = true;
    socket->rx.first_chunk = true;
    socket->rx.type = frame->opcode;
    socket->rx.compressed = frame->rsv != 0;
    socket->rx.size = 0;
    socket->rx.fragments = 0;
    socket->rx.utf8 = (struct h2ws__utf8){0};
  }
  /* What is dropped needs no limit. */
  return !h2ws__socket_takes_messages(socket) ||
         (check_size(socket) && check_fragments(socket));
}

/* wslay's frame layer lets reserved ones pass. */
static bool opcode_is_known(uint8_t opcode) {
  return opcode <= H2WS__OP_BINARY ||
         (opcode >= H2WS__OP_CLOSE && opcode <= H2WS__OP_PONG);
}

/* RSV1, on the first frame of a message (RFC 7692 section 6). */
static bool rsv_is_agreed(const h2ws_socket *socket,
                          const struct h2ws__frame *frame) {
  return socket->terms.on && frame->rsv == H2WS__RSV1 &&
         (frame->opcode == H2WS__OP_TEXT || frame->opcode == H2WS__OP_BINARY);
}

/* False if the socket failed. */
static bool begin_frame(h2ws_socket *socket, const uint8_t *header) {
  struct h2ws__frame *frame = &socket->rx.frame;
  int rv = h2ws__frame_parse(socket->env, frame, header);
  if (rv == H2WS_ERR_NOMEM) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, rv,
                         "no memory for a frame");
    return false;
  }
  if (rv != 0) {
    return fail_protocol(socket, "a frame header that RFC 6455 forbids");
  }
  h2ws__trace(socket->env, H2WS_TRACE_MESSAGE,
              "recv opcode %u fin %d length %llu", (unsigned)frame->opcode,
              (int)frame->fin, (unsigned long long)frame->len);
  if (frame->masked != socket->server) { /* RFC 6455 section 5.1 */
    return fail_protocol(socket, socket->server
                                   ? "a frame of the client is not masked"
                                   : "a frame of the server is masked");
  }
  if (!opcode_is_known(frame->opcode)) { /* RFC 6455 section 5.2 */
    return fail_protocol(socket, "a frame with a reserved opcode");
  }
  if (frame->rsv != 0 && !rsv_is_agreed(socket, frame)) {
    return fail_protocol(socket, "a reserved bit is set without extension");
  }
  socket->rx.left = frame->len;
  socket->rx.in_frame = true;
  if (h2ws__opcode_is_control(frame->opcode)) {
    return check_controls(socket);
  }
  return begin_data_frame(socket);
}

/*
 * Takes header bytes. Returns how many; socket->rx.in_frame says whether the
 * header was completed and is acceptable.
 */
static size_t receive_header(h2ws_socket *socket, const uint8_t *data,
                             size_t len) {
  size_t have = socket->rx.header_len;
  size_t used = 0;
  size_t need = 2;
  if (have == 0 && len >= 2) { /* whole in this chunk: no copy */
    need = h2ws__frame_header_len(data);
    if (len >= need) {
      (void)begin_frame(socket, data);
      return need;
    }
  }
  while (used < len) {
    socket->rx.header[have++] = data[used++];
    need = have < 2 ? 2 : h2ws__frame_header_len(socket->rx.header);
    if (have >= 2 && have == need) {
      socket->rx.header_len = 0;
      (void)begin_frame(socket, socket->rx.header);
      return used;
    }
  }
  socket->rx.header_len = (uint8_t)have;
  return used;
}

/* ------------------------------------------------------------------------
 * Control frames
 */

static void queue_pong(h2ws_socket *socket, const uint8_t *data, size_t len) {
  struct h2ws__extra *extra;
  if (socket->close != H2WS__CLOSE_OPEN) {
    return; /* RFC 6455 section 5.5.2: not after a CLOSE */
  }
  if (h2ws_stream_is_writable(socket->stream)) {
    (void)h2ws__socket_write_control(socket, H2WS__OP_PONG, data, len);
    return;
  }
  extra = h2ws__socket_extra(socket);
  if (extra != NULL) {
    extra->pong_waits = true;
    extra->pong_len = (uint8_t)len;
    memcpy(extra->pong, data, len);
  }
}

static void handle_control(h2ws_socket *socket, const uint8_t *data,
                           size_t len) {
  const h2ws_socket_callbacks *callbacks = socket->callbacks;
  switch (socket->rx.frame.opcode) {
  case H2WS__OP_PING:
    queue_pong(socket, data, len);
    if (callbacks->on_ping != NULL) {
      callbacks->on_ping(socket, data, len, socket->user);
    }
    break;
  case H2WS__OP_PONG:
    if (callbacks->on_pong != NULL) {
      callbacks->on_pong(socket, data, len, socket->user);
    }
    break;
  default:
    h2ws__socket_peer_close(socket, data, len);
    break;
  }
}

/* The frame's payload, unmasked, up to `n` bytes of it. */
static void unmask(h2ws_socket *socket, uint8_t *data, size_t n) {
  const struct h2ws__frame *frame = &socket->rx.frame;
  if (frame->masked) {
    h2ws__mask(data, data, n, frame->key,
               (size_t)((frame->len - socket->rx.left) % 4));
  }
}

static size_t receive_control(h2ws_socket *socket, uint8_t *data, size_t len) {
  size_t total = (size_t)socket->rx.frame.len;
  size_t n = len < socket->rx.left ? len : (size_t)socket->rx.left;
  bool whole = n == total;
  struct h2ws__extra *extra;
  unmask(socket, data, n);
  socket->rx.left -= n;
  if (whole) {
    socket->rx.in_frame = false;
    handle_control(socket, data, n);
    return n;
  }
  extra = h2ws__socket_extra(socket);
  if (extra == NULL) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                         "no memory for a control frame");
    return n;
  }
  memcpy(extra->control + extra->control_len, data, n);
  extra->control_len = (uint8_t)(extra->control_len + n);
  if (socket->rx.left == 0) {
    uint8_t copy[H2WS__CONTROL_MAX]; /* callbacks may bring the next one */
    memcpy(copy, extra->control, total);
    extra->control_len = 0;
    socket->rx.in_frame = false;
    handle_control(socket, copy, total);
  }
  return n;
}

/* ------------------------------------------------------------------------
 * Data frames
 */

static void assembly_empty(h2ws_socket *socket, struct h2ws__assembly *a) {
  socket->env->assembled -= a->len;
  a->len = 0;
}

void h2ws__assembly_free(h2ws_socket *socket, struct h2ws__assembly *a) {
  if (a != NULL) {
    assembly_empty(socket, a);
    h2ws__mem_free(&socket->env->mem, a);
  }
}

/* What the others leave: a message alone may always have its max_message. */
static bool check_assembly(h2ws_socket *socket, size_t more) {
  const struct h2ws__env *env = socket->env;
  uint64_t alone = socket->options->all.max_message;
  uint64_t limit = env->max_assembly > alone ? env->max_assembly : alone;
  uint64_t need = env->assembled + more;
  if (alone > 0 && need > limit) {
    h2ws__socket_fail_limit(socket, CODE_TOO_BIG,
                            "%llu bytes of unfinished messages on the "
                            "connection exceed max_assembly %llu",
                            need, limit);
    return false;
  }
  return true;
}

/* Makes room for `more` bytes; grows with what arrived, not was announced. */
static bool assembly_grow(h2ws_socket *socket, size_t more) {
  struct h2ws__assembly *a = socket->rx.assembly;
  size_t len = a == NULL ? 0 : a->len;
  size_t cap = a == NULL ? 0 : a->cap;
  size_t need = len + more;
  uint64_t limit = socket->options->all.max_message;
  struct h2ws__assembly *grown;
  if (need <= cap) {
    return true;
  }
  cap = cap * 2 > ASSEMBLY_MIN ? cap * 2 : ASSEMBLY_MIN;
  if (cap < need) {
    cap = need;
  }
  /* The last step needs no spare room. */
  if (socket->rx.frame.fin && !socket->rx.compressed &&
      need + socket->rx.left < cap) {
    cap = (size_t)(need + socket->rx.left);
  }
  if (limit > 0 && limit < cap) {
    cap = (size_t)limit; /* what is needed was compared with it before */
  }
  grown = h2ws__mem_resize(&socket->env->mem, a, sizeof(*grown) + cap);
  if (grown == NULL) {
    return false;
  }
  grown->len = len;
  grown->cap = cap;
  socket->rx.assembly = grown;
  return true;
}

static bool assembly_append(h2ws_socket *socket, const uint8_t *data,
                            size_t n) {
  struct h2ws__assembly *a;
  if (n == 0) {
    return true;
  }
  if (!check_assembly(socket, n)) {
    return false;
  }
  if (!assembly_grow(socket, n)) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                         "no memory for a message");
    return false;
  }
  a = socket->rx.assembly;
  memcpy(a->data + a->len, data, n);
  a->len += n;
  socket->env->assembled += n;
  return true;
}

/* Delivers what was assembled; the buffer is ours until the call is over. */
static void deliver_assembled(h2ws_socket *socket) {
  struct h2ws__assembly *a = socket->rx.assembly;
  static const uint8_t nothing[1] = {0};
  socket->rx.assembly = NULL;
  receive_call_message(socket, a == NULL ? nothing : a->data,
                       a == NULL ? 0 : a->len);
  if (a != NULL && a->cap <= ASSEMBLY_KEPT && socket->rx.assembly == NULL &&
      !socket->close_told) {
    assembly_empty(socket, a);
    socket->rx.assembly = a;
  } else {
    h2ws__assembly_free(socket, a);
  }
}

/* RFC 6455 section 8.1, as soon as a byte makes the text impossible. */
static bool check_text(h2ws_socket *socket, const uint8_t *data, size_t n,
                       bool last) {
  if (socket->rx.type != H2WS_TEXT) {
    return true;
  }
  if (!h2ws__utf8_feed(&socket->rx.utf8, data, n) ||
      (last && !h2ws__utf8_is_complete(&socket->rx.utf8))) {
    h2ws__socket_fail(socket, CODE_INVALID_DATA, H2WS_ERR_PROTO,
                      "a text message is not UTF-8");
    return false;
  }
  return true;
}

static bool nothing_assembled(const h2ws_socket *socket) {
  return socket->rx.assembly == NULL || socket->rx.assembly->len == 0;
}

/* The callbacks changed in the middle of a message: its head, as a chunk. */
static void turn_to_chunks(h2ws_socket *socket) {
  struct h2ws__assembly *a = socket->rx.assembly;
  socket->rx.assembly = NULL;
  receive_call_chunk(socket, a->data, a->len, /* last = */ false);
  h2ws__assembly_free(socket, a);
}

void h2ws__socket_take_data(h2ws_socket *socket, const uint8_t *data, size_t n,
                            bool last) {
  if (!check_text(socket, data, n, last)) {
    return;
  }
  if (socket->callbacks->on_chunk != NULL && !nothing_assembled(socket)) {
    turn_to_chunks(socket);
    if (!h2ws__socket_takes_messages(socket)) {
      return;
    }
  }
  if (socket->callbacks->on_chunk != NULL) {
    receive_call_chunk(socket, data, n, last);
  } else if (!socket->rx.first_chunk) {
    return; /* on_chunk had the head, and is gone */
  } else if (last && nothing_assembled(socket)) {
    receive_call_message(socket, data, n); /* straight from the input */
  } else if (assembly_append(socket, data, n) && last) {
    deliver_assembled(socket);
  }
}

static size_t receive_data(h2ws_socket *socket, uint8_t *data, size_t len) {
  size_t n = len < socket->rx.left ? len : (size_t)socket->rx.left;
  bool last = n == socket->rx.left && socket->rx.frame.fin;
  unmask(socket, data, n);
  socket->rx.left -= n;
  socket->rx.in_frame = socket->rx.left > 0;
  if (last) {
    socket->rx.in_message = false;
  }
  if (h2ws__socket_takes_messages(socket)) {
    h2ws__socket_take_data(socket, data, n, last);
  }
  return n;
}

static size_t receive_compressed(h2ws_socket *socket, uint8_t *data,
                                 size_t len) {
  bool whole = len >= socket->rx.left;
  size_t n = whole ? (size_t)socket->rx.left : len;
  size_t used;
  unmask(socket, data, n);
  used = h2ws__socket_inflate(socket, data, n, whole && socket->rx.frame.fin);
  socket->rx.left -= used;
  socket->rx.in_frame = socket->rx.left > 0;
  if (!socket->rx.in_frame && socket->rx.frame.fin) {
    socket->rx.in_message = false;
  }
  if (used < n) {
    unmask(socket, data + used, n - used); /* masks it, to be read again */
  }
  return used;
}

/* ------------------------------------------------------------------------
 * The loop
 */

static size_t receive_some(h2ws_socket *socket, uint8_t *data, size_t len) {
  size_t used = 0;
  if (!socket->rx.in_frame) {
    used = receive_header(socket, data, len);
    if (!socket->rx.in_frame || !h2ws__socket_is_listening(socket)) {
      return used;
    }
  }
  if (h2ws__opcode_is_control(socket->rx.frame.opcode)) {
    used += receive_control(socket, data + used, len - used);
  } else if (socket->rx.compressed && h2ws__socket_takes_messages(socket)) {
    used += receive_compressed(socket, data + used, len - used);
  } else {
    used += receive_data(socket, data + used, len - used);
  }
  return used;
}

/*
 * Takes the frames in one piece of input, all of them if no callback of the
 * application stops it. Returns how many bytes it took.
 */
static size_t receive_piece(h2ws_socket *socket, uint8_t *data, size_t len) {
  size_t used = 0;
  while (used < len && socket->stream != NULL &&
         !h2ws__socket_is_resting(socket)) {
    used += h2ws__socket_is_listening(socket)
              ? receive_some(socket, data + used, len - used)
              : len - used; /* discarded, and credited all the same */
  }
  return used;
}

/* One step; false if there is nothing more to do now. */
static bool process_step(h2ws_socket *socket) {
  uint8_t *data = NULL;
  h2ws_ssize n;
  size_t used;
  if (socket->rx.unfinished && h2ws__socket_takes_messages(socket)) {
    h2ws__socket_inflate_more(socket);
    return true;
  }
  n = h2ws_stream_peek(socket->stream, &data);
  if (n == H2WS_ERR_EOF) {
    h2ws__socket_peer_end(socket);
    return false;
  }
  if (n <= 0) {
    return false;
  }
  socket->rx.heard = true;
  used = receive_piece(socket, data, (size_t)n);
  if (socket->stream == NULL) {
    return false;
  }
  (void)h2ws_stream_consume(socket->stream, used);
  return true;
}

void h2ws__socket_process(h2ws_socket *socket) {
  h2ws_stream *stream;
  if (socket->processing || socket->stream == NULL) {
    return;
  }
  socket->processing = true;
  h2ws_socket_retain(socket);
  stream = h2ws_stream_retain(socket->stream);
  while (socket->stream != NULL && !h2ws__socket_is_resting(socket) &&
         process_step(socket)) {
  }
  socket->processing = false;
  h2ws_stream_release(stream);
  h2ws_socket_release(socket);
}
