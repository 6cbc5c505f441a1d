/*
 * Prepared messages. A server's frames are not masked, so the same bytes serve
 * every socket: header and payload are made once, and each socket's queue
 * holds a reference to them.
 *
 * A compressed frame serves every socket that compresses in the same way and
 * keeps no history of what it sent. The first of them makes it.
 */
#include <string.h>

#include "ws/socket.h"

/* The message compressed in one way. Does not change once it is in the list. */
struct variant {
  struct variant *next;
  struct h2ws__deflate_shape shape;
  size_t header_len;
  struct h2ws__blob *frame; /* NULL: it did not get smaller */
};

struct h2ws_message {
  h2ws_mem mem;
  atomic_size_t refs;
  h2ws_type type;
  size_t header_len;
  struct h2ws__blob *frame; /* header and payload */
  /*
   * Only ever grows, at the front, by at most one for each window that
   * clients may ask for and each set of options of the application.
   */
  _Atomic(struct variant *) variants;
};

/* The header, by the codec of an env that serves only this. */
static h2ws_ssize build_header(const h2ws_mem *mem, uint8_t *header,
                               h2ws_type type, uint8_t rsv, size_t len) {
  struct h2ws__frame frame = {0};
  struct h2ws__env *env = h2ws__env_new(mem);
  h2ws_ssize n;
  if (env == NULL) {
    return H2WS_ERR_NOMEM;
  }
  frame.fin = true;
  frame.rsv = rsv;
  frame.opcode = h2ws__type_opcode(type);
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
  uint8_t opcode = h2ws__type_opcode(type);
  if ((data == NULL && len > 0) || opcode == 0) {
    return H2WS_ERR_INVALID;
  }
  if (len > H2WS_MESSAGE_MAX) {
    return H2WS_ERR_TOO_BIG;
  }
  if (opcode == H2WS__OP_TEXT && !h2ws__utf8_is_valid(data, len)) {
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
  n = build_header(mem, header, type, /* rsv = */ 0, len);
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
  atomic_init(&message->variants, NULL);
  *out = message;
  return 0;
}

/* ------------------------------------------------------------------------
 * Compressed
 */

static void variant_free(const h2ws_mem *mem, struct variant *variant) {
  if (variant->frame != NULL) {
    h2ws__blob_release(variant->frame);
  }
  h2ws__mem_free(mem, variant);
}

static void variants_free(h2ws_message *message) {
  struct variant *variant =
    atomic_load_explicit(&message->variants, memory_order_acquire);
  while (variant != NULL) {
    struct variant *next = variant->next;
    variant_free(&message->mem, variant);
    variant = next;
  }
}

static struct variant *variant_find(struct variant *list,
                                    const struct h2ws__deflate_shape *shape) {
  while (list != NULL && !h2ws__deflate_shape_is(&list->shape, shape)) {
    list = list->next;
  }
  return list;
}

/* 0, with a frame if it got smaller; H2WS_ERR_NOMEM. */
static int variant_fill(struct variant *variant, const h2ws_message *message,
                        struct h2ws__env *env) {
  const h2ws_mem *mem = &message->mem;
  const uint8_t *data = message->frame->data + message->header_len;
  size_t len = message->frame->len - message->header_len;
  uint8_t header[H2WS__FRAME_HEADER_MAX];
  uint8_t *out = h2ws__mem_alloc(mem, len);
  h2ws_ssize n =
    out == NULL ? H2WS_ERR_NOMEM
                : h2ws__deflate_message(env, &variant->shape, data, len, out);
  if (n > 0) {
    h2ws_ssize header_len =
      build_header(mem, header, message->type, H2WS__RSV1, (size_t)n);
    if (header_len > 0) {
      variant->header_len = (size_t)header_len;
      variant->frame =
        build_frame(mem, header, variant->header_len, out, (size_t)n);
    }
    n = variant->frame == NULL ? H2WS_ERR_NOMEM : 0;
  }
  h2ws__mem_free(mem, out);
  return (int)n;
}

/* Puts `mine` in the list, unless another thread was faster. */
static struct variant *variant_publish(h2ws_message *message,
                                       struct variant *mine) {
  struct variant *list =
    atomic_load_explicit(&message->variants, memory_order_acquire);
  do {
    struct variant *other = variant_find(list, &mine->shape);
    if (other != NULL) {
      variant_free(&message->mem, mine);
      return other;
    }
    mine->next = list;
  } while (!atomic_compare_exchange_weak_explicit(&message->variants, &list,
                                                  mine, memory_order_acq_rel,
                                                  memory_order_acquire));
  return mine;
}

/* NULL: no memory. */
static struct variant *variant_get(h2ws_message *message, struct h2ws__env *env,
                                   const struct h2ws__deflate_shape *shape) {
  struct variant *mine = variant_find(
    atomic_load_explicit(&message->variants, memory_order_acquire), shape);
  if (mine != NULL) {
    return mine;
  }
  mine = h2ws__mem_zalloc(&message->mem, sizeof(*mine));
  if (mine == NULL) {
    return NULL;
  }
  mine->shape = *shape;
  if (variant_fill(mine, message, env) != 0) {
    variant_free(&message->mem, mine);
    return NULL;
  }
  return variant_publish(message, mine);
}

/* The variant that `socket` sends; NULL: the message as it is. */
static const struct variant *variant_for(h2ws_message *message,
                                         const h2ws_socket *socket) {
  size_t len = message->frame->len - message->header_len;
  struct h2ws__deflate_shape shape;
  const struct variant *variant;
  if (len == 0 || !h2ws__type_may_deflate(message->type) ||
      !h2ws__socket_may_share(socket, len, &shape)) {
    return NULL;
  }
  variant = variant_get(message, socket->env, &shape);
  return variant == NULL || variant->frame == NULL ? NULL : variant;
}

/* ------------------------------------------------------------------------
 * Life
 */

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
    variants_free(message);
    h2ws__mem_free(&mem, message);
  }
}

