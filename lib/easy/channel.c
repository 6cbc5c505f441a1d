/* Channels as the loop sees them. */
#include "lib/easy/channel.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9113 section 7 */

/* ------------------------------------------------------------------------
 * Life
 */

static void queue_init(struct h2ws__queue *queue) {
  queue->first = NULL;
  queue->last = &queue->first;
}

static void queue_free(struct h2ws__queue *queue) {
  while (queue->first != NULL) {
    struct h2ws__message *next = queue->first->next;
    free(queue->first);
    queue->first = next;
  }
  queue_init(queue);
}

static void queue_append(struct h2ws__queue *queue, struct h2ws__queue *more) {
  if (more->first != NULL) {
    *queue->last = more->first;
    queue->last = more->last;
    queue_init(more);
  }
}

struct h2ws__message *h2ws__queue_pop(struct h2ws__queue *queue) {
  struct h2ws__message *message = queue->first;
  if (message != NULL) {
    queue->first = message->next;
    if (queue->first == NULL) {
      queue->last = &queue->first;
    }
    message->next = NULL;
  }
  return message;
}

void h2ws__queue_push(struct h2ws__queue *queue,
                      struct h2ws__message *message) {
  *queue->last = message;
  queue->last = &message->next;
}

struct h2ws__message *h2ws__message_new(h2ws_type type, const void *data,
                                        size_t len) {
  struct h2ws__message *message =
    len < SIZE_MAX / 2 ? malloc(sizeof(*message) + len + 1) : NULL;
  if (message == NULL) {
    return NULL;
  }
  message->next = NULL;
  message->type = type;
  message->len = len;
  message->pos = 0;
  if (len > 0) {
    memcpy(message->data, data, len);
  }
  message->data[len] = '\0';
  return message;
}

static void facts_free(struct h2ws__facts *facts) {
  free(facts->tls);
  free(facts->cipher);
  free(facts->peer);
  free(facts->path);
  free(facts->subprotocol);
  free(facts->extensions);
  free(facts->fields);
}

static void channel_destroy(struct h2ws__handle *handle) {
  struct h2ws__channel *c = h2ws__channel_of(handle);
  queue_free(&c->loop.out);
  queue_free(&c->rx.queue);
  queue_free(&c->tx.queue);
  free(c->rx.current);
  free(c->setup.where);
  facts_free(&c->facts);
  free(c);
}

static void channel_run(struct h2ws__task *task);

int h2ws__channel_new(struct h2ws__channel **out, const char *where) {
  struct h2ws__channel *c = calloc(1, sizeof(*c));
  *out = NULL;
  if (c == NULL) {
    return H2WS_ERR_NOMEM;
  }
  c->setup.where = h2ws__why_where(where);
  if (c->setup.where == NULL ||
      h2ws__handle_init(&c->handle, H2WS__CHANNEL, channel_run,
                        channel_destroy) != 0) {
    free(c->setup.where);
    free(c);
    return H2WS_ERR_NOMEM;
  }
  queue_init(&c->loop.out);
  queue_init(&c->rx.queue);
  queue_init(&c->tx.queue);
  *out = c;
  return 0;
}

void h2ws__channel_release(struct h2ws__channel *c) {
  h2ws__handle_release(&c->handle);
}

void h2ws__channel_ask(struct h2ws__channel *c, unsigned work) {
  c->work |= work;
  h2ws__handle_kick(&c->handle);
}

static void channel_lock(struct h2ws__channel *c) {
  (void)pthread_mutex_lock(&c->handle.mutex);
}

static void channel_unlock(struct h2ws__channel *c) {
  (void)pthread_mutex_unlock(&c->handle.mutex);
}

/* ------------------------------------------------------------------------
 * Sending
 */

static int channel_give(struct h2ws__channel *c,
                        const struct h2ws__message *message) {
  return c->loop.socket != NULL
           ? h2ws_socket_send(c->loop.socket, message->type, message->data,
                              message->len)
           : h2ws_stream_write(c->loop.stream, message->data, message->len);
}

static void channel_abort(struct h2ws__channel *c);

