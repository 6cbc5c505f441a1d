#include "tests/io/support/edge.h"

#include <dirent.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS 5
#define PATIENCE (20000 * H2WS_MS)

h2ws_time edge_now(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (h2ws_time)ts.tv_sec * 1000 * H2WS_MS + (h2ws_time)ts.tv_nsec;
}

int edge_open_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  ck_assert_ptr_nonnull(dir);
  while (readdir(dir) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
    n++;
  }
  (void)closedir(dir);
  return n;
}

static void copy(char *out, size_t cap, const char *text) {
  (void)snprintf(out, cap, "%s", text == NULL ? "" : text);
}

/* ------------------------------------------------------------------------
 * The server's side
 */

static void on_server_message(h2ws_socket *socket, h2ws_type type,
                              const uint8_t *data, size_t len, void *user) {
  struct edge *edge = user;
  edge->messages++;
  if (edge->on_message != NULL) {
    edge->on_message(edge);
  } else {
    (void)h2ws_socket_send(socket, type, data, len);
  }
}

static void on_server_socket_close(h2ws_socket *socket,
                                   const h2ws_close_info *info, void *user) {
  struct edge *edge = user;
  if (edge->options.threads < 2) {
    edge->socket = edge->socket == socket ? NULL : edge->socket;
    edge->socket_cls = info->cls;
    edge->socket_code = info->code;
  }
  edge->socket_closes++;
}

static const h2ws_socket_callbacks server_socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = on_server_message,
  .on_close = on_server_socket_close,
};

static void accept_echo(struct edge *edge, h2ws_stream *stream) {
  h2ws_socket *socket = NULL;
  if (h2ws_socket_accept(stream, &socket, NULL, 0, NULL,
                         &server_socket_callbacks, edge) == 0 &&
      edge->options.threads < 2) {
    edge->socket = socket;
  }
}

/* Paths for what a client tries again elsewhere; true if it was one. */
static bool send_elsewhere(struct edge *edge, h2ws_stream *stream,
                           const char *path) {
  bool http1 = h2ws_conn_http(h2ws_stream_conn(stream)) == H2WS_HTTP_1_1;
  bool accept = (strcmp(path, "/first") == 0 && h2ws_stream_id(stream) == 1) ||
                (strcmp(path, "/http1") == 0 && http1);
  if (accept && h2ws_stream_is_websocket(stream)) {
    accept_echo(edge, stream);
  } else if (accept) {
    (void)h2ws_stream_respond(stream, 200, NULL, 0, NULL, 0);
  } else if (strcmp(path, "/first") == 0 || strcmp(path, "/never") == 0) {
    (void)h2ws_stream_respond(stream, 421, NULL, 0, NULL, 0);
  } else if (strcmp(path, "/http1") == 0) {
    (void)h2ws_stream_reset(stream, H2WS_H2_HTTP_1_1_REQUIRED);
  } else if (strcmp(path, "/refuse") == 0) {
    (void)h2ws_stream_reset(stream, H2WS_H2_REFUSED_STREAM);
  } else {
    return false;
  }
  return true;
}

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct edge *edge = user;
  const char *path = h2ws_stream_path(stream);
  (void)conn;
  edge->requests++;
  if (edge->on_request != NULL) {
    edge->on_request(edge);
  } else if (strcmp(path, "/wait") == 0) {
    edge->waiting = stream;
  } else if (strcmp(path, "/echo") == 0) {
    accept_echo(edge, stream);
  } else if (!send_elsewhere(edge, stream, path)) {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, "not here", 8);
  }
}

static void on_conn(h2ws_conn *conn, void *user) {
  struct edge *edge = user;
  h2ws_link_info info = {.size = sizeof(info)};
  if (edge->options.threads < 2) {
    ck_assert_int_eq(h2ws_conn_link_info(conn, &info), 0);
    edge->conn = conn;
    edge->resumed = info.resumed;
    copy(edge->tls_version, sizeof(edge->tls_version), info.tls_version);
    copy(edge->peer, sizeof(edge->peer), info.peer);
  }
  edge->conns++;
}

