#include "lib/io/link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Buffers taken from one link in one turn, so that others get theirs. */
#define READS_PER_TURN 4
/* No more of them either once they took this long: bytes differ in cost. */
#define READ_TIME (2 * H2WS_MS)
/* Buffers sent from one link in one turn, however fast the peer is. */
#define WRITES_PER_TURN 4
/* Hostile row LC-16: what is read after our FIN, and for how long. */
#define LINGER_BYTES ((size_t)64 * 1024)
#define LINGER_MS 1000
#define WHY_LEN 256
/* What TLS may answer behind a write that waits: changes of keys, alerts. */
#define ANSWERS_MAX ((size_t)16 * 1024)

static void on_io(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);

struct h2ws__link *h2ws__link_of(const h2ws_conn *conn) {
  return h2ws_conn_user(conn);
}

/* ------------------------------------------------------------------------
 * Timer: one event for the core's deadline and the link's own
 */

static void link_arm(struct h2ws__link *link) {
  h2ws_time next = link->deadline;
  h2ws_time core = h2ws_conn_deadline(link->conn);
  h2ws_time now;
  h2ws_time wait;
  struct timeval tv;
  next = core < next ? core : next;
  if (next >= link->timer_at || link->state == H2WS__LINK_CLOSED) {
    return; /* it fires before that, and looks again */
  }
  now = h2ws__io_now(NULL);
  wait = next > now ? next - now : 0;
  tv.tv_sec = (time_t)(wait / (1000 * H2WS_MS));
  tv.tv_usec = (suseconds_t)(wait % (1000 * H2WS_MS) / 1000 + 1);
  if (event_add(link->timer, &tv) == 0) {
    link->timer_at = next;
  }
}

static void link_set_deadline(struct h2ws__link *link, uint32_t ms) {
  link->deadline = ms == 0 ? H2WS_NEVER : h2ws__io_now(NULL) + ms * H2WS_MS;
  link_arm(link);
}

/* ------------------------------------------------------------------------
 * Life
 */

static int link_make_events(struct h2ws__link *link) {
  struct event_base *base = link->loop->base;
  link->io_event = event_new(base, link->fd, EV_READ | EV_PERSIST, on_io, link);
  link->write_event = event_new(base, link->fd, EV_WRITE, on_writable, link);
  link->timer = event_new(base, -1, 0, on_timer, link);
  return link->io_event == NULL || link->write_event == NULL ||
             link->timer == NULL
           ? H2WS_ERR_NOMEM
           : 0;
}

int h2ws__link_new(struct h2ws__link **out, h2ws_loop *loop, int fd, SSL *ssl,
                   const h2ws_conn_options *options, bool server) {
  struct h2ws__link *link = calloc(1, sizeof(*link));
  int rv;
  if (link == NULL) {
    SSL_free(ssl);
    (void)close(fd);
    return H2WS_ERR_NOMEM;
  }
  link->loop = loop;
  link->fd = fd;
  link->ssl = ssl;
  link->options = options;
  link->stall_ms = options->stall_timeout_ms;
  link->http = (uint8_t)options->http;
  link->server = server;
  link->timer_at = H2WS_NEVER;
  link->deadline = H2WS_NEVER;
  rv = h2ws__loop_enter(loop, link);
  if (rv == 0) {
    rv = link_make_events(link);
  }
  if (rv == 0 && ssl != NULL) {
    rv = h2ws__link_tls_attach(link);
  }
  if (rv != 0) {
    h2ws__link_free(link);
    return rv;
  }
  *out = link;
  return 0;
}

static void link_free_event(struct event **event) {
  if (*event != NULL) {
    event_free(*event);
    *event = NULL;
  }
}

/* Everything but the struct, which a caller up the stack may still use. */
static void link_release(struct h2ws__link *link) {
  link->state = H2WS__LINK_CLOSED;
  h2ws__loop_unmark(link->loop, link);
  link_free_event(&link->io_event);
  link_free_event(&link->write_event);
  link_free_event(&link->timer);
  if (link->conn != NULL) {
    h2ws_conn *conn = link->conn;
    h2ws_conn_free(conn);
    link->conn = NULL;
  }
  h2ws__loop_leave(link->loop, link);
  SSL_free(link->ssl);
  link->ssl = NULL;
  free(link->left);
  link->left = NULL;
  if (link->fd >= 0) {
    (void)close(link->fd);
    link->fd = -1;
  }
}

