#include "lib/easy/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/easy/channel.h"
#include "lib/easy/pool.h"

/* Requests that wait for a thread; the core answers them 503 in the end. */
#define PENDING_MAX 1024

struct server;

/* A request that waits for a place in the pool. */
struct pending {
  struct pending *next;
  struct pending **pprev;
  struct server *server;
  h2ws_stream *stream;
};

enum phase { STARTING, LISTENING, STOPPED };

struct server {
  struct h2ws__handle handle; /* first */
  h2ws_serve_options options;
  h2ws_server_options server_options;
  h2ws_socket_options socket_options;
  h2ws_on_message *on_message; /* NULL: handlers in a pool */
  void *user;
  struct h2ws__pool *pool;
  bool messages; /* WebSockets, not byte streams */
  char *url;
  char *listen;
  const char *path; /* in url */
  char *subprotocols;
  char *origins;
  char *challenge;

  /* The loop's. */
  h2ws_server *server;
  struct pending *first;
  struct pending **last;
  size_t pending_len;
  bool stopping;

  /* Under the mutex. */
  enum phase phase;
  bool start_asked;
  bool closing;
  int error; /* of the start */
  char why[256];
  char address[128];
};

static struct server *server_of(struct h2ws__handle *handle) {
  return (struct server *)(void *)handle; /* its first member */
}

static void server_lock(struct server *s) {
  (void)pthread_mutex_lock(&s->handle.mutex);
}

static void server_unlock(struct server *s) {
  (void)pthread_mutex_unlock(&s->handle.mutex);
}

/* ------------------------------------------------------------------------
 * Connections
 */

static void on_channel_open(struct h2ws__channel *c) {
  struct server *s = c->loop.owner;
  if (s->on_message != NULL && s->options.on_open != NULL) {
    s->options.on_open(c->handle.name, s->user);
  }
}

static void on_channel_end(struct h2ws__channel *c) {
  struct server *s = c->loop.owner;
  if (s->on_message != NULL) {
    if (s->options.on_close != NULL && c->was_open) {
      s->options.on_close(c->handle.name, s->user);
    }
    (void)h2ws__handle_withdraw(c->handle.name);
  }
  c->loop.owner = NULL;
  h2ws__handle_release(&s->handle);
  h2ws__channel_release(c);
}

/* It did not come to be. */
static void channel_undo(struct h2ws__channel *c) {
  struct server *s = c->loop.owner;
  c->loop.on_end = NULL;
  (void)h2ws__handle_withdraw(c->handle.name);
  h2ws__handle_release(&s->handle);
  h2ws__channel_release(c);
  h2ws__channel_release(c);
}

/* One reference for the caller, one for the loop until on_channel_end(). */
static struct h2ws__channel *channel_new(struct server *s,
                                         h2ws_stream *stream) {
  h2ws_link_info link = {.size = sizeof(link)};
  struct h2ws__channel *c;
  (void)h2ws_conn_link_info(h2ws_stream_conn(stream), &link);
  if (h2ws__channel_new(&c, link.peer == NULL ? "the client" : link.peer) !=
      0) {
    return NULL;
  }
  if (h2ws__handle_publish(&c->handle) != 0) {
    h2ws__channel_release(c);
    return NULL;
  }
  c->setup.send_timeout_ms = s->options.send_timeout_ms;
  c->setup.close_timeout_ms = s->options.close_timeout_ms;
  c->setup.send_queue = s->options.send_queue / 2;
  c->setup.recv_queue = s->options.recv_queue;
  c->tx.code = 1000;
  c->loop.on_message = s->on_message;
  c->loop.user = s->user;
  c->loop.on_open = on_channel_open;
  c->loop.on_end = on_channel_end;
  c->loop.owner = h2ws__handle_retain(&s->handle);
  (void)h2ws__handle_retain(&c->handle);
  if (!h2ws__channel_learn(c, stream)) {
    channel_undo(c);
    return NULL;
  }
  return c;
}