static void on_conn_close(h2ws_conn *conn, const h2ws_close_info *info,
                          void *user) {
  struct edge *edge = user;
  ck_assert_ptr_nonnull(conn);
  if (edge->options.threads < 2) {
    edge->conn = edge->conn == conn ? NULL : edge->conn;
    edge->conn_cls = info->cls;
    edge->conn_close_error = info->error;
    copy(edge->conn_detail, sizeof(edge->conn_detail), info->detail);
  }
  edge->conn_closes++;
}

static void on_conn_error(int error, const char *text, void *user) {
  struct edge *edge = user;
  if (edge->options.threads < 2) {
    edge->conn_error = error;
    copy(edge->conn_error_text, sizeof(edge->conn_error_text), text);
  }
  edge->conn_errors++;
}

static void on_stopped(h2ws_server *server, void *user) {
  struct edge *edge = user;
  (void)server;
  edge->stopped++;
}

static const h2ws_server_callbacks server_callbacks = {
  .size = sizeof(h2ws_server_callbacks),
  .on_request = on_request,
  .on_conn = on_conn,
  .on_conn_close = on_conn_close,
  .on_conn_error = on_conn_error,
  .on_stopped = on_stopped,
};

/* ------------------------------------------------------------------------
 * The edge
 */

static void on_tick(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg; /* it is enough that the loop turns */
}

void edge_begin(struct edge *edge) {
  struct event_base *base = edge->base;
  struct timeval tv = {0, (long)TICK_MS * 1000};
  memset(edge, 0, sizeof(*edge));
  edge->fds = edge_open_fds();
  edge->base = base;
  edge->began = edge_now();
  ck_assert_int_eq(h2ws_loop_new(&edge->loop, base), 0);
  edge->tick =
    event_new(h2ws_loop_base(edge->loop), -1, EV_PERSIST, on_tick, NULL);
  ck_assert_int_eq(event_add(edge->tick, &tv), 0);
  h2ws_server_options_default(&edge->options, sizeof(edge->options));
  edge->options.listen = "127.0.0.1:0";
}

void edge_serve(struct edge *edge) {
  char why[256] = "";
  int rv = h2ws_server_start(&edge->server, edge->loop, &edge->options,
                             &server_callbacks, edge, why, sizeof(why));
  ck_assert_msg(rv == 0, "%s: %s", h2ws_error_name(rv), why);
  copy(edge->address, sizeof(edge->address), h2ws_server_address(edge->server));
}

void edge_turn(struct edge *edge) {
  ck_assert_msg(edge_now() - edge->began < PATIENCE,
                "what the test waits for has not happened");
  ck_assert_int_ge(event_base_loop(h2ws_loop_base(edge->loop), EVLOOP_ONCE), 0);
}

void edge_stop(struct edge *edge) {
  ck_assert_int_eq(h2ws_server_stop(edge->server), 0);
  EDGE_UNTIL(edge, edge->stopped);
  h2ws_server_free(edge->server);
  edge->server = NULL;
}

/* A thread that looked up a name may still be on its last steps. */
static void expect_closed(const struct edge *edge) {
  int i;
  for (i = 0; i < 5000 && edge_open_fds() > edge->fds; i++) {
    (void)poll(NULL, 0, 1);
  }
  ck_assert_int_eq(edge_open_fds(), edge->fds);
}

void edge_end(struct edge *edge) {
  if (edge->server != NULL) {
    h2ws_server_free(edge->server);
  }
  event_free(edge->tick);
  h2ws_loop_free(edge->loop);
  expect_closed(edge);
  edge->base = NULL;
}

int edge_port(const struct edge *edge) {
  return (int)strtol(strrchr(edge->address, ':') + 1, NULL, 10);
}

/* ------------------------------------------------------------------------
 * Guests
 */

static void on_guest_socket_open(h2ws_socket *socket, void *user) {
  struct guest *guest = user;
  (void)socket;
  guest->opened++;
}