/* Something of it is lost for lack of memory: it must not go on without. */
static void channel_starve(struct h2ws__channel *c) {
  c->loop.starved = true;
  channel_abort(c);
}

/* Ends our side: the code and the reason are those of h2ws_close_with(). */
static void channel_end_ours(struct h2ws__channel *c) {
  int rv;
  c->loop.ending = true;
  h2ws_reconnect_stop(c->loop.reconnect);
  if (c->loop.socket == NULL) {
    (void)h2ws_stream_shutdown(c->loop.stream);
    return;
  }
  rv = h2ws_socket_close(c->loop.socket, c->tx.code, c->tx.reason,
                         strlen(c->tx.reason));
  if (rv == H2WS_ERR_NOMEM) {
    channel_starve(c);
  }
}

/* Gives the core what it takes; returns how many bytes that was. */
static size_t channel_give_all(struct h2ws__channel *c) {
  size_t given = 0;
  while (c->loop.out.first != NULL && !c->loop.blocked) {
    struct h2ws__message *message = c->loop.out.first;
    int rv;
    if (c->loop.socket == NULL && c->loop.stream == NULL) {
      break; /* it ended meanwhile */
    }
    rv = channel_give(c, message);
    if (rv == H2WS_ERR_AGAIN) {
      c->loop.blocked = true;
      break;
    }
    if (rv == H2WS_ERR_NOMEM) {
      channel_starve(c);
      break;
    }
    if (rv != 0 && c->loop.reconnect != NULL) {
      break; /* for the next socket */
    }
    /* Sent, or lost with the socket that is ending: gone in both cases. */
    given += h2ws__message_cost(message);
    free(h2ws__queue_pop(&c->loop.out));
  }
  return given;
}

static void channel_flush(struct h2ws__channel *c) {
  size_t given;
  bool shut;
  channel_lock(c);
  if (c->phase != H2WS__PHASE_OPEN) {
    channel_unlock(c);
    return;
  }
  queue_append(&c->loop.out, &c->tx.queue);
  shut = c->tx.shut;
  channel_unlock(c);
  given = channel_give_all(c);
  if (given > 0) {
    channel_lock(c);
    c->tx.bytes -= given;
    h2ws__handle_changed(&c->handle);
    channel_unlock(c);
  }
  if (shut && c->loop.out.first == NULL && !c->loop.ending &&
      (c->loop.socket != NULL || c->loop.stream != NULL)) {
    channel_end_ours(c);
  } else if (shut && c->loop.socket == NULL) {
    h2ws_reconnect_stop(c->loop.reconnect);
  }
}

static void channel_writable(struct h2ws__channel *c) {
  c->loop.blocked = false;
  channel_flush(c);
  if (c->loop.on_message != NULL && !c->loop.blocked &&
      c->loop.socket != NULL) {
    (void)h2ws_socket_resume(c->loop.socket);
  }
}

/* ------------------------------------------------------------------------
 * Receiving
 */

/* True if there is room for more. */
static bool channel_queue(struct h2ws__channel *c,
                          struct h2ws__message *message) {
  bool room;
  channel_lock(c);
  if (c->tx.closing) {
    channel_unlock(c);
    free(message);
    return true;
  }
  h2ws__queue_push(&c->rx.queue, message);
  c->rx.bytes += h2ws__message_cost(message);
  c->rx.full = c->rx.bytes >= c->setup.recv_queue;
  room = !c->rx.full;
  h2ws__handle_changed(&c->handle);
  channel_unlock(c);
  return room;
}

/* Evented: straight to the program; reading waits for what it answers. */
static bool channel_tell(struct h2ws__channel *c,
                         struct h2ws__message *message) {
  h2ws_msg msg = {message->type, message->data, message->len};
  c->loop.on_message(c->handle.name, &msg, c->loop.user);
  free(message);
  channel_flush(c);
  return !c->loop.blocked;
}

