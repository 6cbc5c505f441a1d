/*
 * FI: each allocation of the edge fails once, with all that it stands on (see
 * tests/faults/support/alloc.h), in short lives of servers and clients. They
 * must end, say so where a message did not get there, and leave nothing.
 */
#include <event2/event.h>
#include <h2ws/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/faults/support/alloc.h"
#include "tests/io/support/certs.h"
#include "tests/io/support/edge.h"
#include "tests/support/suite.h"

#define PATIENCE (8000 * H2WS_MS)
#define SIZE_BIG ((size_t)300 * 1024)
#define MESSAGES_MAX 4

enum way { CLIENT, POOL, RECONNECT, REQUEST, POSTS };

struct scenario {
  const char *name;
  const char *scheme;
  const char *host;           /* NULL: 127.0.0.1 */
  size_t sizes[MESSAGES_MAX]; /* of the messages; 0: no more */
  size_t stride;              /* 0: 1 */
  enum way way;
  h2ws_http http;
  unsigned threads;
  bool compress;
  bool unix_path;
  bool proxy;
  bool server_http1; /* has no HTTP/2 */
};

/* What one run came to. */
struct play;
struct end {
  struct play *play;
  h2ws_socket *socket;
  h2ws_stream *stream;
  size_t sent;
  size_t got;
  size_t body; /* bytes of a body that came back */
  bool closed;
  bool good; /* all was there, and the end was clean */
};

struct play {
  const struct scenario *s;
  h2ws_time began;
  h2ws_loop *loop;
  struct event *tick;
  h2ws_server *server;
  h2ws_client *client;
  h2ws_pool *pool;
  h2ws_reconnect *reconnect;
  struct end ends[2];
  size_t ends_len;
  size_t requests;
  bool client_over;
  bool reconnect_over;
  bool stopped;
  atomic_int error; /* the first one anybody was told of */
  pthread_t poster;
  _Atomic h2ws_id id;   /* of the socket, for the poster */
  atomic_bool posted;   /* it is done */
  atomic_bool given_up; /* what was posted does not come */
  char url[160];
};

static const char *unix_path(void) {
  return certs_path("nomem.sock");
}

static uint8_t big[SIZE_BIG];

static void note(struct play *p, int error) {
  int none = 0;
  (void)atomic_compare_exchange_strong(&p->error, &none, error);
}

/* ------------------------------------------------------------------------
 * The server: echoes
 */

static void on_server_message(h2ws_socket *socket, h2ws_type type,
                              const uint8_t *data, size_t len, void *user) {
  int rv = h2ws_socket_send(socket, type, data, len);
  if (rv != 0) {
    note(user, rv);
    (void)h2ws_socket_abort(socket);
  }
}

static const h2ws_socket_callbacks server_socket = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = on_server_message,
};

static void on_server_readable(h2ws_stream *stream, void *user) {
  uint8_t *data = NULL;
  h2ws_ssize n;
  while ((n = h2ws_stream_peek(stream, &data)) > 0) {
    int rv = h2ws_stream_write(stream, data, (size_t)n);
    if (rv != 0) {
      note(user, rv);
      (void)h2ws_stream_reset(stream, H2WS_H2_CANCEL);
      return;
    }
    (void)h2ws_stream_consume(stream, (size_t)n);
  }
  if (n == H2WS_ERR_EOF) {
    (void)h2ws_stream_shutdown(stream);
  }
}

static const h2ws_stream_callbacks server_stream = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_readable = on_server_readable,
};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct play *p = user;
  h2ws_socket_options options;
  h2ws_socket *socket = NULL;
  int rv;
  (void)conn;
  h2ws_socket_options_default(&options, sizeof(options));
  options.compress = p->s->compress;
  if (!h2ws_stream_is_websocket(stream)) {
    rv = h2ws_stream_answer(stream, 200, NULL, 0, &server_stream, p);
  } else {
    rv =
      h2ws_socket_accept(stream, &socket, NULL, 0, &options, &server_socket, p);
  }
  if (rv != 0) {
    note(p, rv);
    (void)h2ws_stream_reset(stream, H2WS_H2_CANCEL);
  } else if (p->s->way == RECONNECT && p->requests++ == 0 &&
             h2ws_socket_close(socket, 1012, NULL, 0) != 0) {
    (void)h2ws_socket_abort(socket);
  }
}