static void on_guest_message(h2ws_socket *socket, h2ws_type type,
                             const uint8_t *data, size_t len, void *user) {
  struct guest *guest = user;
  (void)socket;
  (void)type;
  guest->messages++;
  guest->len += len;
  (void)snprintf(guest->last, sizeof(guest->last), "%.*s",
                 len < 60 ? (int)len : 60, (const char *)data);
  if (guest->free_on_message) {
    h2ws_client_free(guest->client);
    guest->client = NULL;
  }
}

static void on_guest_socket_close(h2ws_socket *socket,
                                  const h2ws_close_info *info, void *user) {
  struct guest *guest = user;
  (void)socket;
  guest->socket = NULL;
  guest->socket_closed++;
  guest->socket_error = info->error;
  guest->socket_cls = info->cls;
  guest->code = info->code;
}

static const h2ws_socket_callbacks guest_socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_guest_socket_open,
  .on_message = on_guest_message,
  .on_close = on_guest_socket_close,
};

static void guest_look(struct guest *guest, const h2ws_conn *conn) {
  h2ws_link_info info = {.size = sizeof(info)};
  ck_assert_int_eq(h2ws_conn_link_info(conn, &info), 0);
  guest->resumed = info.resumed;
  guest->http = info.http;
  copy(guest->tls_version, sizeof(guest->tls_version), info.tls_version);
  copy(guest->cipher, sizeof(guest->cipher), info.cipher);
  copy(guest->peer, sizeof(guest->peer), info.peer);
}

static void on_guest_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct guest *guest = user;
  guest->connected++;
  guest_look(guest, conn);
  if (!guest->no_socket) {
    ck_assert_int_eq(h2ws_client_open_socket(client, &guest->socket, NULL, 0,
                                             NULL, &guest_socket_callbacks,
                                             guest),
                     0);
  }
}

static void on_guest_close(h2ws_client *client, const h2ws_close_info *info,
                           void *user) {
  struct guest *guest = user;
  (void)client;
  ck_assert_ptr_nonnull(info->detail);
  guest->closed++;
  guest->cls = info->cls;
  guest->error = info->error;
  guest->retryable = info->retryable;
  guest->close_code = info->code;
  copy(guest->detail, sizeof(guest->detail), info->detail);
}

static const h2ws_client_callbacks guest_callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_guest_connect,
  .on_close = on_guest_close,
};

void guest_init(struct guest *guest, struct edge *edge) {
  memset(guest, 0, sizeof(*guest));
  guest->edge = edge;
  h2ws_client_options_default(&guest->options, sizeof(guest->options));
  guest->options.conn.http = H2WS_HTTP_2;
}

void guest_connect(struct guest *guest, const char *url) {
  ck_assert_int_eq(h2ws_client_connect(&guest->client, guest->edge->loop, url,
                                       &guest->options, &guest_callbacks,
                                       guest),
                   0);
}

void guest_visit(struct guest *guest, const char *scheme, const char *host,
                 const char *path) {
  char url[256];
  (void)snprintf(url, sizeof(url), "%s://%s:%d%s", scheme, host,
                 edge_port(guest->edge), path);
  guest_connect(guest, url);
}

void guest_send(struct guest *guest, const char *text) {
  ck_assert_int_eq(
    h2ws_socket_send(guest->socket, H2WS_TEXT, text, strlen(text)), 0);
}

void guest_echo(struct guest *guest, const char *text) {
  int before = guest->messages;
  EDGE_UNTIL(guest->edge, guest->opened || guest->closed);
  ck_assert_msg(guest->opened, "%s", guest->detail);
  guest_send(guest, text);
  EDGE_UNTIL(guest->edge, guest->messages > before || guest->closed);
  ck_assert_str_eq(guest->last, text);
}

void guest_leave(struct guest *guest) {
  if (guest->socket != NULL) {
    ck_assert_int_eq(h2ws_socket_close(guest->socket, 1000, NULL, 0), 0);
    EDGE_UNTIL(guest->edge, guest->socket_closed);
  }
  if (!guest->closed) {
    ck_assert_int_eq(h2ws_conn_drain(h2ws_client_conn(guest->client)), 0);
    EDGE_UNTIL(guest->edge, guest->closed);
  }
  h2ws_client_free(guest->client);
  guest->client = NULL;
}
