/* Messages through permessage-deflate (RFC 7692 section 7.2), both ways. */
#include <string.h>

#include "ws/socket.h"

#define CODE_INVALID_DATA 1007
#define CODE_TOO_BIG 1009

/* So little is harmless whatever its ratio. */
#define RATIO_FREE 65536
/* A frame's payload at least, whatever fragment_size says. */
#define FRAGMENT_MIN 16

/* ------------------------------------------------------------------------
 * The terms, seen from this side
 */

static bool keeps_sent(const h2ws_socket *socket) {
  return socket->options->all.compress_send_takeover &&
         !(socket->server ? socket->terms.server_no_takeover
                          : socket->terms.client_no_takeover);
}

static bool keeps_received(const h2ws_socket *socket) {
  return !(socket->server ? socket->terms.client_no_takeover
                          : socket->terms.server_no_takeover);
}

static uint8_t send_bits(const h2ws_socket *socket) {
  uint8_t agreed = h2ws__terms_window(
    socket->server ? socket->terms.server_bits : socket->terms.client_bits);
  uint8_t ours = socket->options->all.compress_send_bits;
  return ours < agreed ? ours : agreed;
}

static uint8_t recv_bits(const h2ws_socket *socket) {
  return h2ws__terms_window(socket->server ? socket->terms.client_bits
                                           : socket->terms.server_bits);
}

bool h2ws__socket_may_deflate(const h2ws_socket *socket) {
  /* zlib cannot deflate with a window of 8: nothing is compressed then. */
  return socket->terms.on && send_bits(socket) > H2WS__BITS_MIN;
}

static struct h2ws__deflate_shape send_shape(const h2ws_socket *socket) {
  const h2ws_socket_options *options = &socket->options->all;
  return (struct h2ws__deflate_shape){
    .level = options->compress_level,
    .mem_level = options->compress_mem_level,
    .bits = send_bits(socket),
  };
}

bool h2ws__socket_may_share(const h2ws_socket *socket, size_t len,
                            struct h2ws__deflate_shape *shape) {
  if (!socket->terms.on || !h2ws__socket_may_deflate(socket) ||
      keeps_sent(socket) || len < socket->options->all.compress_threshold) {
    return false;
  }
  *shape = send_shape(socket);
  return true;
}

void h2ws__socket_free_deflate(h2ws_socket *socket) {
  h2ws__inflater_give(socket->env, socket->rx.inflater);
  h2ws__deflater_give(socket->env, socket->tx.deflater);
  socket->rx.inflater = NULL;
  socket->tx.deflater = NULL;
}

/* ------------------------------------------------------------------------
 * Receiving
 */

/* What is inflated by one call. */
struct inflation {
  struct h2ws__inflater *inflater;
  const uint8_t *in;
  size_t in_len;
  bool end; /* of the message, behind `in` */
  uint8_t *out;
  struct h2ws__inflated step;
};

/* As much as one step may give: one byte beyond the limit tells enough. */
static size_t inflate_room(const h2ws_socket *socket,
                           const struct inflation *i) {
  uint64_t limit = socket->options->all.max_message;
  uint64_t left = limit - h2ws__inflater_size(i->inflater);
  return limit == 0 || left >= H2WS__INFLATE_STEP ? H2WS__INFLATE_STEP
                                                  : (size_t)left + 1;
}

static bool check_inflated(h2ws_socket *socket, const struct inflation *i,
                           uint64_t size) {
  uint64_t limit = socket->options->all.max_message;
  uint64_t ratio = socket->options->all.compress_max_ratio;
  if (limit > 0 && size > limit) {
    h2ws__socket_fail_limit(socket, CODE_TOO_BIG,
                            "a message inflates to %llu bytes or more and "
                            "exceeds max_message %llu",
                            size, limit);
    return false;
  }
  if (ratio > 0 && i->step.total_out > RATIO_FREE &&
      i->step.total_out / ratio > i->step.total_in) {
    h2ws__socket_fail_limit(socket, CODE_TOO_BIG,
                            "%llu compressed bytes inflate to more than "
                            "compress_max_ratio %llu allows",
                            i->step.total_in, ratio);
    return false;
  }
  return true;
}

static bool inflate_failed(h2ws_socket *socket, int error) {
  if (error == H2WS_ERR_PROTO) {
    h2ws__socket_fail(socket, CODE_INVALID_DATA, error,
                      "a compressed message is not deflate");
  } else {
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, error,
                         "no memory to inflate a message");
  }
  return false;
}