static void on_conn_error(int error, const char *text, void *user) {
  (void)text;
  note(user, error);
}

static void on_stopped(h2ws_server *server, void *user) {
  struct play *p = user;
  (void)server;
  p->stopped = true;
}

static const h2ws_server_callbacks server_callbacks = {
  .size = sizeof(h2ws_server_callbacks),
  .on_request = on_request,
  .on_conn_error = on_conn_error,
  .on_stopped = on_stopped,
};

static int serve(struct play *p) {
  h2ws_server_options options;
  char listen[160] = "127.0.0.1:0";
  const char *port;
  int rv;
  h2ws_server_options_default(&options, sizeof(options));
  if (p->s->unix_path) {
    (void)unlink(unix_path());
    (void)snprintf(listen, sizeof(listen), "unix:%s", unix_path());
  }
  options.listen = listen;
  options.cleartext =
    strcmp(p->s->scheme, "ws") == 0 || strcmp(p->s->scheme, "http") == 0;
  options.cert_file = certs_file("server");
  options.key_file = certs_file("server");
  options.threads = p->s->threads;
  options.conn.goaway_delay_ms = 1;
  options.conn.http = p->s->server_http1 ? H2WS_HTTP_1_1 : H2WS_HTTP_ANY;
  rv = h2ws_server_start(&p->server, p->loop, &options, &server_callbacks, p,
                         NULL, 0);
  if (rv != 0) {
    return rv;
  }
  port = p->s->unix_path ? ":1" : strrchr(h2ws_server_address(p->server), ':');
  (void)snprintf(p->url, sizeof(p->url), "%s://%s%s/", p->s->scheme,
                 p->s->host == NULL ? "127.0.0.1" : p->s->host, port);
  return 0;
}

/* ------------------------------------------------------------------------
 * The client's ends
 */

static size_t messages_of(const struct scenario *s) {
  size_t n = 0;
  while (n < MESSAGES_MAX && s->sizes[n] > 0) {
    n++;
  }
  return n;
}

static void end_send(struct end *end) {
  struct play *p = end->play;
  int rv =
    h2ws_socket_send(end->socket, H2WS_BINARY, big, p->s->sizes[end->sent]);
  if (rv != 0) {
    note(p, rv);
    (void)h2ws_socket_abort(end->socket);
    return;
  }
  end->sent++;
}

static void on_end_open(h2ws_socket *socket, void *user) {
  struct end *end = user;
  end->socket = socket;
  if (end->play->s->way == POSTS) {
    end->play->id = h2ws_socket_id(socket);
    return;
  }
  if (end->play->s->way != RECONNECT || end->play->requests > 1) {
    end_send(end);
  }
}

static void on_end_message(h2ws_socket *socket, h2ws_type type,
                           const uint8_t *data, size_t len, void *user) {
  struct end *end = user;
  const struct scenario *s = end->play->s;
  ck_assert_int_eq(type, H2WS_BINARY);
  ck_assert_uint_lt(end->got, messages_of(s));
  ck_assert_uint_eq(len, s->sizes[end->got]);
  ck_assert(memcmp(data, big, len) == 0);
  end->got++;
  if (end->got < messages_of(s)) {
    if (s->way != POSTS) {
      end_send(end);
    }
  } else if (h2ws_socket_close(socket, 1000, NULL, 0) != 0) {
    (void)h2ws_socket_abort(socket);
  }
}

static void on_end_close(h2ws_socket *socket, const h2ws_close_info *info,
                         void *user) {
  struct end *end = user;
  (void)socket;
  end->socket = NULL;
  if (end->play->s->way == RECONNECT && end->got == 0) {
    return; /* on_end() tells if that was all */
  }
  end->closed = true;
  end->good = info->cls == H2WS_CLOSE_CLEAN && info->code == 1000 &&
              end->got == messages_of(end->play->s);
  note(end->play, info->error);
  ck_assert(end->good || end->play->error != 0);
}

static const h2ws_socket_callbacks end_socket = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_end_open,
  .on_message = on_end_message,
  .on_close = on_end_close,
};

/* A body there and back. */