static void link_bury(struct h2ws__grave *grave) {
  free(grave); /* the first member of its link */
}

void h2ws__link_free(struct h2ws__link *link) {
  if (link == NULL) {
    return;
  }
  if (link->state != H2WS__LINK_CLOSED) {
    link_release(link);
  }
  h2ws__loop_bury(link->loop, &link->grave, link_bury);
}

static void link_gone(struct h2ws__link *link) {
  if (link->state != H2WS__LINK_CLOSED) {
    link_release(link);
    link->events->gone(link);
  }
}

static void link_failed(struct h2ws__link *link, int error, const char *text) {
  if (!link->told) {
    link->told = true;
    link->events->failed(link, error, text);
  }
  link_gone(link);
}

void h2ws__link_drop(struct h2ws__link *link, int error, const char *text) {
  if (link->state < H2WS__LINK_OPEN) {
    link_failed(link, error, text);
  } else if (link->state != H2WS__LINK_CLOSED) {
    link->why = text;
    /* What is cancelled ends as aborted, when its connection is freed. */
    if (error != H2WS_ERR_CANCELLED && !h2ws_conn_finished(link->conn)) {
      (void)h2ws_conn_recv_eof(link->conn, error);
    }
    link_gone(link);
    link->why = NULL;
  }
}

static void orphan_gone(struct h2ws__link *link) {
  h2ws__link_free(link);
}

/* Its core connection has ended: nothing else can happen. */
static const struct h2ws__link_events orphan_events = {.gone = orphan_gone};

void h2ws__link_orphan(struct h2ws__link *link) {
  assert(link->opened && link->told);
  link->events = &orphan_events;
  link->owner = NULL;
  if (link->ssl != NULL) {
    (void)SSL_set_app_data(link->ssl, NULL);
  }
}

/* ------------------------------------------------------------------------
 * The core's callbacks
 */

static void on_conn_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct h2ws__link *link = user;
  (void)conn;
  if (link->state != H2WS__LINK_CLOSED) {
    link->events->request(link, stream);
  }
}

static void on_conn_ready(h2ws_conn *conn, bool extended_connect, void *user) {
  struct h2ws__link *link = user;
  (void)conn;
  if (link->state == H2WS__LINK_OPEN && link->events->ready != NULL) {
    link->events->ready(link, extended_connect);
  }
}

/* Bytes that nobody reads stay in the kernel, and with the peer. */
static void link_check_pause(struct h2ws__link *link) {
  if (!link->paused && link->state == H2WS__LINK_OPEN &&
      !h2ws_conn_wants_recv(link->conn)) {
    link->paused = true;
    (void)event_del(link->io_event);
  }
}

static void on_conn_want_recv(h2ws_conn *conn, void *user) {
  struct h2ws__link *link = user;
  (void)conn;
  if (link->paused && !link->peer_closed && link->state != H2WS__LINK_CLOSED) {
    link->paused = event_add(link->io_event, NULL) != 0;
  }
}

static void on_conn_want_send(h2ws_conn *conn, void *user) {
  struct h2ws__link *link = user;
  (void)conn;
  if (link->state == H2WS__LINK_OPEN) {
    h2ws__loop_mark_dirty(link->loop, link);
  }
}

static void on_conn_deadline(h2ws_conn *conn, void *user) {
  struct h2ws__link *link = user;
  (void)conn;
  if (link->conn != NULL) {
    link_arm(link);
  }
}

static void on_conn_close(h2ws_conn *conn, const h2ws_close_info *info,
                          void *user) {
  struct h2ws__link *link = user;
  h2ws_close_info mine = *info;
  if (link->why != NULL) {
    mine.detail = link->why;
  }
  link->told = true;
  link->events->ended(link, conn, &mine);
  if (link->state == H2WS__LINK_OPEN) {
    link->state = H2WS__LINK_FLUSHING;
    h2ws__loop_mark_dirty(link->loop, link);
  }
}

