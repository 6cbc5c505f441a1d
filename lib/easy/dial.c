#include "lib/easy/dial.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How often to look whether connections that ended are closed. */
#define SWEEP_MS 10

struct h2ws__dial {
  struct h2ws__dial *next; /* in the list of those that ended */
  struct h2ws__channel *channel;
  h2ws_client *client;
  bool dropping;
  char *url;
  h2ws_client_options options;
  h2ws_socket_options socket_options;
  h2ws_header *headers;
  size_t headers_len;
  char *subprotocols;
  char *method;
  char *protocol;
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
  *out = dial;
  return 0;
}

/* ------------------------------------------------------------------------
 * Connections that ended: freed once their last bytes are out
 */

static struct h2ws__dial *ended_dials;
static struct event *sweep_event;

static void sweep_later(void) {
  struct timeval tv = {0, SWEEP_MS * 1000L};
  (void)event_add(sweep_event, &tv);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg) {
  struct h2ws__dial **at = &ended_dials;
  (void)fd;
  (void)what;
  (void)arg;
  while (*at != NULL) {
    struct h2ws__dial *dial = *at;
    if (h2ws_client_conn(dial->client) != NULL) {
      at = &dial->next;
      continue;
    }
    *at = dial->next;
    h2ws_client_free(dial->client);
    h2ws__dial_free(dial);
  }
  if (ended_dials != NULL) {
    sweep_later();
  }
}

static void dial_bury(struct h2ws__dial *dial) {
  if (sweep_event == NULL) {
    sweep_event =
      event_new(h2ws_loop_base(h2ws__engine_loop()), -1, 0, on_sweep, NULL);
  }
  if (sweep_event == NULL) { /* no memory: at once, then */
    h2ws_client_free(dial->client);
    h2ws__dial_free(dial);
    return;
  }
  dial->next = ended_dials;
  ended_dials = dial;
  sweep_later();
}

/* ------------------------------------------------------------------------
 * Connecting
 */

static void dial_failed(struct h2ws__channel *c, int error) {
  struct h2ws__end end;
  h2ws__why_failed(&end, c->setup.where, error, NULL);
  h2ws__channel_ended(c, &end);
}

static int dial_request(struct h2ws__dial *dial, h2ws_conn *conn) {
  struct h2ws__channel *c = dial->channel;
  h2ws_request request = {.size = sizeof(request)};
  if (strncasecmp(dial->url, "ws", 2) == 0) {
    return h2ws_client_open_socket(dial->client, &c->loop.socket, dial->headers,
                                   dial->headers_len, &dial->socket_options,
                                   &h2ws__channel_socket, c);
  }
  request.method = dial->protocol != NULL ? "CONNECT"
                   : dial->method != NULL ? dial->method
                                          : "POST";
  request.protocol = dial->protocol;
  request.authority = h2ws_client_authority(dial->client);
  request.path = h2ws_client_path(dial->client);
  request.headers = dial->headers;
  request.headers_len = dial->headers_len;
  return h2ws_stream_open(conn, &c->loop.stream, &request,
                          &h2ws__channel_stream, c);
}

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct h2ws__dial *dial = user;
  struct h2ws__channel *c = dial->channel;
  const char *path = h2ws_client_path(client);
  int rv;
  (void)pthread_mutex_lock(&c->handle.mutex);
  c->phase = H2WS__PHASE_REQUESTING;
  (void)pthread_mutex_unlock(&c->handle.mutex);
  c->facts.path = path == NULL ? NULL : strdup(path);
  rv = dial_request(dial, conn);
  if (rv != 0) {
    dial_failed(c, rv);
    (void)h2ws_conn_shutdown(conn, 0);
  }
}

/* The connection is over, and with it the channel. */
static void on_close(h2ws_client *client, const h2ws_close_info *info,
                     void *user) {
  struct h2ws__dial *dial = user;
  struct h2ws__channel *c = dial->channel;
  struct h2ws__end end;
  (void)client;
  h2ws__why_ended(&end, c->setup.where, /* opened = */ false, info);
  h2ws__channel_ended(c, &end);
  c->dial = NULL;
  dial->channel = NULL;
  if (!dial->dropping) {
    dial_bury(dial);
  }
  h2ws__channel_release(c);
}

static const h2ws_client_callbacks callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_close,
};

/* The channel is over: its connection is of no use any more. */
static void on_channel_end(struct h2ws__channel *c) {
  if (c->dial != NULL && h2ws_client_conn(c->dial->client) != NULL) {
    (void)h2ws_conn_drain(h2ws_client_conn(c->dial->client));
  }
}

void h2ws__dial_start(struct h2ws__channel *c) {
  struct h2ws__dial *dial = c->dial;
  int rv;
  c->loop.on_end = on_channel_end;
  dial->channel = c;
  (void)h2ws__handle_retain(&c->handle);
  rv = h2ws_client_connect(&dial->client, h2ws__engine_loop(), dial->url,
                           &dial->options, &callbacks, dial);
  if (rv != 0) {
    c->dial = NULL;
    h2ws__dial_free(dial);
    dial_failed(c, rv);
    h2ws__channel_release(c);
  }
  (void)pthread_mutex_lock(&c->handle.mutex);
  c->started = true;
  h2ws__handle_changed(&c->handle);
  (void)pthread_mutex_unlock(&c->handle.mutex);
}

void h2ws__dial_drop(struct h2ws__channel *c) {
  struct h2ws__dial *dial = c->dial;
  if (dial == NULL) {
    return;
  }
  dial->dropping = true;
  h2ws_client_free(dial->client); /* may call on_close */
  if (dial->channel != NULL) {
    c->dial = NULL;
    h2ws__channel_release(c);
  }
  h2ws__dial_free(dial);
}