static void on_body_readable(h2ws_stream *stream, void *user) {
  struct end *end = user;
  uint8_t *data = NULL;
  h2ws_ssize n;
  while ((n = h2ws_stream_peek(stream, &data)) > 0) {
    ck_assert_uint_le(end->body + (size_t)n, end->play->s->sizes[0]);
    ck_assert(memcmp(data, big + end->body, (size_t)n) == 0);
    end->body += (size_t)n;
    (void)h2ws_stream_consume(stream, (size_t)n);
  }
}

static void on_body_close(h2ws_stream *stream, const h2ws_close_info *info,
                          void *user) {
  struct end *end = user;
  on_body_readable(stream, user);
  end->stream = NULL;
  end->closed = true;
  end->good = info->error == 0 && info->cls == H2WS_CLOSE_CLEAN &&
              end->body == end->play->s->sizes[0];
  note(end->play, info->error);
  ck_assert_msg(end->good || end->play->error != 0, "%zu bytes, %s", end->body,
                h2ws_close_class_name(info->cls));
}

static const h2ws_stream_callbacks end_stream = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_readable = on_body_readable,
  .on_close = on_body_close,
};

static int request_body(struct end *end) {
  static const h2ws_request what = {
    .size = sizeof(what), .method = "POST", .path = "/"};
  struct play *p = end->play;
  h2ws_request request = what;
  int rv;
  request.authority = h2ws_client_authority(p->client);
  rv = h2ws_stream_open(h2ws_client_conn(p->client), &end->stream, &request,
                        &end_stream, end);
  if (rv != 0) {
    return rv;
  }
  rv = h2ws_stream_write(end->stream, big, p->s->sizes[0]);
  if (rv == 0) {
    rv = h2ws_stream_shutdown(end->stream);
  }
  if (rv != 0) {
    note(p, rv);
    (void)h2ws_stream_reset(end->stream, H2WS_H2_CANCEL);
  }
  return 0;
}

/* ------------------------------------------------------------------------
 * Clients
 */

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct play *p = user;
  struct end *end = &p->ends[0];
  h2ws_socket_options options;
  int rv;
  h2ws_socket_options_default(&options, sizeof(options));
  options.compress = p->s->compress;
  rv = p->s->way == REQUEST
         ? request_body(end)
         : h2ws_client_open_socket(client, &end->socket, NULL, 0, &options,
                                   &end_socket, end);
  if (rv != 0) {
    note(p, rv);
    end->closed = true;
    (void)h2ws_conn_shutdown(conn, 0);
  }
}

static void on_client_close(h2ws_client *client, const h2ws_close_info *info,
                            void *user) {
  struct play *p = user;
  (void)client;
  p->client_over = true;
  note(p, info->error);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_client_close,
};

static int proxy_port;

static void client_options(const struct play *p, h2ws_client_options *o) {
  static char proxy[64];
  h2ws_client_options_default(o, sizeof(*o));
  o->ca_file = certs_file("ca");
  o->conn.http = p->s->http;
  o->unix_path = p->s->unix_path ? unix_path() : NULL;
  if (p->s->proxy) {
    (void)snprintf(proxy, sizeof(proxy), "http://me:secret@127.0.0.1:%d",
                   proxy_port);
    o->proxy = proxy;
  }
}

static void on_reconnect_end(h2ws_reconnect *reconnect,
                             const h2ws_close_info *info, void *user) {
  struct end *end = user;
  struct play *p = end->play;
  (void)reconnect;
  p->reconnect_over = true;
  note(p, info->error);
}

static int start_reconnect(struct play *p, const h2ws_client_options *client) {
  h2ws_reconnect_options options;
  h2ws_reconnect_options_default(&options, sizeof(options));
  options.backoff.first_ms = 1;
  options.backoff.max_ms = 2;
  options.backoff.tries = 3;
  options.client = client;
  options.on_end = on_reconnect_end;
  return h2ws_reconnect_start(&p->reconnect, p->pool, p->url, &options,
                              &end_socket, &p->ends[0]);
}