static bool channel_deliver(struct h2ws__channel *c, h2ws_type type,
                            const uint8_t *data, size_t len, bool *room) {
  struct h2ws__message *message = h2ws__message_new(type, data, len);
  if (message == NULL) {
    return false;
  }
  *room = c->loop.on_message != NULL ? channel_tell(c, message)
                                     : channel_queue(c, message);
  return true;
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct h2ws__channel *c = user;
  bool room = true;
  h2ws__channel_opened(c); /* a server's first may come while accepting */
  if (c->loop.starved) {
    return;
  }
  if (!channel_deliver(c, type, data, len, &room)) {
    channel_starve(c);
  } else if (!room) {
    (void)h2ws_socket_pause(socket);
  }
}

/* The answer to a POST or PUT was no: in its first words, if they are there. */
static void why_refused(const struct h2ws__channel *c, h2ws_stream *stream,
                        struct h2ws__end *end) {
  uint8_t *body = NULL;
  h2ws_ssize n = h2ws_stream_peek(stream, &body);
  h2ws_close_info info = {.size = sizeof(info)};
  info.cls = H2WS_CLOSE_REFUSED;
  info.error = H2WS_ERR_REFUSED;
  info.code = 1006;
  info.status = c->loop.refusal;
  info.reason = "";
  info.body = body;
  info.body_len = n > 0 ? (size_t)n : 0;
  info.detail = "the server refused the request";
  h2ws__why_ended(end, c->setup.where, /* opened = */ false, &info);
}

static void channel_refused(struct h2ws__channel *c, h2ws_stream *stream) {
  struct h2ws__end end;
  why_refused(c, stream, &end);
  h2ws__channel_ended(c, &end);
  (void)h2ws_stream_reset(stream, H2WS_H2_CANCEL);
}

static void on_readable(h2ws_stream *stream, void *user) {
  struct h2ws__channel *c = user;
  uint8_t *data = NULL;
  h2ws_ssize n = 0;
  bool room = true;
  if (c->loop.refusal != 0) {
    channel_refused(c, stream);
    return;
  }
  channel_lock(c);
  room = !c->rx.full;
  channel_unlock(c);
  while (room && (n = h2ws_stream_peek(stream, &data)) > 0) {
    if (!channel_deliver(c, H2WS_BINARY, data, (size_t)n, &room)) {
      channel_starve(c);
      return;
    }
    (void)h2ws_stream_consume(stream, (size_t)n);
  }
  if (n == H2WS_ERR_EOF) {
    channel_lock(c);
    c->rx.eof = true;
    h2ws__handle_changed(&c->handle);
    channel_unlock(c);
  }
}

static void channel_resume(struct h2ws__channel *c) {
  if (c->loop.socket != NULL) {
    (void)h2ws_socket_resume(c->loop.socket);
  } else if (c->loop.stream != NULL) {
    on_readable(c->loop.stream, c);
  }
}

/* ------------------------------------------------------------------------
 * The end
 */

void h2ws__channel_ended(struct h2ws__channel *c, const struct h2ws__end *end) {
  c->loop.socket = NULL;
  c->loop.stream = NULL;
  if (c->loop.limit != NULL) {
    event_free(c->loop.limit);
    c->loop.limit = NULL;
  }
  channel_lock(c);
  if (c->phase == H2WS__PHASE_ENDED) {
    channel_unlock(c);
    return;
  }
  c->phase = H2WS__PHASE_ENDED;
  c->end = *end;
  h2ws__handle_changed(&c->handle);
  channel_unlock(c);
  if (c->loop.on_end != NULL) {
    c->loop.on_end(c);
  }
}

static void channel_ended_with(struct h2ws__channel *c,
                               const h2ws_close_info *info) {
  struct h2ws__end end;
  bool was_open;
  channel_lock(c);
  was_open = c->was_open;
  channel_unlock(c);
  h2ws__why_ended(&end, c->setup.where, was_open, info);
  if (c->loop.starved) {
    h2ws__why_failed(&end, c->setup.where, H2WS_ERR_NOMEM, NULL);
  } else if (!was_open && end.error == H2WS_ERR_ABORTED) {
    end.error = H2WS_ERR_CANCELLED; /* at each step of connecting the same */
  }
  h2ws__channel_ended(c, &end);
}

