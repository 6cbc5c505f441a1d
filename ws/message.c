/*
 * Prepared messages. A server's frames are not masked, so the same bytes serve
 * every socket: header and payload are made once, and each socket's queue
 * holds a reference to them.
 */
#include <string.h>

#include "ws/socket.h"

struct h2ws_message {
  h2ws_mem mem;
  atomic_size_t refs;
  h2ws_type type;
  size_t header_len;
  struct h2ws__blob *frame; /* header and payload */
};

/* The header, by the codec of an env that serves only this. */
static h2ws_ssize build_header(const h2ws_mem *mem, uint8_t *header,
                               h2ws_type type, size_t len) {
  struct h2ws__frame frame = {0};
  struct h2ws__env *env = h2ws__env_new(mem);
  h2ws_ssize n;
  if (env == NULL) {
    return H2WS_ERR_NOMEM;
  }
  frame.fin = true;
  frame.opcode = (uint8_t)type;
  frame.len = len;
  n = h2ws__frame_build(env, header, &frame);
  h2ws__codec_free(env);
  h2ws__env_release(env);
  return n;
}

static struct h2ws__blob *build_frame(const h2ws_mem *mem,
                                      const uint8_t *header, size_t header_len,
                                      const void *data, size_t len) {
  struct h2ws__blob *blob = h2ws__blob_new(mem, header_len + len);
  if (blob != NULL) {
    memcpy(blob->data, header, header_len);
    if (len > 0) {
      memcpy(blob->data + header_len, data, len);
    }
  }
  return blob;
}

static int message_check(h2ws_type type, const void *data, size_t len) {
  if ((data == NULL && len > 0) || (type != H2WS_TEXT && type != H2WS_BINARY)) {
    return H2WS_ERR_INVALID;
  }
  if (len > H2WS_MESSAGE_MAX) {
    return H2WS_ERR_TOO_BIG;
  }
  if (type == H2WS_TEXT && !h2ws__utf8_is_valid(data, len)) {
    return H2WS_ERR_UTF8;
  }
  return 0;
}

int h2ws_message_new(h2ws_message **out, const h2ws_mem *mem, h2ws_type type,
                     const void *data, size_t len) {
  uint8_t header[H2WS__FRAME_HEADER_MAX];
  h2ws_message *message;
  h2ws_ssize n;
  int rv = out == NULL ? H2WS_ERR_INVALID : message_check(type, data, len);
  if (rv != 0) {
    return rv;
  }
  mem = mem == NULL ? h2ws__mem_default() : mem;
  n = build_header(mem, header, type, len);
  if (n < 0) {
    return (int)n;
  }
  message = h2ws__mem_alloc(mem, sizeof(*message));
  if (message == NULL) {
    return H2WS_ERR_NOMEM;
  }
  message->frame = build_frame(mem, header, (size_t)n, data, len);
  if (message->frame == NULL) {
    h2ws__mem_free(mem, message);
    return H2WS_ERR_NOMEM;
  }
  message->mem = *mem;
  message->type = type;
  message->header_len = (size_t)n;
  atomic_init(&message->refs, 1);
  *out = message;
  return 0;
}

h2ws_message *h2ws_message_retain(h2ws_message *message) {
  if (message != NULL) {
    atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
  }
  return message;
}

void h2ws_message_release(h2ws_message *message) {
  if (message != NULL &&
      atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) == 1) {
    h2ws_mem mem = message->mem;
    h2ws__blob_release(message->frame);
    h2ws__mem_free(&mem, message);
  }
}

int h2ws_socket_send_message(h2ws_socket *socket, h2ws_message *message) {
  const struct h2ws__blob *frame;
  int rv;
  if (socket == NULL || message == NULL) {
    return H2WS_ERR_INVALID;
  }
  frame = message->frame;
  if (!socket->server) {
    return h2ws_socket_send(socket, message->type,
                            frame->data + message->header_len,
                            frame->len - message->header_len);
  }
  rv = h2ws__socket_send_check(socket);
  if (rv == 0) {
    rv = h2ws__stream_write_blob(socket->stream, message->frame);
  }
  if (rv == 0) {
    socket->env->stats.messages_sent++;
  }
  return rv;
}

size_t h2ws_socket_broadcast(h2ws_message *message, h2ws_socket *const *sockets,
                             size_t len, int *results) {
  size_t taken = 0;
  size_t i;
  for (i = 0; i < len; i++) {
    int rv = h2ws_socket_send_message(sockets[i], message);
    if (results != NULL) {
      results[i] = rv;
    }
    taken += rv == 0;
  }
  return taken;
}