/* A failure is that of what is asked for: what was started goes on. */
static int start_pool(struct play *p, const h2ws_client_options *client) {
  int rv = h2ws_pool_new(&p->pool, p->loop, NULL);
  size_t i;
  if (rv == 0 && p->s->way == RECONNECT) {
    return start_reconnect(p, client);
  }
  for (i = 0; i < p->ends_len && rv == 0; i++) {
    rv = h2ws_pool_open_socket(p->pool, NULL, p->url, client, NULL, NULL,
                               &end_socket, &p->ends[i]);
    p->ends[i].closed = rv != 0;
  }
  return rv;
}

static int start_client(struct play *p) {
  h2ws_client_options options;
  client_options(p, &options);
  if (p->s->way == POOL || p->s->way == RECONNECT) {
    return start_pool(p, &options);
  }
  return h2ws_client_connect(&p->client, p->loop, p->url, &options,
                             &client_callbacks, p);
}

/* ------------------------------------------------------------------------
 * What comes from another thread
 */

static void post_result(struct play *p, int result) {
  if (result != 0) {
    note(p, result);
    p->given_up = true;
  }
}

static void on_sent(h2ws_id id, int result, void *user) {
  (void)id;
  post_result(user, result);
}

static void on_broadcast(const h2ws_id *ids, const int *results, size_t len,
                         void *user) {
  (void)ids;
  ck_assert_uint_eq(len, 1);
  post_result(user, results[0]);
}

static void count_post(void *arg) {
  struct play *p = arg;
  p->requests++;
}

static void *post_all(void *arg) {
  struct play *p = arg;
  h2ws_id id;
  h2ws_message *message = NULL;
  int rv;
  while ((id = p->id) == 0 && !p->given_up) {
    (void)poll(NULL, 0, 1);
  }
  rv = p->given_up ? H2WS_ERR_CLOSED : h2ws_loop_post(p->loop, count_post, p);
  if (rv == 0) {
    rv =
      h2ws_loop_send(p->loop, id, H2WS_BINARY, big, p->s->sizes[0], on_sent, p);
  }
  if (rv == 0) {
    rv = h2ws_message_new(&message, NULL, H2WS_BINARY, big, p->s->sizes[1]);
  }
  if (rv == 0) {
    rv = h2ws_loop_broadcast(p->loop, message, &id, 1, on_broadcast, p);
  }
  h2ws_message_release(message);
  post_result(p, rv);
  p->posted = true;
  return NULL;
}

static void join_poster(struct play *p) {
  p->given_up = true;
  (void)pthread_join(p->poster, NULL);
}

/* ------------------------------------------------------------------------
 * A proxy, for as long as the tests run
 */

static int proxy_listener = -1;
static pthread_t proxy_thread;

/* Bytes one way; false at the end. */
static bool relay(int from, int to) {
  char buf[16384];
  ssize_t n = recv(from, buf, sizeof(buf), 0);
  return n > 0 && send(to, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

static int proxy_dial(const char *head) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  const char *port = strchr(head, ':');
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  addr.sin_port =
    htons((uint16_t)strtol(port == NULL ? "" : port + 1, NULL, 10));
  if (connect(fd, (struct sockaddr *)(void *)&addr, sizeof(addr)) != 0) {
    (void)close(fd);
    return -1;
  }
  return fd;
}

static void proxy_serve(int fd) {
  static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
  char head[1024] = "";
  size_t len = 0;
  ssize_t n = 1;
  int to;
  while (n > 0 && len < sizeof(head) - 1 && strstr(head, "\r\n\r\n") == NULL) {
    n = recv(fd, head + len, sizeof(head) - 1 - len, 0);
    len += n > 0 ? (size_t)n : 0;
  }
  to = n > 0 ? proxy_dial(head) : -1;
  if (to >= 0) {
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {to, POLLIN, 0}};
    bool on = send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) > 0;
    while (on && poll(fds, 2, -1) > 0) {
      on = (fds[0].revents == 0 || relay(fd, to)) &&
           (fds[1].revents == 0 || relay(to, fd));
    }
    (void)close(to);
  }
  (void)close(fd);
}

static void *proxy_main(void *arg) {
  int fd;
  int on = 1;
  (void)arg;
  while ((fd = accept(proxy_listener, NULL, NULL)) >= 0) {
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    proxy_serve(fd);
  }
  return NULL;
}

