#include "lib/easy/dial.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* As many handles as share a connection: see conn_window in h2ws/core.h. */
#define SHARE_MAX 64
#define IDLE_MS 5000

struct h2ws__dial {
  char *url;
  h2ws_client_options options;
  h2ws_socket_options socket_options;
  h2ws_header *headers;
  size_t headers_len;
  char *subprotocols;
  char *method;
  char *protocol;
  bool comes_back;
  h2ws_backoff backoff;
  void (*on_reconnect)(h2ws *h, void *user);
  void *user;
};

/* ------------------------------------------------------------------------
 * Life
 */

void h2ws__dial_free(struct h2ws__dial *dial) {
  if (dial == NULL) {
    return;
  }
  free(dial->headers);
  free(dial->url);
  free(dial->subprotocols);
  free(dial->method);
  free(dial->protocol);
  free(dial);
}

static bool copy(char **out, const char *text) {
  *out = text == NULL ? NULL : strdup(text);
  return text == NULL || *out != NULL;
}

/* A struct of the caller's, which may be older and shorter than ours. */
static void take(void *out, size_t out_size, const void *in, size_t in_size) {
  memcpy(out, in, in_size < out_size ? in_size : out_size);
}

static void dial_set_sharing(struct h2ws__dial *dial, const h2ws_options *o) {
  h2ws_client_options *client = &dial->options;
  client->own_connection = client->own_connection || o->own_connection;
  if (o->client == NULL) {
    client->conn.idle_timeout_ms = IDLE_MS;
  }
}

static void dial_set_reconnect(struct h2ws__dial *dial, const h2ws_options *o) {
  h2ws_backoff_default(&dial->backoff, sizeof(dial->backoff));
  if (o->reconnect != NULL) {
    take(&dial->backoff, sizeof(dial->backoff), o->reconnect,
         o->reconnect->size);
    dial->comes_back = strncasecmp(dial->url, "ws", 2) == 0;
  }
  dial->on_reconnect = o->on_reconnect;
  dial->user = o->user;
}

static void dial_set_options(struct h2ws__dial *dial, const h2ws_options *o) {
  h2ws_client_options *client = &dial->options;
  h2ws_socket_options *socket = &dial->socket_options;
  h2ws_client_options_default(client, sizeof(*client));
  h2ws_socket_options_default(socket, sizeof(*socket));
  if (o->client != NULL) {
    take(client, sizeof(*client), o->client, o->client->size);
  }
  if (o->socket != NULL) {
    take(socket, sizeof(*socket), o->socket, o->socket->size);
  }
  if (o->ca_file != NULL) {
    client->ca_file = o->ca_file;
  }
  client->insecure = client->insecure || o->insecure;
  client->connect_timeout_ms = o->open_timeout_ms;
  client->conn.open_timeout_ms = o->open_timeout_ms;
  client->conn.http = o->http != H2WS_HTTP_ANY ? o->http : client->conn.http;
  client->conn.high_water = o->send_queue / 2;
  client->conn.low_water = o->send_queue / 8;
  socket->max_message = o->max_message;
  socket->receive_after_close = true; /* h2ws_shutdown() ends our side */
  socket->close_timeout_ms = o->close_timeout_ms;
  socket->compress = socket->compress || o->compress;
  socket->protocols = dial->subprotocols;
}

int h2ws__dial_new(struct h2ws__dial **out, const char *url,
                   const h2ws_options *o) {
  struct h2ws__dial *dial = calloc(1, sizeof(*dial));
  const char *offered = o->subprotocols;
  *out = NULL;
  if (offered == NULL && o->socket != NULL) {
    offered = o->socket->protocols;
  }
  if (dial != NULL) {
    dial->headers = h2ws__fields_copy(o->headers, o->headers_len);
    dial->headers_len = o->headers_len;
  }
  if (dial == NULL || dial->headers == NULL || !copy(&dial->url, url) ||
      !copy(&dial->subprotocols, offered) || !copy(&dial->method, o->method) ||
      !copy(&dial->protocol, o->protocol)) {
    h2ws__dial_free(dial);
    return H2WS_ERR_NOMEM;
  }
  dial_set_options(dial, o);
  dial_set_sharing(dial, o);
  dial_set_reconnect(dial, o);
  *out = dial;
  return 0;
}

/* ------------------------------------------------------------------------
 * On the way. The channel is retained until the pool has told of the end.
 */

static void on_asked(void *user) {
  struct h2ws__channel *c = user;
  (void)pthread_mutex_lock(&c->handle.mutex);
  if (c->phase == H2WS__PHASE_LINKING) {
    c->phase = H2WS__PHASE_REQUESTING;
  }
  (void)pthread_mutex_unlock(&c->handle.mutex);
}

static void on_socket_open(h2ws_socket *socket, void *user) {
  struct h2ws__channel *c = user;
  c->loop.opening = NULL;
  c->loop.socket = socket;
  h2ws__channel_socket.on_open(socket, c);
}

static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  struct h2ws__channel *c = user;
  c->loop.opening = NULL;
  h2ws__channel_socket.on_close(socket, info, c);
  h2ws__channel_release(c);
}

static void on_stream_open(h2ws_stream *stream, void *user) {
  struct h2ws__channel *c = user;
  c->loop.opening = NULL;
  c->loop.stream = stream;
  h2ws__channel_stream.on_open(stream, c);
}

static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  struct h2ws__channel *c = user;
  c->loop.opening = NULL;
  h2ws__channel_stream.on_close(stream, info, c);
  h2ws__channel_release(c);
}

/* ------------------------------------------------------------------------
 * Coming back
 */