/* Takes the request into the place that was taken for it. */
static void server_accept(struct server *s, h2ws_stream *stream) {
  struct h2ws__channel *c = channel_new(s, stream);
  int rv = c == NULL ? H2WS_ERR_NOMEM : 0;
  if (rv == 0 && s->messages) {
    rv = h2ws_socket_accept(stream, &c->loop.socket, NULL, 0,
                            &s->socket_options, &h2ws__channel_socket, c);
  } else if (rv == 0) {
    c->loop.stream = stream;
    rv = h2ws_stream_accept(stream, NULL, 0, &h2ws__channel_stream, c);
  }
  if (rv != 0) {
    if (rv != H2WS_ERR_HANDSHAKE && rv != H2WS_ERR_CLOSED) {
      (void)h2ws_stream_respond(stream, 500, NULL, 0, NULL, 0);
    }
    if (c != NULL) {
      channel_undo(c);
    }
    if (s->pool != NULL) {
      h2ws__pool_give_back(s->pool);
    }
    return;
  }
  h2ws__channel_opened(c);
  if (s->pool == NULL) {
    h2ws__channel_release(c);
  } else if (c->loop.starved || h2ws__pool_run(s->pool, c) != 0) {
    if (c->loop.stream != NULL) { /* its end in order would look like all */
      (void)h2ws_stream_reset(c->loop.stream, H2WS_H2_INTERNAL_ERROR);
    }
    (void)h2ws_close_with(c->handle.name, 1013, "no thread to be had");
    h2ws__channel_release(c);
    h2ws__pool_give_back(s->pool);
  }
}

/* ------------------------------------------------------------------------
 * Requests
 */

static void pending_remove(struct pending *p) {
  struct server *s = p->server;
  *p->pprev = p->next;
  if (p->next != NULL) {
    p->next->pprev = p->pprev;
  } else {
    s->last = p->pprev;
  }
  s->pending_len--;
  free(p);
}

/* The first of them, not waiting any more. */
static h2ws_stream *pending_pop(struct server *s) {
  struct pending *p = s->first;
  h2ws_stream *stream = p->stream;
  s->first = p->next;
  if (s->first != NULL) {
    s->first->pprev = &s->first;
  } else {
    s->last = &s->first;
  }
  s->pending_len--;
  free(p);
  (void)h2ws_stream_set_callbacks(stream, NULL, NULL);
  return stream;
}

static void on_pending_close(h2ws_stream *stream, const h2ws_close_info *info,
                             void *user) {
  (void)stream;
  (void)info;
  pending_remove(user);
}

static const h2ws_stream_callbacks pending_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_close = on_pending_close,
};

static void server_refuse(h2ws_stream *stream, int status, const char *why) {
  (void)h2ws_stream_respond(stream, status, NULL, 0, why, strlen(why));
}

static void server_challenge(const struct server *s, h2ws_stream *stream) {
  h2ws_header field = {"www-authenticate", s->challenge};
  if (h2ws_stream_respond(stream, 401, &field, 1, NULL, 0) != 0) {
    server_refuse(stream, 401, "");
  }
}

static void server_wait(struct server *s, h2ws_stream *stream) {
  struct pending *p =
    s->pending_len < PENDING_MAX ? calloc(1, sizeof(*p)) : NULL;
  if (p == NULL || h2ws_stream_set_callbacks(stream, &pending_callbacks, p)) {
    free(p);
    server_refuse(stream, 503, "all handlers are busy\n");
    return;
  }
  p->server = s;
  p->stream = stream;
  p->pprev = s->last;
  *s->last = p;
  s->last = &p->next;
  s->pending_len++;
}

/* Those that wait, as far as there are places. */
static void server_admit(struct server *s) {
  while (s->first != NULL && h2ws__pool_take(s->pool)) {
    server_accept(s, pending_pop(s));
  }
}

static bool path_matches(const struct server *s, const char *path) {
  size_t len = strlen(s->path);
  if (path == NULL) {
    return s->path[0] == '\0';
  }
  if (len == 0 || s->path[len - 1] == '/') {
    return strncmp(path, s->path, len) == 0;
  }
  return strncmp(path, s->path, len) == 0 &&
         (path[len] == '\0' || path[len] == '?');
}