static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  (void)socket;
  channel_ended_with(user, info);
}

/* What it still holds, a window at most, is taken beyond the limit. */
static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  struct h2ws__channel *c = user;
  uint8_t *data = NULL;
  h2ws_ssize n;
  bool room;
  if (c->loop.refusal != 0 && info->error != H2WS_ERR_ABORTED) {
    channel_refused(c, stream); /* the words of it never came */
    return;
  }
  while (c->loop.refusal == 0 && !c->loop.starved &&
         (n = h2ws_stream_peek(stream, &data)) > 0) {
    c->loop.starved = !channel_deliver(c, H2WS_BINARY, data, (size_t)n, &room);
    (void)h2ws_stream_consume(stream, (size_t)n);
  }
  channel_ended_with(c, info);
}

static void channel_abort(struct h2ws__channel *c) {
  struct h2ws__end end;
  if (c->loop.socket != NULL) {
    h2ws_reconnect_stop(c->loop.reconnect);
    (void)h2ws_socket_abort(c->loop.socket);
  } else if (c->loop.stream != NULL) {
    (void)h2ws_stream_reset(c->loop.stream, H2WS_H2_CANCEL);
  } else {
    h2ws__dial_drop(c);
    h2ws__why_failed(&end, c->setup.where, H2WS_ERR_CANCELLED, NULL);
    h2ws__channel_ended(c, &end);
  }
}

static void on_limit(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  channel_abort(arg);
}

/* It was closed where nobody can wait for it. */
static void channel_set_limit(struct h2ws__channel *c) {
  uint32_t ms = c->setup.close_timeout_ms;
  struct timeval tv;
  if (c->phase == H2WS__PHASE_ENDED) {
    return;
  }
  tv.tv_sec = (time_t)(ms / 1000);
  tv.tv_usec = (suseconds_t)(ms % 1000) * 1000;
  c->loop.limit =
    event_new(h2ws_loop_base(h2ws__engine_loop()), -1, 0, on_limit, c);
  if (c->loop.limit == NULL || event_add(c->loop.limit, &tv) != 0) {
    channel_abort(c);
  }
}

/* ------------------------------------------------------------------------
 * The beginning
 */

static bool copy(char **out, const char *text) {
  *out = text == NULL ? NULL : strdup(text);
  return text == NULL || *out != NULL;
}

h2ws_header *h2ws__fields_copy(const h2ws_header *fields, size_t len) {
  size_t size = (len + 1) * sizeof(h2ws_header);
  h2ws_header *copies;
  size_t i;
  char *at;
  for (i = 0; i < len; i++) {
    size += strlen(fields[i].name) + strlen(fields[i].value) + 2;
  }
  copies = malloc(size);
  if (copies == NULL) {
    return NULL;
  }
  at = (char *)(copies + len);
  for (i = 0; i < len; i++) {
    copies[i].name = at;
    at = stpcpy(at, fields[i].name) + 1;
    copies[i].value = at;
    at = stpcpy(at, fields[i].value) + 1;
  }
  return copies;
}

bool h2ws__channel_learn(struct h2ws__channel *c, h2ws_stream *stream) {
  h2ws_link_info link = {.size = sizeof(link)};
  size_t len = 0;
  const h2ws_header *fields = h2ws_stream_headers(stream, &len);
  c->facts.fields = h2ws__fields_copy(fields, len);
  c->facts.fields_len = len;
  (void)h2ws_conn_link_info(h2ws_stream_conn(stream), &link);
  c->facts.http = link.http;
  c->facts.stream = link.http == H2WS_HTTP_1_1 ? 0 : h2ws_stream_id(stream);
  return c->facts.fields != NULL && copy(&c->facts.tls, link.tls_version) &&
         copy(&c->facts.cipher, link.cipher) &&
         copy(&c->facts.peer, link.peer) &&
         (c->facts.path != NULL ||
          copy(&c->facts.path, h2ws_stream_path(stream))) &&
         !c->loop.starved;
}