static void tell_reconnected(struct h2ws__channel *c) {
  if (c->dial->on_reconnect != NULL) {
    c->dial->on_reconnect(c->handle.name, c->dial->user);
  }
}

static void on_lasting_open(h2ws_socket *socket, void *user) {
  struct h2ws__channel *c = user;
  if (c->was_open) {
    h2ws__channel_reopened(c, socket, tell_reconnected);
  } else {
    on_socket_open(socket, c);
  }
}

static void on_lasting_close(h2ws_socket *socket, const h2ws_close_info *info,
                             void *user) {
  struct h2ws__channel *c = user;
  (void)socket;
  (void)info; /* on_lasting_end() has it, if this was the end */
  c->loop.socket = NULL;
  c->loop.blocked = false;
}

static void on_lasting_end(h2ws_reconnect *reconnect,
                           const h2ws_close_info *info, void *user) {
  struct h2ws__channel *c = user;
  c->loop.reconnect = NULL;
  h2ws_reconnect_free(reconnect);
  h2ws__dial_free(c->dial);
  c->dial = NULL;
  on_socket_close(NULL, info, c);
}

/* ------------------------------------------------------------------------
 * The start
 */

static h2ws_pool *pool; /* of the hidden thread; lasts as long */
static h2ws_socket_callbacks of_sockets;
static h2ws_socket_callbacks of_lasting_sockets;
static h2ws_stream_callbacks of_streams;

static int pool_ready(void) {
  h2ws_pool_options options;
  if (pool != NULL) {
    return 0;
  }
  of_sockets = h2ws__channel_socket;
  of_sockets.on_open = on_socket_open;
  of_sockets.on_close = on_socket_close;
  of_lasting_sockets = h2ws__channel_socket;
  of_lasting_sockets.on_open = on_lasting_open;
  of_lasting_sockets.on_close = on_lasting_close;
  of_streams = h2ws__channel_stream;
  of_streams.on_open = on_stream_open;
  of_streams.on_close = on_stream_close;
  h2ws_pool_options_default(&options, sizeof(options));
  options.max_conns = UINT_MAX;
  options.max_streams = SHARE_MAX;
  return h2ws_pool_new(&pool, h2ws__engine_loop(), &options);
}

static int start_lasting(struct h2ws__channel *c, const h2ws_request *request) {
  struct h2ws__dial *dial = c->dial;
  h2ws_reconnect_options options;
  h2ws_reconnect_options_default(&options, sizeof(options));
  options.backoff = dial->backoff;
  options.only_lost = true;
  options.client = &dial->options;
  options.request = request;
  options.socket = &dial->socket_options;
  options.on_end = on_lasting_end;
  return h2ws_reconnect_start(&c->loop.reconnect, pool, dial->url, &options,
                              &of_lasting_sockets, c);
}

static int start_opening(struct h2ws__channel *c, h2ws_request *request) {
  struct h2ws__dial *dial = c->dial;
  if (strncasecmp(dial->url, "ws", 2) == 0) {
    return h2ws_pool_open_socket(pool, &c->loop.opening, dial->url,
                                 &dial->options, request, &dial->socket_options,
                                 &of_sockets, c);
  }
  request->method = dial->protocol != NULL ? "CONNECT"
                    : dial->method != NULL ? dial->method
                                           : "POST";
  request->protocol = dial->protocol;
  request->end =
    strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
  return h2ws_pool_open_stream(pool, &c->loop.opening, dial->url,
                               &dial->options, request, &of_streams, c);
}

static int dial_open(struct h2ws__channel *c, char *why, size_t why_len) {
  struct h2ws__dial *dial = c->dial;
  h2ws_request request = {.size = sizeof(request)};
  h2ws_opening *opening;
  const char *path;
  int rv = pool_ready();
  dial->options.why = why;
  dial->options.why_len = why_len;
  request.headers = dial->headers;
  request.headers_len = dial->headers_len;
  if (rv == 0) {
    rv = dial->comes_back ? start_lasting(c, &request)
                          : start_opening(c, &request);
  }
  dial->options.why = NULL;
  if (rv != 0) {
    return rv;
  }
  opening = dial->comes_back ? h2ws_reconnect_opening(c->loop.reconnect)
                             : c->loop.opening;
  h2ws_opening_watch(opening, on_asked, c);
  path = h2ws_opening_path(opening);
  c->loop.starved = !copy(&c->facts.path, path);
  return 0;
}

static void dial_failed(struct h2ws__channel *c, int error, const char *why) {
  struct h2ws__end end;
  h2ws__why_failed(&end, c->setup.where, error, why[0] != '\0' ? why : NULL);
  h2ws__channel_ended(c, &end);
}

void h2ws__dial_start(struct h2ws__channel *c) {
  char why[256] = "";
  int rv = dial_open(c, why, sizeof(why));
  if (rv == 0) {
    (void)h2ws__handle_retain(&c->handle);
  }
  if (rv != 0 || !c->dial->comes_back) {
    h2ws__dial_free(c->dial);
    c->dial = NULL;
  }
  if (rv != 0) {
    dial_failed(c, rv, why);
  }
  (void)pthread_mutex_lock(&c->handle.mutex);
  c->started = true;
  h2ws__handle_changed(&c->handle);
  (void)pthread_mutex_unlock(&c->handle.mutex);
}

void h2ws__dial_drop(struct h2ws__channel *c) {
  h2ws_reconnect *reconnect = c->loop.reconnect;
  h2ws_opening_cancel(c->loop.opening); /* tells of the end */
  h2ws__dial_free(c->dial);
  c->dial = NULL;
  if (reconnect != NULL) {
    c->loop.reconnect = NULL;
    h2ws_reconnect_free(reconnect); /* does not */
    h2ws__channel_release(c);
  }
}