static bool is_duplex(const char *method) {
  return strcmp(method, "CONNECT") == 0 || strcmp(method, "POST") == 0 ||
         strcmp(method, "PUT") == 0;
}

/* The status that refuses the request; 0: welcome. */
static int server_judge(const struct server *s, h2ws_stream *stream,
                        const char **why) {
  *why = "";
  if (!path_matches(s, h2ws_stream_path(stream))) {
    *why = "nothing is served on this path\n";
    return 404;
  }
  if (s->messages != h2ws_stream_is_websocket(stream)) {
    *why = s->messages ? "a WebSocket is served on this path\n"
                       : "a byte stream is served on this path\n";
    return s->messages ? 400 : 405;
  }
  if (!s->messages && !is_duplex(h2ws_stream_method(stream))) {
    *why = "a byte stream is served on this path\n";
    return 405;
  }
  return s->options.allow == NULL ? 0 : s->options.allow(stream, s->user);
}

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct server *s = user;
  const char *why;
  int status = server_judge(s, stream, &why);
  (void)conn;
  if (status == 401 && s->challenge != NULL) {
    server_challenge(s, stream);
  } else if (status != 0) {
    server_refuse(stream, status < 200 || status > 599 ? 403 : status, why);
  } else if (s->stopping) {
    server_refuse(stream, 503, "the server is stopping\n");
  } else if (s->pool == NULL ||
             (s->first == NULL && h2ws__pool_take(s->pool))) {
    server_accept(s, stream);
  } else {
    server_wait(s, stream);
  }
}

/* ------------------------------------------------------------------------
 * Start and stop, on the loop
 */

static void server_phase(struct server *s, enum phase phase) {
  server_lock(s);
  s->phase = phase;
  h2ws__handle_changed(&s->handle);
  server_unlock(s);
}

static void on_stopped(h2ws_server *server, void *user) {
  struct server *s = user;
  h2ws_server_free(server);
  s->server = NULL;
  server_phase(s, STOPPED);
  h2ws__handle_release(&s->handle);
}

static const h2ws_server_callbacks callbacks = {
  .size = sizeof(h2ws_server_callbacks),
  .on_request = on_request,
  .on_stopped = on_stopped,
};

static void server_start(struct server *s) {
  int rv;
  (void)h2ws__handle_retain(&s->handle); /* until on_stopped() */
  rv = h2ws_server_start(&s->server, h2ws__engine_loop(), &s->server_options,
                         &callbacks, s, s->why, sizeof(s->why));
  s->server_options.cert_file = NULL; /* the caller's, and read */
  s->server_options.key_file = NULL;
  if (rv == 0) {
    (void)snprintf(s->address, sizeof(s->address), "%s",
                   h2ws_server_address(s->server));
    server_phase(s, LISTENING);
    return;
  }
  s->error = rv;
  s->stopping = true;
  server_phase(s, STOPPED);
  h2ws__handle_release(&s->handle);
}

static void server_stop(struct server *s) {
  if (s->stopping || s->server == NULL) {
    return;
  }
  s->stopping = true;
  while (s->first != NULL) {
    server_refuse(pending_pop(s), 503, "the server is stopping\n");
  }
  (void)h2ws_server_stop(s->server);
}

static void server_run(struct h2ws__task *task) {
  struct server *s = (struct server *)(void *)task; /* its first member */
  bool start;
  bool stop;
  server_lock(s);
  start = s->start_asked;
  stop = s->closing || h2ws__handle_cancels(&s->handle) > 0;
  s->start_asked = false;
  server_unlock(s);
  if (start) {
    server_start(s);
  }
  if (stop) {
    server_stop(s);
  }
  if (!s->stopping && s->pool != NULL) {
    server_admit(s);
  }
  h2ws__handle_release(&s->handle);
}

/* ------------------------------------------------------------------------
 * Life
 */

static void server_destroy(struct h2ws__handle *handle) {
  struct server *s = server_of(handle);
  free(s->url);
  free(s->listen);
  free(s->subprotocols);
  free(s->origins);
  free(s->challenge);
  free(s);
}

