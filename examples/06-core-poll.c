/*
 * 6. New: no loop at all. h2ws/core.h, a socket and poll(): this is all that
 * an edge of your own has to do. Arguments: HOST PORT of a cleartext server.
 */
#include <h2ws/core.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static h2ws_time now(void *user) {
  struct timespec ts;
  (void)user;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (h2ws_time)ts.tv_sec * 1000 * H2WS_MS + (h2ws_time)ts.tv_nsec;
}

static int fill_random(uint8_t *buf, size_t len, void *user) {
  (void)user;
  return getentropy(buf, len);
}

static void on_open(h2ws_socket *socket, void *user) {
  (void)user;
  (void)h2ws_socket_send(socket, H2WS_TEXT, "hello", 5);
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  (void)type;
  (void)user;
  printf("%.*s\n", (int)len, (const char *)data);
  (void)h2ws_socket_close(socket, 1000, NULL, 0);
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  (void)socket;
  (void)fprintf(stderr, "%s\n", info->detail);
  (void)h2ws_conn_drain(user);
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_close = on_close,
};
static const h2ws_conn_callbacks conn_callbacks = {
  .size = sizeof(conn_callbacks),
};

static int dial(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *list = NULL;
  int fd = -1;
  if (getaddrinfo(host, port, &hints, &list) == 0) {
    fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
      (void)close(fd);
      fd = -1;
    }
    freeaddrinfo(list);
  }
  return fd;
}

static int send_bytes(int fd, const uint8_t *at, h2ws_ssize n) {
  while (n > 0) {
    ssize_t sent = send(fd, at, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0) {
      return H2WS_ERR_LOST;
    }
    at += sent;
    n -= sent;
  }
  return 0;
}

/* Everything the core wants sent. */
static void send_all(h2ws_conn *conn, int fd) {
  static uint8_t buf[H2WS_SEND_MIN];
  h2ws_ssize n;
  while ((n = h2ws_conn_send(conn, buf, sizeof(buf))) > 0) {
    if (send_bytes(fd, buf, n) != 0) {
      (void)h2ws_conn_recv_eof(conn, H2WS_ERR_LOST);
      return;
    }
  }
}

static void receive(h2ws_conn *conn, int fd) {
  static uint8_t buf[65536];
  ssize_t n = recv(fd, buf, sizeof(buf), 0);
  if (n > 0) {
    (void)h2ws_conn_recv(conn, buf, (size_t)n);
  } else {
    (void)h2ws_conn_recv_eof(conn, n == 0 ? 0 : H2WS_ERR_LOST);
  }
}

/* How long poll() may wait. */
static int wait_ms(const h2ws_conn *conn) {
  h2ws_time deadline = h2ws_conn_deadline(conn);
  h2ws_time t = now(NULL);
  if (deadline == H2WS_NEVER) {
    return -1;
  }
  return deadline > t ? (int)((deadline - t) / H2WS_MS) + 1 : 0;
}

static void run(h2ws_conn *conn, int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  send_all(conn, fd);
  while (!h2ws_conn_finished(conn)) {
    if (poll(&p, 1, wait_ms(conn)) > 0) {
      receive(conn, fd);
    }
    (void)h2ws_conn_tick(conn);
    send_all(conn, fd);
  }
}

int main(int argc, char **argv) {
  h2ws_conn_options options;
  h2ws_request request = {.size = sizeof(request), .path = "/echo"};
  h2ws_socket *socket = NULL;
  h2ws_conn *conn = NULL;
  int fd = argc > 2 ? dial(argv[1], argv[2]) : -1;
  h2ws_conn_options_default(&options, sizeof(options));
  options.now = now;
  options.random = fill_random;
  if (fd < 0 ||
      h2ws_conn_client_new(&conn, &options, &conn_callbacks, NULL) != 0) {
    (void)fprintf(stderr, "usage: %s HOST PORT (is the server there?)\n",
                  argv[0]);
    return 1;
  }
  request.authority = argv[1];
  (void)h2ws_socket_open(conn, &socket, &request, NULL, &socket_callbacks,
                         conn);
  run(conn, fd);
  h2ws_conn_free(conn);
  (void)close(fd);
  return 0;
}
