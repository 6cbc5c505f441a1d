/*
 * bench-floor [--cleartext]: the floor that the library is measured against.
 *
 * An echo server that does what every WebSocket server over HTTP/2 must do
 * and nothing else: nghttp2, frame headers by hand, unmasking eight bytes at
 * a time, epoll, one write for all that a turn brought. It checks nothing
 * and limits nothing. One thread.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/support/bench.h"
#include "bench/support/peer.h"

#define EVENTS 64

static void echo(struct bench_stream *stream, uint8_t opcode,
                 const uint8_t *data, size_t len) {
  uint8_t header[14];
  size_t n = bench_frame_header(header, opcode, len);
  bench_stream_send(stream, header, n, data, len);
}

static int listen_anywhere(void) {
  struct sockaddr_in addr = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof(addr);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, len) != 0 ||
      listen(fd, 128) != 0 ||
      getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
    bench_die("cannot listen");
  }
  printf("listening on 127.0.0.1:%d\n", ntohs(addr.sin_port));
  (void)fflush(stdout);
  return fd;
}

static void accept_one(int epoll, int listener, SSL_CTX *ctx) {
  int on = 1;
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  struct bench_peer *peer;
  struct epoll_event event = {.events = EPOLLIN};
  SSL *ssl = NULL;
  if (fd < 0) {
    return;
  }
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (ctx != NULL) {
    ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
      bench_die("no TLS");
    }
    SSL_set_accept_state(ssl);
  }
  peer = malloc(sizeof(*peer));
  if (peer == NULL) {
    bench_die("no memory");
  }
  bench_peer_init(peer, fd, ssl, /* server = */ true);
  peer->on_message = echo;
  event.data.ptr = peer;
  (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void serve(int epoll, struct bench_peer *peer, uint32_t what) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = peer}};
  bool waited = peer->waits;
  bool alive = true;
  if ((what & ~(uint32_t)EPOLLOUT) != 0) {
    alive = bench_peer_read(peer);
  }
  if (alive && (!waited || (what & EPOLLOUT) != 0)) {
    alive = bench_peer_write(peer);
  }
  if (!alive) {
    bench_peer_dispose(peer);
    free(peer);
  } else if (peer->waits != waited) {
    event.events |= peer->waits ? EPOLLOUT : 0u;
    (void)epoll_ctl(epoll, EPOLL_CTL_MOD, peer->fd, &event);
  }
}

static void turn(int epoll, int listener, SSL_CTX *ctx) {
  struct epoll_event events[EVENTS];
  int n = epoll_wait(epoll, events, EVENTS, -1);
  int i;
  for (i = 0; i < n; i++) {
    if (events[i].data.ptr == NULL) {
      accept_one(epoll, listener, ctx);
    } else {
      serve(epoll, events[i].data.ptr, events[i].events);
    }
  }
}

int main(int argc, char **argv) {
  bool cleartext = argc > 1 && strcmp(argv[1], "--cleartext") == 0;
  SSL_CTX *ctx = cleartext ? NULL : bench_tls_context(/* server = */ true);
  int listener = listen_anywhere();
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = NULL}};
  (void)signal(SIGPIPE, SIG_IGN); /* SSL_write() raises it */
  (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    turn(epoll, listener, ctx);
  }
}
