/* Channels as the program's threads see them. */
#include <stdlib.h>
#include <string.h>

#include "lib/easy/channel.h"

static void channel_lock(struct h2ws__channel *c) {
  (void)pthread_mutex_lock(&c->handle.mutex);
}

static void channel_unlock(struct h2ws__channel *c) {
  (void)pthread_mutex_unlock(&c->handle.mutex);
}

/* ------------------------------------------------------------------------
 * Sending
 */

/* Why nothing can be queued, 0 if it can. */
static int send_barred(const struct h2ws__channel *c) {
  if (h2ws__handle_cancels(&c->handle) > 0) {
    return H2WS_ERR_CANCELLED;
  }
  if (c->tx.closing) {
    return H2WS_ERR_CLOSED;
  }
  if (c->tx.shut) {
    return H2WS_ERR_STATE;
  }
  if (c->phase == H2WS__PHASE_ENDED) {
    return c->end.error != 0 ? c->end.error : H2WS_ERR_CLOSED;
  }
  return 0;
}

static int send_wait(struct h2ws__channel *c, bool wait) {
  struct timespec buf;
  int64_t ms =
    c->setup.send_timeout_ms == 0 ? -1 : (int64_t)c->setup.send_timeout_ms;
  const struct timespec *until = wait ? h2ws__time_after(ms, &buf) : NULL;
  bool in_time = true;
  int rv;
  while ((rv = send_barred(c)) == 0 && c->tx.bytes >= c->setup.send_queue) {
    if (!wait) {
      return H2WS_ERR_AGAIN;
    }
    if (!in_time) {
      return H2WS_ERR_TIMEOUT;
    }
    in_time = h2ws__handle_wait(&c->handle, until);
  }
  return rv;
}

int h2ws__channel_send(struct h2ws__channel *c, h2ws_type type,
                       const void *data, size_t len, bool wait) {
  struct h2ws__message *message;
  int rv;
  bool text = type == H2WS_TEXT || type == H2WS_TEXT_UNCOMPRESSED;
  if ((data == NULL && len > 0) ||
      (!text && type != H2WS_BINARY && type != H2WS_BINARY_UNCOMPRESSED)) {
    return H2WS_ERR_INVALID;
  }
  if (text && !h2ws_is_utf8(data, len)) {
    return H2WS_ERR_UTF8;
  }
  message = h2ws__message_new(type, data, len);
  if (message == NULL) {
    return H2WS_ERR_NOMEM;
  }
  channel_lock(c);
  rv = send_wait(c, wait && !h2ws__engine_is_here());
  if (rv == 0) {
    c->tx.bytes += h2ws__message_cost(message);
    h2ws__queue_push(&c->tx.queue, message);
    h2ws__channel_ask(c, 0);
  }
  channel_unlock(c);
  if (rv != 0) {
    free(message);
  }
  return rv;
}

/* ------------------------------------------------------------------------
 * Receiving
 */

/* Why nothing will come, 0 if something may. */
static int recv_over(const struct h2ws__channel *c) {
  if (h2ws__handle_cancels(&c->handle) > 0) {
    return H2WS_ERR_CANCELLED;
  }
  if (c->tx.closing) {
    return H2WS_ERR_CLOSED;
  }
  if (c->rx.queue.first != NULL) {
    return 0;
  }
  if (c->phase == H2WS__PHASE_ENDED) {
    return c->end.error != 0 ? c->end.error : H2WS_ERR_EOF;
  }
  return c->rx.eof ? H2WS_ERR_EOF : 0;
}

static int recv_wait(struct h2ws__channel *c, int timeout_ms) {
  struct timespec buf;
  bool in_time = timeout_ms != 0 && !h2ws__engine_is_here();
  const struct timespec *until =
    in_time ? h2ws__time_after(timeout_ms, &buf) : NULL;
  int rv;
  while ((rv = recv_over(c)) == 0 && c->rx.queue.first == NULL) {
    if (!in_time) {
      return H2WS_ERR_TIMEOUT;
    }
    in_time = h2ws__handle_wait(&c->handle, until);
  }
  return rv;
}

/* Takes the next message into rx.current. Mutex held; may wait. */
static int recv_next(struct h2ws__channel *c, int timeout_ms) {
  int rv;
  if (c->rx.taken) {
    return H2WS_ERR_STATE;
  }
  c->rx.taken = true;
  rv = recv_wait(c, timeout_ms);
  c->rx.taken = false;
  if (rv != 0) {
    return rv;
  }
  free(c->rx.current);
  c->rx.current = h2ws__queue_pop(&c->rx.queue);
  c->rx.bytes -= h2ws__message_cost(c->rx.current);
  if (c->rx.full && c->rx.bytes <= c->setup.recv_queue / 2) {
    c->rx.full = false;
    h2ws__channel_ask(c, H2WS__WORK_RESUME);
  }
  return 0;
}

/* What h2ws_read() has left of a message. */
static bool recv_rest(const struct h2ws__channel *c) {
  return c->rx.current != NULL && c->rx.current->pos > 0 &&
         c->rx.current->pos < c->rx.current->len;
}

int h2ws__channel_recv(struct h2ws__channel *c, h2ws_msg *msg, int timeout_ms) {
  struct h2ws__message *message;
  int rv = 0;
  channel_lock(c);
  if (!recv_rest(c)) {
    rv = recv_next(c, timeout_ms);
  }
  if (rv == 0) {
    message = c->rx.current;
    msg->type = message->type;
    msg->data = message->data + message->pos;
    msg->len = message->len - message->pos;
    message->pos = message->len;
  }
  channel_unlock(c);
  return rv;
}

h2ws_ssize h2ws__channel_read(struct h2ws__channel *c, void *buf, size_t cap,
                              int timeout_ms) {
  struct h2ws__message *message;
  size_t len = 0;
  int rv = 0;
  channel_lock(c);
  /* Empty messages have no bytes: on to the next. */
  while (!recv_rest(c) && (rv = recv_next(c, timeout_ms)) == 0 &&
         c->rx.current->len == 0) {
  }
  if (rv == 0) {
    message = c->rx.current;
    len = message->len - message->pos;
    len = len < cap ? len : cap;
    memcpy(buf, message->data + message->pos, len);
    message->pos += len;
  }
  channel_unlock(c);
  return rv != 0 ? rv : (h2ws_ssize)len;
}