/* What comes behind the scheme: "host[:port][/path]" and nothing else. */
static int server_read_host(struct server *s, const char *host) {
  size_t len = strcspn(host, "/?#");
  const char *colon = memrchr(host, ':', len);
  const char *bracket = memrchr(host, ']', len);
  if (len == 0 || strpbrk(host + len, "?#") != NULL ||
      memchr(host, '@', len) != NULL) {
    return H2WS_ERR_URL;
  }
  s->path = host + len;
  if (asprintf(&s->listen, "%.*s%s", (int)len, host,
               colon > bracket               ? ""
               : s->server_options.cleartext ? ":80"
                                             : ":443") < 0) {
    s->listen = NULL;
    return H2WS_ERR_NOMEM;
  }
  return 0;
}

/* "wss://host[:port][/path]" to where to listen, and for what. */
static int server_read_url(struct server *s) {
  static const char *const schemes[] = {"wss://", "ws://", "https://",
                                        "http://"};
  size_t i;
  for (i = 0; i < 4; i++) {
    size_t len = strlen(schemes[i]);
    if (strncasecmp(s->url, schemes[i], len) == 0) {
      s->messages = i < 2;
      s->server_options.cleartext = i % 2 == 1;
      return server_read_host(s, s->url + len);
    }
  }
  return H2WS_ERR_URL;
}