/* ------------------------------------------------------------------------
 * Sending
 */

static int send_shared(h2ws_socket *socket, h2ws_message *message) {
  const struct variant *variant = variant_for(message, socket);
  h2ws_conn_stats *stats = &socket->env->stats;
  int rv = h2ws__stream_write_blob(
    socket->stream, variant == NULL ? message->frame : variant->frame);
  if (rv != 0) {
    return rv;
  }
  stats->messages_sent++;
  if (variant != NULL) {
    stats->compress_sent_plain += message->frame->len - message->header_len;
    stats->compress_sent_wire += variant->frame->len - variant->header_len;
  }
  return 0;
}

int h2ws_socket_send_message(h2ws_socket *socket, h2ws_message *message) {
  const struct h2ws__blob *frame;
  int rv;
  if (socket == NULL || message == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(socket->env);
  frame = message->frame;
  if (!socket->server) {
    return h2ws_socket_send(socket, message->type,
                            frame->data + message->header_len,
                            frame->len - message->header_len);
  }
  rv = h2ws__socket_send_check(socket);
  return rv == 0 ? send_shared(socket, message) : rv;
}

/* No connection is freed before all sockets have had their turn. */
static void broadcast_enter(h2ws_socket *const *sockets, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (sockets[i] != NULL) {
      h2ws__env_enter(sockets[i]->env);
    }
  }
}

static void broadcast_leave(h2ws_socket *const *sockets, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (sockets[i] != NULL) {
      h2ws__env_leave(sockets[i]->env);
    }
  }
}

size_t h2ws_socket_broadcast(h2ws_message *message, h2ws_socket *const *sockets,
                             size_t len, int *results) {
  size_t taken = 0;
  size_t i;
  broadcast_enter(sockets, len);
  for (i = 0; i < len; i++) {
    int rv = h2ws_socket_send_message(sockets[i], message);
    if (results != NULL) {
      results[i] = rv;
    }
    taken += rv == 0;
  }
  broadcast_leave(sockets, len);
  return taken;
}