/* The others on the loop, and on the connection, want their turn too. */
static void count_inflated(h2ws_socket *socket, size_t len) {
  struct h2ws__env *env = socket->env;
  env->inflate_left -= len < env->inflate_left ? len : env->inflate_left;
  if (env->inflate_left == 0) {
    h2ws__timer_set(&env->timers, &socket->later, h2ws__now(env));
  }
}

/* One step's worth; true if there is more, and it is wanted now. */
static bool inflate_step(h2ws_socket *socket, struct inflation *i) {
  h2ws_conn_stats *stats = &socket->env->stats;
  uint64_t size = h2ws__inflater_size(i->inflater);
  size_t before = i->in_len;
  int rv = h2ws__inflate(i->inflater, &i->in, &i->in_len, i->end, i->out,
                         inflate_room(socket, i), &i->step);
  stats->compress_received_wire += before - i->in_len;
  stats->compress_received_plain += i->step.len;
  if (rv != 0) {
    return inflate_failed(socket, rv);
  }
  if (!check_inflated(socket, i, size + i->step.len)) {
    return false;
  }
  socket->rx.unfinished = i->step.full;
  count_inflated(socket, i->step.len);
  h2ws__socket_take_data(socket, i->out, i->step.len, i->step.last);
  return i->step.full && !h2ws__socket_is_resting(socket) &&
         h2ws__socket_takes_messages(socket);
}

/* Callbacks run meanwhile: the inflater is ours, and not the socket's. */
static bool inflation_begin(h2ws_socket *socket, struct inflation *i) {
  i->inflater = socket->rx.inflater;
  socket->rx.inflater = NULL;
  if (i->inflater == NULL) {
    i->inflater = h2ws__inflater_take(socket->env, recv_bits(socket));
  }
  if (i->inflater != NULL) {
    i->out = h2ws__inflate_buffer_take(socket->env);
  }
  return i->out != NULL;
}

static void inflation_end(h2ws_socket *socket, const struct inflation *i) {
  bool kept = h2ws__socket_takes_messages(socket) &&
              (!i->step.last || keeps_received(socket));
  if (i->out != NULL) {
    h2ws__inflate_buffer_give(socket->env, i->out);
  }
  if (kept) {
    socket->rx.inflater = i->inflater;
  } else {
    h2ws__inflater_give(socket->env, i->inflater);
  }
}

size_t h2ws__socket_inflate(h2ws_socket *socket, const uint8_t *data, size_t n,
                            bool end) {
  struct inflation i = {0};
  i.in = data;
  i.in_len = n;
  i.end = end;
  if (!inflation_begin(socket, &i)) {
    (void)inflate_failed(socket, H2WS_ERR_NOMEM);
  } else {
    while (inflate_step(socket, &i)) {
    }
  }
  inflation_end(socket, &i);
  return h2ws__socket_takes_messages(socket) ? n - i.in_len : n;
}

void h2ws__socket_inflate_more(h2ws_socket *socket) {
  bool end = !socket->rx.in_frame && socket->rx.frame.fin;
  (void)h2ws__socket_inflate(socket, NULL, 0, end);
}

/* ------------------------------------------------------------------------
 * Sending
 */

/* What one call compresses. The last four bytes of it are held back, for a
 * message ends without them. */
struct packing {
  h2ws_socket *socket;
  struct h2ws__deflater *deflater;
  uint8_t *out;
  size_t len; /* in `out`, not sent yet */
  size_t cap;
};

/* Takes what is needed; false if that cannot be had. */
static bool packing_begin(struct packing *p, h2ws_socket *socket) {
  uint32_t fragment = socket->options->all.fragment_size;
  *p = (struct packing){0};
  p->socket = socket;
  p->cap = (fragment > FRAGMENT_MIN ? fragment : FRAGMENT_MIN) +
           (size_t)H2WS__FLUSH_TAIL_LEN;
  if (p->cap > H2WS__DEFLATE_STEP) {
    p->cap = H2WS__DEFLATE_STEP;
  }
  p->out = h2ws__deflate_buffer_take(socket->env);
  if (p->out == NULL) {
    return false;
  }
  p->deflater = socket->tx.deflater;
  socket->tx.deflater = NULL;
  if (p->deflater == NULL) {
    struct h2ws__deflate_shape shape = send_shape(socket);
    p->deflater = h2ws__deflater_take(socket->env, &shape);
  }
  if (p->deflater == NULL) {
    h2ws__deflate_buffer_give(socket->env, p->out);
    return false;
  }
  h2ws_socket_retain(socket);
  socket->tx.busy = true;
  return true;
}