static void proxy_begin(void) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  socklen_t len = sizeof(addr);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  proxy_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(
    bind(proxy_listener, (struct sockaddr *)(void *)&addr, sizeof(addr)), 0);
  ck_assert_int_eq(listen(proxy_listener, 16), 0);
  ck_assert_int_eq(
    getsockname(proxy_listener, (struct sockaddr *)(void *)&addr, &len), 0);
  proxy_port = ntohs(addr.sin_port);
  ck_assert_int_eq(pthread_create(&proxy_thread, NULL, proxy_main, NULL), 0);
}

static void proxy_end(void) {
  (void)shutdown(proxy_listener, SHUT_RDWR);
  (void)pthread_join(proxy_thread, NULL);
  (void)close(proxy_listener);
}

/* ------------------------------------------------------------------------
 * A play
 */

static void on_tick(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg; /* it is enough that the loop turns */
}

static bool in_time(const struct play *p) {
  return edge_now() - p->began < PATIENCE;
}

static void turn(struct play *p) {
  if (!in_time(p)) {
    alloc_explain();
  }
  ck_assert_msg(in_time(p), "%s hangs: %s", p->s->name,
                h2ws_error_name(p->error));
  ck_assert_int_ge(event_base_loop(h2ws_loop_base(p->loop), EVLOOP_ONCE), 0);
}

static int begin(struct play *p) {
  struct timeval tv = {0, 5000};
  int rv = h2ws_loop_new(&p->loop, NULL);
  if (rv != 0) {
    return rv;
  }
  p->tick = event_new(h2ws_loop_base(p->loop), -1, EV_PERSIST, on_tick, NULL);
  ck_assert_int_eq(event_add(p->tick, &tv), 0);
  rv = serve(p);
  if (rv == 0 && p->s->way == POSTS) {
    ck_assert_int_eq(pthread_create(&p->poster, NULL, post_all, p), 0);
  }
  return rv != 0 ? rv : start_client(p);
}

static bool ends_are_closed(const struct play *p) {
  size_t i;
  for (i = 0; i < p->ends_len; i++) {
    if (!p->ends[i].closed) {
      return false;
    }
  }
  return true;
}

static void finish(struct play *p) {
  if (p->poster != 0) {
    join_poster(p);
  }
  h2ws_reconnect_free(p->reconnect);
  h2ws_pool_free(p->pool);
  if (p->client != NULL && !p->client_over &&
      h2ws_conn_drain(h2ws_client_conn(p->client)) == 0) {
    while (!p->client_over) {
      turn(p);
    }
  }
  h2ws_client_free(p->client);
  if (p->server != NULL && h2ws_server_stop(p->server) == 0) {
    while (!p->stopped) {
      turn(p);
    }
  }
  h2ws_server_free(p->server);
  if (p->tick != NULL) {
    event_free(p->tick);
  }
  h2ws_loop_free(p->loop);
}

static void play(struct play *p, const struct scenario *s) {
  int rv;
  memset(p, 0, sizeof(*p));
  p->s = s;
  p->began = edge_now();
  p->ends_len = s->way == POOL ? 2 : 1;
  p->ends[0].play = p;
  p->ends[1].play = p;
  rv = begin(p);
  note(p, rv);
  while (rv == 0 && !ends_are_closed(p) && !p->client_over &&
         !p->reconnect_over && !p->given_up) {
    turn(p);
  }
  finish(p);
}

/* What there was before a scenario; what each of its plays must return to. */
static int fds;
static size_t live;

/* A helper thread, or the proxy, may still be on its last steps. */
static void expect_nothing_left(const struct scenario *s, size_t at) {
  int i;
  for (i = 0; i < 2000 && (edge_open_fds() > fds || alloc_live() > live); i++) {
    (void)poll(NULL, 0, 1);
  }
  if (alloc_live() != live || edge_open_fds() != fds) {
    alloc_explain();
  }
  ck_assert_msg(alloc_live() == live, "%s, %zu: %zu blocks left", s->name, at,
                alloc_live() - live);
  ck_assert_msg(edge_open_fds() == fds, "%s, %zu: a descriptor is left",
                s->name, at);
}