static void on_conn_trace(h2ws_conn *conn, h2ws_trace_level level,
                          const char *text, void *user) {
  struct h2ws__link *link = user;
  if (link->events->trace != NULL) {
    link->events->trace(link, conn, level, text);
  }
}

static void on_conn_push(h2ws_conn *conn, h2ws_stream *stream,
                         h2ws_stream *parent, void *user) {
  struct h2ws__link *link = user;
  (void)conn;
  if (link->events->push == NULL || !link->events->push(link, stream, parent)) {
    (void)h2ws_stream_reset(stream, H2WS_H2_CANCEL);
  }
}

static const h2ws_conn_callbacks conn_callbacks = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_request = on_conn_request,
  .on_ready = on_conn_ready,
  .on_want_send = on_conn_want_send,
  .on_deadline = on_conn_deadline,
  .on_close = on_conn_close,
  .on_want_recv = on_conn_want_recv,
  .on_push = on_conn_push,
};

static const h2ws_conn_callbacks conn_callbacks_traced = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_request = on_conn_request,
  .on_ready = on_conn_ready,
  .on_want_send = on_conn_want_send,
  .on_deadline = on_conn_deadline,
  .on_close = on_conn_close,
  .on_trace = on_conn_trace,
  .on_want_recv = on_conn_want_recv,
  .on_push = on_conn_push,
};