void h2ws__channel_opened(struct h2ws__channel *c) {
  bool fed;
  channel_lock(c);
  if (c->was_open || c->phase == H2WS__PHASE_ENDED || c->loop.starved) {
    channel_unlock(c);
    return;
  }
  fed = copy(&c->facts.subprotocol, h2ws_socket_protocol(c->loop.socket)) &&
        copy(&c->facts.extensions, h2ws_socket_has_compression(c->loop.socket)
                                     ? "permessage-deflate"
                                     : NULL);
  c->phase = fed ? H2WS__PHASE_OPEN : c->phase;
  c->was_open = fed;
  h2ws__handle_changed(&c->handle);
  channel_unlock(c);
  if (!fed) {
    channel_starve(c);
    return;
  }
  if (c->loop.on_open != NULL) {
    c->loop.on_open(c);
  }
  channel_flush(c);
}

/* What waits steps aside meanwhile, in the queue and in its count. */
void h2ws__channel_reopened(struct h2ws__channel *c, h2ws_socket *socket,
                            void (*tell)(struct h2ws__channel *channel)) {
  struct h2ws__queue waiting;
  const struct h2ws__message *message;
  size_t bytes = 0;
  queue_init(&waiting);
  c->loop.socket = socket;
  channel_lock(c);
  queue_append(&waiting, &c->loop.out);
  queue_append(&waiting, &c->tx.queue);
  for (message = waiting.first; message != NULL; message = message->next) {
    bytes += h2ws__message_cost(message);
  }
  c->tx.bytes -= bytes;
  channel_unlock(c);
  tell(c);
  channel_lock(c);
  queue_append(&c->loop.out, &c->tx.queue);
  queue_append(&c->loop.out, &waiting);
  c->tx.bytes += bytes;
  channel_unlock(c);
  channel_flush(c);
}

static void on_socket_open(h2ws_socket *socket, void *user) {
  if (h2ws__channel_learn(user, h2ws_socket_stream(socket))) {
    h2ws__channel_opened(user);
  } else {
    channel_starve(user);
  }
}

static void on_stream_open(h2ws_stream *stream, void *user) {
  struct h2ws__channel *c = user;
  if (h2ws_stream_status(stream) >= 300) {
    c->loop.refusal = h2ws_stream_status(stream); /* on_readable() comes */
    channel_lock(c);
    why_refused(c, stream, &c->end); /* unless that takes too long */
    channel_unlock(c);
    return;
  }
  if (h2ws__channel_learn(c, stream)) {
    h2ws__channel_opened(c);
  } else {
    channel_starve(c);
  }
}

static void on_socket_writable(h2ws_socket *socket, void *user) {
  (void)socket;
  channel_writable(user);
}

static void on_stream_writable(h2ws_stream *stream, void *user) {
  (void)stream;
  channel_writable(user);
}

const h2ws_socket_callbacks h2ws__channel_socket = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_socket_open,
  .on_message = on_message,
  .on_writable = on_socket_writable,
  .on_close = on_socket_close,
};

const h2ws_stream_callbacks h2ws__channel_stream = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_open = on_stream_open,
  .on_readable = on_readable,
  .on_writable = on_stream_writable,
  .on_close = on_stream_close,
};

/* ------------------------------------------------------------------------
 * Work
 */

static void channel_run(struct h2ws__task *task) {
  /* A task is the first member of a handle, a handle that of a channel. */
  struct h2ws__channel *c = (struct h2ws__channel *)(void *)task;
  unsigned work;
  channel_lock(c);
  work = c->work;
  c->work = 0;
  channel_unlock(c);
  if ((work & H2WS__WORK_START) != 0) {
    h2ws__dial_start(c);
  }
  if ((work & H2WS__WORK_ABORT) != 0) {
    channel_abort(c);
  }
  if ((work & H2WS__WORK_LIMIT) != 0) {
    channel_set_limit(c);
  }
  channel_flush(c);
  if ((work & H2WS__WORK_RESUME) != 0) {
    channel_resume(c);
  }
  h2ws__channel_release(c);
}