/* `kept`: more of the message, or its history, goes on from here. */
static void packing_end(struct packing *p, bool kept) {
  h2ws_socket *socket = p->socket;
  socket->tx.busy = false;
  h2ws__deflate_buffer_give(socket->env, p->out);
  if (kept && h2ws__socket_may_send(socket)) {
    socket->tx.deflater = p->deflater;
  } else {
    h2ws__deflater_give(socket->env, p->deflater);
  }
  h2ws_socket_release(socket);
}

/* Sends what is there, but for what is held back. */
static int packing_send(struct packing *p, bool fin) {
  size_t n = p->len - H2WS__FLUSH_TAIL_LEN;
  int rv = h2ws__socket_send_fragment(p->socket, p->out, n, fin);
  p->socket->env->stats.compress_sent_wire += rv == 0 ? n : 0;
  memmove(p->out, p->out + n, H2WS__FLUSH_TAIL_LEN);
  p->len = H2WS__FLUSH_TAIL_LEN;
  if (rv == 0 && !fin && !h2ws__socket_may_send(p->socket)) {
    rv = h2ws__socket_send_error(p->socket); /* closed in a callback */
  }
  return rv;
}

/* Compresses all of it; what fills the buffer is sent. */
static int packing_add(struct packing *p, const uint8_t *data, size_t len) {
  for (;;) {
    size_t room = p->cap - p->len;
    size_t n = h2ws__deflate(p->deflater, &data, &len, p->out + p->len, room);
    int rv;
    p->len += n;
    if (n < room) {
      return 0;
    }
    rv = packing_send(p, /* fin = */ false);
    if (rv != 0) {
      return rv;
    }
  }
}

static int packing_failed(struct packing *p, int rv) {
  if (h2ws__socket_may_send(p->socket)) {
    h2ws__socket_give_up(p->socket, H2WS_CLOSE_ABORTED, rv,
                         "no memory in the middle of a message");
  }
  return rv;
}

int h2ws__socket_send_deflated(h2ws_socket *socket, uint8_t opcode,
                               const uint8_t *data, size_t len) {
  struct packing p;
  bool kept = keeps_sent(socket);
  int rv;
  socket->tx.type = opcode;
  socket->tx.begun = false;
  socket->tx.compressed = packing_begin(&p, socket);
  if (!socket->tx.compressed) {
    return h2ws__socket_send_fragment(socket, data, len, /* fin = */ true);
  }
  rv = packing_add(&p, data, len);
  if (rv == 0 && !kept && !socket->tx.begun &&
      p.len - H2WS__FLUSH_TAIL_LEN >= len) {
    socket->tx.compressed = false; /* it did not get smaller */
    rv = h2ws__socket_send_fragment(socket, data, len, /* fin = */ true);
  } else if (rv == 0) {
    rv = packing_send(&p, /* fin = */ true);
    socket->env->stats.compress_sent_plain += rv == 0 ? len : 0;
  }
  if (rv != 0 && socket->tx.begun) {
    rv = packing_failed(&p, rv);
  } else if (rv != 0) {
    h2ws__deflater_reset(p.deflater); /* the peer has not seen any of it */
  }
  packing_end(&p, kept);
  return rv;
}

int h2ws__socket_piece_deflated(h2ws_socket *socket, const uint8_t *data,
                                size_t len) {
  struct packing p;
  int rv;
  if (!packing_begin(&p, socket)) {
    socket->tx.compressed = socket->tx.begun;
    return H2WS_ERR_NOMEM;
  }
  if (socket->tx.tail_owed) {
    memcpy(p.out, h2ws__flush_tail, H2WS__FLUSH_TAIL_LEN);
    p.len = H2WS__FLUSH_TAIL_LEN;
  }
  rv = packing_add(&p, data, len);
  if (rv == 0) {
    rv = packing_send(&p, /* fin = */ false);
  }
  socket->tx.tail_owed = true;
  if (rv != 0) {
    rv = packing_failed(&p, rv);
  } else {
    socket->env->stats.compress_sent_plain += len;
  }
  packing_end(&p, /* kept = */ true);
  return rv;
}

int h2ws__socket_end_deflated(h2ws_socket *socket) {
  int rv;
  /* Without a piece there is nothing compressed. */
  socket->tx.compressed = socket->tx.begun;
  rv = h2ws__socket_send_fragment(socket, NULL, 0, /* fin = */ true);
  if (rv == 0 && !keeps_sent(socket)) {
    h2ws__deflater_give(socket->env, socket->tx.deflater);
    socket->tx.deflater = NULL;
  }
  return rv;
}