/* HTTP/1.1 has no PING: TCP finds out whether the peer is still there. */
static void link_keep_alive(const struct h2ws__link *link) {
  const int on = 1;
  const int idle_s = 60;
  const int interval_s = 15;
  const int count = 4;
  /* Refused for Unix sockets, and harmless. */
  (void)setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  (void)setsockopt(link->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s,
                   sizeof(idle_s));
  (void)setsockopt(link->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s,
                   sizeof(interval_s));
  (void)setsockopt(link->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* The transport is there: HTTP begins. */
static void link_open(struct h2ws__link *link) {
  const h2ws_conn_callbacks *callbacks =
    link->events->trace != NULL ? &conn_callbacks_traced : &conn_callbacks;
  h2ws_conn_options options = *link->options;
  int rv;
  options.now = h2ws__io_now;
  options.random = h2ws__io_random;
  options.env_user = NULL;
  options.secure = link->ssl != NULL;
  options.http = (h2ws_http)link->http;
  rv = link->server
         ? h2ws_conn_server_new(&link->conn, &options, callbacks, link)
         : h2ws_conn_client_new(&link->conn, &options, callbacks, link);
  if (rv != 0) {
    link_failed(link, rv, h2ws_strerror(rv));
    return;
  }
  if (link->http != H2WS_HTTP_2) {
    link_keep_alive(link);
  }
  link->opened = true;
  link->state = H2WS__LINK_OPEN;
  link->deadline = H2WS_NEVER;
  link->events->open(link);
  if (link->state == H2WS__LINK_OPEN) {
    link_arm(link);
    h2ws__loop_mark_dirty(link->loop, link);
  }
}

/* ------------------------------------------------------------------------
 * Sending
 */

static void link_stop_waiting(struct h2ws__link *link) {
  free(link->left);
  link->left = NULL;
  link->left_len = 0;
  link->left_pos = 0;
  if (link->state == H2WS__LINK_OPEN) {
    link->deadline = H2WS_NEVER;
  }
}

/*
 * What the peer said before it went may still be in the kernel, and tells
 * more than the error: that is read first.
 */
static void link_send_failed(struct h2ws__link *link, int error) {
  if (link->state != H2WS__LINK_OPEN || link->paused || link->peer_closed) {
    h2ws__link_drop(link, H2WS_ERR_LOST, strerror(error));
    return;
  }
  link->send_error = error;
  link_stop_waiting(link);
  event_active(link->io_event, EV_READ, 0);
}

/* True if the socket took everything; what it did not take is kept. */
static bool link_send_left(struct h2ws__link *link) {
  while (link->left_pos < link->left_len) {
    ssize_t n = send(link->fd, link->left + link->left_pos,
                     link->left_len - link->left_pos, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      (void)event_add(link->write_event, NULL);
      return false;
    }
    if (n < 0) {
      link_send_failed(link, errno);
      return false;
    }
    link->left_pos += (size_t)n;
    link_set_deadline(link, link->stall_ms);
  }
  link_stop_waiting(link);
  return true;
}

/* Keeps bytes for later, behind those that wait already. */
static bool link_keep(struct h2ws__link *link, const uint8_t *data,
                      size_t len) {
  size_t waiting = link->left_len - link->left_pos;
  uint8_t *left;
  if (waiting > 0 && waiting + len > H2WS__IO_CIPHER_CAP + ANSWERS_MAX) {
    h2ws__link_drop(link, H2WS_ERR_LIMIT,
                    "the peer takes no bytes and has TLS send ever more");
    return false;
  }
  left = malloc(waiting + len);
  if (left == NULL) {
    h2ws__link_drop(link, H2WS_ERR_NOMEM, "no memory for output");
    return false;
  }
  if (waiting > 0) {
    memcpy(left, link->left + link->left_pos, waiting);
  } else {
    link_set_deadline(link, link->stall_ms);
  }
  memcpy(left + waiting, data, len);
  free(link->left);
  link->left = left;
  link->left_pos = 0;
  link->left_len = waiting + len;
  (void)event_add(link->write_event, NULL);
  return true;
}

/* True if the socket took everything. */
static bool link_send_raw(struct h2ws__link *link, const uint8_t *data,
                          size_t len) {
  size_t done = 0;
  if (link->send_error != 0) {
    return false;
  }
  if (link->left_len > 0) {
    (void)link_keep(link, data, len);
    return false;
  }
  while (done < len) {
    ssize_t n = send(link->fd, data + done, len - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      (void)link_keep(link, data + done, len - done);
      return false;
    }
    if (n < 0) {
      link_send_failed(link, errno);
      return false;
    }
    done += (size_t)n;
  }
  return true;
}

/* Sends what TLS has produced. */
static bool link_send_cipher(struct h2ws__link *link) {
  size_t len = link->cipher_out_len;
  link->cipher_out_len = 0;
  return len == 0 || link_send_raw(link, link->loop->cipher, len);
}

static bool link_send_plain(struct h2ws__link *link, const uint8_t *data,
                            size_t len) {
  if (link->ssl == NULL) {
    return link_send_raw(link, data, len);
  }
  if (h2ws__link_tls_write(link, data, len) != 0) {
    h2ws__link_drop(link, H2WS_ERR_TLS, "TLS failed while sending");
    return false;
  }
  return link_send_cipher(link);
}

/* Our side is done: tell the peer, then wait for it, a little. */
static void link_finish(struct h2ws__link *link) {
  if (link->ssl != NULL) {
    h2ws__link_tls_close(link);
    if (!link_send_cipher(link)) {
      return; /* comes back when the socket took it, or it is dropped */
    }
  }
  (void)shutdown(link->fd, SHUT_WR);
  link->state = H2WS__LINK_LINGERING;
  if (link->paused && !link->peer_closed) {
    link->paused = event_add(link->io_event, NULL) != 0;
  }
  link_set_deadline(link, LINGER_MS);
  if (link->peer_closed) {
    link_gone(link);
  }
}

/*
 * True if the others come first. It goes on in the next turn whether or not
 * the socket is reported writable: a socket that is nearly full never is, and
 * only one that refuses bytes starts the stall timeout.
 */
static bool link_yield(struct h2ws__link *link) {
  static const struct timeval next_turn = {0, 0};
  link->yielded = event_add(link->write_event, &next_turn) == 0;
  return link->yielded;
}

/* At most `buffers`; all there are if that is negative. */
static void link_pull(struct h2ws__link *link, int buffers) {
  for (;; buffers--) {
    h2ws_ssize n;
    if (buffers == 0 && link_yield(link)) {
      return;
    }
    n = h2ws_conn_send(link->conn, link->loop->out, H2WS__IO_WRITE_CAP);
    if (n <= 0 || link->state >= H2WS__LINK_LINGERING) {
      break;
    }
    if (!link_send_plain(link, link->loop->out, (size_t)n)) {
      return;
    }
  }
  if (link->state == H2WS__LINK_FLUSHING) {
    link_finish(link);
  }
}

static void link_flush(struct h2ws__link *link, int buffers) {
  if (link->state != H2WS__LINK_OPEN && link->state != H2WS__LINK_FLUSHING) {
    return;
  }
  if (link->send_error != 0) {
    if (link->state == H2WS__LINK_FLUSHING) {
      link_gone(link);
    }
    return;
  }
  if (link->left_len > 0) {
    return; /* the socket is full; on_writable() goes on */
  }
  link_pull(link, buffers);
  if (link->state == H2WS__LINK_OPEN) {
    link_arm(link);
  }
}

void h2ws__link_flush(struct h2ws__link *link) {
  if (!link->yielded) { /* else on_writable() goes on */
    link_flush(link, WRITES_PER_TURN);
  }
}

/* ------------------------------------------------------------------------
 * Receiving
 */

static void link_eof(struct h2ws__link *link, int error) {
  link->peer_closed = true;
  if (link->state < H2WS__LINK_OPEN) {
    link_failed(link, H2WS_ERR_LOST,
                "the peer closed the connection before it was set up");
    return;
  }
  if (link->state == H2WS__LINK_LINGERING) {
    link_gone(link);
    return;
  }
  (void)event_del(link->io_event);
  if (link->state == H2WS__LINK_OPEN) {
    link_flush(link, -1); /* it may still read (row IO-09): all of it */
    if (link->state == H2WS__LINK_OPEN) {
      (void)h2ws_conn_recv_eof(link->conn, error);
    }
  }
}

static void link_give(struct h2ws__link *link, uint8_t *data, size_t len) {
  if (link->state == H2WS__LINK_OPEN) {
    (void)h2ws_conn_recv(link->conn, data, len);
    link_check_pause(link);
  } else if (link->state == H2WS__LINK_LINGERING) {
    link->lingered += len;
    if (link->lingered > LINGER_BYTES) {
      link_gone(link);
    }
  }
}

static void link_handshake(struct h2ws__link *link) {
  char why[WHY_LEN] = "";
  int rv = h2ws__link_tls_handshake(link, why, sizeof(why));
  if (!link_send_cipher(link) && link->state == H2WS__LINK_CLOSED) {
    return;
  }
  if (rv < 0) {
    link_failed(link, rv, why);
  } else if (rv == 1) {
    link_open(link);
  }
}

/* Decrypts what arrived; nothing stays behind inside of OpenSSL. */
static void link_read_tls(struct h2ws__link *link, const uint8_t *data,
                          size_t len) {
  char why[WHY_LEN] = "";
  h2ws_ssize n = 0;
  link->cipher_in = data;
  link->cipher_in_len = len;
  if (link->state == H2WS__LINK_EXPECT_TLS) {
    link_handshake(link);
  }
  while (link->state >= H2WS__LINK_OPEN && link->state != H2WS__LINK_CLOSED) {
    n = h2ws__link_tls_read(link, link->loop->plain, H2WS__IO_READ_CAP, why,
                            sizeof(why));
    if (link->cipher_out_len > 0) {
      (void)link_send_cipher(link);
    }
    if (n <= 0 || link->state == H2WS__LINK_CLOSED) {
      break;
    }
    link_give(link, link->loop->plain, (size_t)n);
  }
  if (link->state < H2WS__LINK_OPEN || link->state == H2WS__LINK_CLOSED) {
    return;
  }
  if (n == H2WS_ERR_EOF) {
    link_eof(link, 0);
  } else if (n < 0) {
    h2ws__link_drop(link, H2WS_ERR_TLS, why);
  }
}

/* What recv() said besides bytes; false if reading is over for now. */
static bool link_read_error(struct h2ws__link *link, ssize_t n) {
  if (n == 0 && link->send_error != 0) {
    h2ws__link_drop(link, H2WS_ERR_LOST, strerror(link->send_error));
    return false;
  }
  if (n == 0) {
    link_eof(link, link->ssl != NULL ? H2WS_ERR_LOST : 0);
    return false;
  }
  if (errno == EINTR) {
    return true;
  }
  if (errno != EAGAIN && errno != EWOULDBLOCK) {
    h2ws__link_drop(link, H2WS_ERR_LOST, strerror(errno));
  }
  return false;
}

/* One call of recv(); true if there may be more to read. */
static bool link_read_once(struct h2ws__link *link) {
  ssize_t n = recv(link->fd, link->loop->in, H2WS__IO_READ_CAP, 0);
  if (n <= 0) {
    return link_read_error(link, n);
  }
  if (link->ssl != NULL) {
    link_read_tls(link, link->loop->in, (size_t)n);
  } else {
    link_give(link, link->loop->in, (size_t)n);
  }
  /* Less than asked for: the socket is empty, and will say when it is not. */
  return (size_t)n == H2WS__IO_READ_CAP;
}

/* True if there may be more to read. */
static bool link_read(struct h2ws__link *link) {
  h2ws_time until = h2ws__io_now(NULL) + READ_TIME;
  int i;
  for (i = 0; i < READS_PER_TURN; i++) {
    if (i > 0 && h2ws__io_now(NULL) >= until) {
      break;
    }
    if (link->paused || link->peer_closed || link->state == H2WS__LINK_CLOSED ||
        !link_read_once(link)) {
      return false;
    }
  }
  return true;
}

/* ------------------------------------------------------------------------
 * Events
 */

static void link_established(struct h2ws__link *link) {
  if (link->ssl != NULL) {
    link->state = H2WS__LINK_EXPECT_TLS;
    if (!link->server) {
      link_handshake(link);
    }
  } else {
    link_open(link);
  }
}

static void on_io(evutil_socket_t fd, short what, void *arg) {
  struct h2ws__link *link = arg;
  int send_error = link->send_error;
  (void)fd;
  (void)what;
  if (!link_read(link) && send_error != 0) {
    h2ws__link_drop(link, H2WS_ERR_LOST, strerror(send_error));
  }
  if (link->state == H2WS__LINK_OPEN) {
    link_arm(link);
  }
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
  struct h2ws__link *link = arg;
  (void)fd;
  (void)what;
  link->yielded = false;
  if (link_send_left(link)) {
    h2ws__link_flush(link);
  }
}

static void link_deadline_passed(struct h2ws__link *link) {
  link->deadline = H2WS_NEVER;
  switch ((enum h2ws__link_state)link->state) {
  case H2WS__LINK_EXPECT_TLS:
    link_failed(link, H2WS_ERR_TIMEOUT,
                "the TLS handshake was not finished in time");
    break;
  case H2WS__LINK_OPEN:
  case H2WS__LINK_FLUSHING:
    h2ws__link_drop(link, H2WS_ERR_TIMEOUT, "the peer took no bytes in time");
    break;
  case H2WS__LINK_LINGERING:
    link_gone(link);
    break;
  case H2WS__LINK_CLOSED:
    break;
  }
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
  struct h2ws__link *link = arg;
  (void)fd;
  (void)what;
  link->timer_at = H2WS_NEVER;
  (void)link_read(link); /* what has arrived counts before what is overdue */
  if (link->state != H2WS__LINK_CLOSED &&
      link->deadline <= h2ws__io_now(NULL)) {
    link_deadline_passed(link);
  }
  if (link->state == H2WS__LINK_OPEN) {
    (void)h2ws_conn_tick(link->conn);
  }
  if (link->state != H2WS__LINK_CLOSED) {
    link_arm(link);
  }
}

int h2ws__link_start(struct h2ws__link *link, uint32_t timeout_ms) {
  int on = 1;
  /* Refused for Unix sockets, and harmless. */
  (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  link_set_deadline(link, timeout_ms);
  if (event_add(link->io_event, NULL) != 0) {
    return H2WS_ERR_NOMEM;
  }
  link_established(link);
  return 0;
}