/* Returns how many were asked for. */
static size_t play_once(const struct scenario *s, size_t at, bool and_after) {
  static struct play p;
  size_t asked;
  alloc_arm(at, and_after);
  play(&p, s);
  asked = alloc_disarm();
  expect_nothing_left(s, at);
  ck_assert_msg(p.error == 0 || alloc_failed(), "%s: %s", s->name,
                h2ws_error_name(p.error));
  ck_assert_msg(p.error != 0 || (p.ends[0].good && p.ends[p.ends_len - 1].good),
                "%s, %zu: nobody was told", s->name, at);
  return asked;
}

#define SMALL                                                                  \
  { 5, 700 }
#define H2 .http = H2WS_HTTP_2
#define ANY .http = H2WS_HTTP_ANY

static const struct scenario scenarios[] = {
  {"ws", "ws", H2, .sizes = SMALL},
  {"wss", "wss", ANY, .sizes = SMALL},
  {"ws, big", "ws", H2, .sizes = {SIZE_BIG}},
  {"wss, big", "wss", H2, .sizes = {SIZE_BIG}, .stride = 4},
  {"ws, compressed", "ws", H2, .sizes = {5000, 70000}, .compress = true},
  {"ws, HTTP/1.1", "ws", ANY, .sizes = SMALL, .server_http1 = true},
  {"wss, HTTP/1.1", "wss", ANY, .sizes = SMALL, .server_http1 = true},
  {"ws, localhost", "ws", H2, .host = "localhost", .sizes = SMALL},
  {"ws, proxy", "ws", H2, .sizes = SMALL, .proxy = true},
  {"wss, proxy", "wss", H2, .sizes = SMALL, .proxy = true, .stride = 4},
  {"ws, unix", "ws", ANY, .sizes = SMALL, .unix_path = true},
  {"ws, 2 threads", "ws", H2, .sizes = SMALL, .threads = 2},
  {"wss, 2 threads", "wss", H2, .sizes = SMALL, .threads = 2, .stride = 4},
  {"http", "http", .way = REQUEST, H2, .sizes = {40000}},
  {"https", "https", .way = REQUEST, ANY, .sizes = {40000}},
  {"http, HTTP/1.1", "http", .way = REQUEST, .http = H2WS_HTTP_1_1,
   .sizes = {40000}},
  {"ws, pool", "ws", .way = POOL, ANY, .sizes = SMALL},
  {"wss, pool", "wss", .way = POOL, ANY, .sizes = SMALL, .stride = 4},
  {"ws, reconnect", "ws", .way = RECONNECT, H2, .sizes = SMALL},
  {"ws, posts", "ws", .way = POSTS, H2, .sizes = SMALL},
  {"ws, posts, 2 threads", "ws", .way = POSTS, H2, .sizes = SMALL,
   .threads = 2},
};
#define SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

static void each_fails(const struct scenario *s, bool and_after) {
  size_t stride = s->stride == 0 ? 1 : s->stride;
  size_t at;
  fds = edge_open_fds();
  live = alloc_live();
  (void)play_once(s, 0, false); /* what is made once is there now */
  for (at = 1; play_once(s, at, and_after) >= at; at += stride) {
  }
  ck_assert_uint_gt(at, 10);
  (void)play_once(s, 0, false);
}

START_TEST(each_allocation_fails_once) {
  each_fails(&scenarios[_i], false);
}
END_TEST

START_TEST(memory_runs_out_for_good) {
  each_fails(&scenarios[_i], true);
}
END_TEST

static void make_certs(void) {
  size_t i;
  for (i = 0; i < SIZE_BIG; i++) {
    big[i] = (uint8_t)(i * i >> 8 ^ i);
  }
  certs_begin();
  certs_make_simple("ca", NULL, NULL);
  certs_make_simple("server", "ca", "DNS:localhost,IP:127.0.0.1");
}

static void end_certs(void) {
  (void)unlink(unix_path());
  certs_end();
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("faults/edge_nomem");
  TCase *tc = tcase_create("event");
  tcase_add_unchecked_fixture(tc, make_certs, end_certs);
  tcase_add_checked_fixture(tc, proxy_begin, proxy_end);
  tcase_add_loop_test(tc, each_allocation_fails_once, 0, SCENARIOS);
  tcase_add_loop_test(tc, memory_runs_out_for_good, 0, SCENARIOS);
  suite_add_tcase(suite, tc);
  return suite;
}