void h2ws_serve_options_default(h2ws_serve_options *options, size_t size) {
  h2ws_serve_options o = {0};
  h2ws_options client;
  if (options == NULL) {
    return;
  }
  h2ws_options_default(&client, sizeof(client));
  o.size = size;
  o.threads = 64;
  o.send_timeout_ms = client.send_timeout_ms;
  o.close_timeout_ms = client.close_timeout_ms;
  o.stop_timeout_ms = 10000;
  o.max_message = client.max_message;
  o.send_queue = client.send_queue;
  o.recv_queue = client.recv_queue;
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

static void take(void *out, size_t out_size, const void *in, size_t in_size) {
  memcpy(out, in, in_size < out_size ? in_size : out_size);
}

static void server_defaults(struct server *s) {
  h2ws_serve_options *o = &s->options;
  h2ws_server_options *server = &s->server_options;
  h2ws_server_options_default(server, sizeof(*server));
  h2ws_socket_options_default(&s->socket_options, sizeof(s->socket_options));
  if (o->server != NULL) {
    take(server, sizeof(*server), o->server, o->server->size);
  }
  if (o->socket != NULL) {
    take(&s->socket_options, sizeof(s->socket_options), o->socket,
         o->socket->size);
  }
  server->threads = 1; /* all on the hidden thread */
  server->cert_file = o->cert_file != NULL ? o->cert_file : server->cert_file;
  server->key_file = o->key_file != NULL ? o->key_file : server->key_file;
  server->conn.drain_timeout_ms = o->stop_timeout_ms;
  server->conn.high_water = o->send_queue / 2;
  server->conn.low_water = o->send_queue / 8;
  s->socket_options.max_message = o->max_message;
  s->socket_options.receive_after_close = true;
  s->socket_options.close_timeout_ms = o->close_timeout_ms;
  s->socket_options.compress = s->socket_options.compress || o->compress;
}

static bool copy(char **out, const char *text) {
  *out = text == NULL ? NULL : strdup(text);
  return text == NULL || *out != NULL;
}

/* What is still read when the caller's own strings may be gone. */
static bool server_copy(struct server *s, const char *url) {
  const h2ws_serve_options *o = &s->options;
  h2ws_socket_options *socket = &s->socket_options;
  const char *spoken =
    o->subprotocols != NULL ? o->subprotocols : socket->protocols;
  const char *origins = o->origins != NULL ? o->origins : socket->origins;
  if (!copy(&s->url, url) || !copy(&s->subprotocols, spoken) ||
      !copy(&s->origins, origins) || !copy(&s->challenge, o->challenge)) {
    return false;
  }
  socket->protocols = s->subprotocols;
  socket->origins = s->origins;
  return true;
}

static int server_set_up(struct server *s, const char *url,
                         const h2ws_serve_options *options) {
  h2ws_serve_options *o = &s->options;
  int rv;
  h2ws_serve_options_default(o, sizeof(*o));
  if (options != NULL) {
    take(o, sizeof(*o), options, options->size);
  }
  if ((options != NULL && options->size == 0) || o->threads == 0 ||
      o->send_queue < 16 || o->recv_queue == 0) {
    return H2WS_ERR_INVALID;
  }
  server_defaults(s);
  if (!server_copy(s, url)) {
    return H2WS_ERR_NOMEM;
  }
  rv = server_read_url(s);
  if (rv == 0 && s->server_options.listen_fd < 0) {
    s->server_options.listen = s->listen;
  }
  if (rv == 0 && !s->messages && s->server_options.conn.protocols == NULL) {
    s->server_options.conn.protocols = "*";
  }
  return rv;
}

static void on_place(void *arg) {
  struct server *s = arg;
  h2ws__handle_kick(&s->handle);
}

static int server_new(struct server **out, const char *url,
                      h2ws_handler *handler, h2ws_on_message *on_message,
                      void *user, const h2ws_serve_options *options) {
  struct server *s = calloc(1, sizeof(*s));
  int rv;
  *out = NULL;
  if (s == NULL || h2ws__handle_init(&s->handle, H2WS__SERVER, server_run,
                                     server_destroy) != 0) {
    free(s);
    return H2WS_ERR_NOMEM;
  }
  s->last = &s->first;
  s->user = user;
  s->on_message = on_message;
  rv = server_set_up(s, url, options);
  if (rv == 0 && on_message == NULL) {
    s->pool = h2ws__pool_new(s->options.threads, handler, user, on_place, s);
    rv = s->pool == NULL ? H2WS_ERR_NOMEM : 0;
  }
  if (rv == 0) {
    rv = h2ws__handle_publish(&s->handle);
  }
  if (rv != 0) {
    h2ws__pool_free(s->pool);
    h2ws__handle_release(&s->handle);
    return rv;
  }
  *out = s;
  return 0;
}

/* ------------------------------------------------------------------------
 * The calls
 */

static int start_and_wait(struct server *s) {
  server_lock(s);
  s->start_asked = true;
  h2ws__handle_kick(&s->handle);
  while (s->phase == STARTING && !h2ws__engine_over()) {
    (void)h2ws__handle_wait(&s->handle, NULL);
  }
  server_unlock(s);
  return s->error;
}

static const char *try_for(int error, const char *why) {
  switch (error) {
  case H2WS_ERR_URL:
    return " Write it as wss://HOST:PORT/PATH, without a user, a query or a "
           "fragment.";
  case H2WS_ERR_TLS:
    return " Check cert_file and key_file.";
  case H2WS_ERR_IO:
    return strstr(why, strerror(EADDRINUSE)) == NULL
             ? ""
             : " Is another program listening there? Port 0 takes any free "
               "one.";
  default:
    return "";
  }
}

static int serve_failed(const char *call, const char *url, int error,
                        const char *why) {
  char *where = url == NULL ? NULL : h2ws__why_where(url);
  why = why == NULL || why[0] == '\0' ? h2ws_strerror(error) : why;
  (void)h2ws__why_set(NULL, error, "%s: %s: %s.%s", call,
                      where == NULL ? "no URL" : where, why,
                      try_for(error, why));
  free(where);
  return error;
}

/* NULL: h2ws_error() says why. */
static struct server *serve_start(const char *call, const char *url,
                                  h2ws_handler *handler,
                                  h2ws_on_message *on_message, void *user,
                                  const h2ws_serve_options *options) {
  struct server *s = NULL;
  int rv = url == NULL || (handler == NULL && on_message == NULL)
             ? H2WS_ERR_INVALID
             : 0;
  if (rv == 0 && h2ws__engine_is_here()) {
    (void)h2ws__why_set(NULL, H2WS_ERR_STATE,
                        "%s: not from a callback on the hidden thread.", call);
    return NULL;
  }
  rv = rv != 0 ? rv : h2ws__engine_start();
  rv = rv != 0 ? rv : server_new(&s, url, handler, on_message, user, options);
  if (rv != 0) {
    (void)serve_failed(call, url, rv, NULL);
    return NULL;
  }
  rv = start_and_wait(s);
  if (rv != 0) {
    (void)serve_failed(call, url, rv, s->why);
    h2ws__pool_free(s->pool);
    (void)h2ws__handle_withdraw(s->handle.name);
    h2ws__handle_release(&s->handle);
    return NULL;
  }
  if (s->options.on_ready != NULL) {
    s->options.on_ready(s->handle.name, user);
  }
  return s;
}

static int serve_until_stopped(const char *url, h2ws_handler *handler,
                               h2ws_on_message *on_message, void *user,
                               const h2ws_serve_options *options) {
  struct server *s =
    serve_start("h2ws_serve", url, handler, on_message, user, options);
  if (s == NULL) {
    return h2ws__why_last()->error;
  }
  server_lock(s);
  while (s->phase == LISTENING && h2ws__handle_cancels(&s->handle) == 0) {
    (void)h2ws__handle_wait(&s->handle, NULL);
  }
  server_unlock(s);
  (void)h2ws_close(s->handle.name);
  h2ws__handle_release(&s->handle);
  return 0;
}

static h2ws *serve_in_background(const char *url, h2ws_handler *handler,
                                 h2ws_on_message *on_message, void *user,
                                 const h2ws_serve_options *options) {
  struct server *s =
    serve_start("h2ws_listen", url, handler, on_message, user, options);
  h2ws *h = s == NULL ? NULL : s->handle.name;
  if (s != NULL) {
    h2ws__handle_release(&s->handle);
  }
  return h;
}

int h2ws_serve(const char *url, h2ws_handler *handler, void *user,
               const h2ws_serve_options *options) {
  return serve_until_stopped(url, handler, NULL, user, options);
}

int h2ws_serve_messages(const char *url, h2ws_on_message *on_message,
                        void *user, const h2ws_serve_options *options) {
  return serve_until_stopped(url, NULL, on_message, user, options);
}

h2ws *h2ws_listen(const char *url, h2ws_handler *handler, void *user,
                  const h2ws_serve_options *options) {
  return serve_in_background(url, handler, NULL, user, options);
}

h2ws *h2ws_listen_messages(const char *url, h2ws_on_message *on_message,
                           void *user, const h2ws_serve_options *options) {
  return serve_in_background(url, NULL, on_message, user, options);
}

int h2ws_stop(h2ws *server) {
  if (server != NULL) {
    return h2ws_cancel(server);
  }
  h2ws__handle_cancel_servers();
  return 0;
}

/* ------------------------------------------------------------------------
 * For easy.c
 */

int h2ws__server_close(struct h2ws__handle *handle) {
  struct server *s = server_of(handle);
  bool here = h2ws__engine_is_here();
  struct h2ws__pool *pool = NULL;
  server_lock(s);
  if (h2ws__pool_is_here(s->pool) || (here && s->pool != NULL)) {
    server_unlock(s);
    return h2ws__why_set(handle->name, H2WS_ERR_STATE,
                         "h2ws_close: a server cannot be closed from its own "
                         "handlers. Use h2ws_stop().");
  }
  if (s->closing) {
    server_unlock(s);
    return H2WS_ERR_CLOSED;
  }
  s->closing = true;
  h2ws__handle_kick(handle);
  while (!here && s->phase != STOPPED && !h2ws__engine_over()) {
    (void)h2ws__handle_wait(handle, NULL);
  }
  if (!here && !h2ws__engine_over()) {
    pool = s->pool;
  }
  server_unlock(s);
  h2ws__pool_free(pool);
  if (pool != NULL) {
    server_lock(s);
    s->pool = NULL;
    server_unlock(s);
  }
  return 0;
}

const char *h2ws__server_listens(struct h2ws__handle *handle) {
  return server_of(handle)->address;
}
