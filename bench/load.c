/*
 * bench-load: drives the floor and "h2ws serve" with the same loads, turn
 * by turn in the same run, and prints how much of the floor is reached. The
 * column CPU: what the server computed for a message, floor = 1.
 *
 * usage: bench-load [ROUNDS [SECONDS [LOAD]]]
 * LOAD: only this line of the table, from 1 on.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/support/bench.h"
#include "bench/support/peer.h"

#define ROUNDS_MAX 100
#define CONNS_MAX 16

struct load {
  const char *name;
  int conns;
  int streams; /* on each connection */
  int depth;   /* messages in flight on each stream */
  size_t size;
};

static const struct load loads[] = {
  {"10 connections x 20 streams x 1, 32 B", 10, 20, 1, 32},
  {"4 connections x 20 streams x 20, 32 B", 4, 20, 20, 32},
  {"1 connection x 10 streams x 10, 1 KiB", 1, 10, 10, 1024},
  {"1 connection x 1 stream x 1, 64 KiB", 1, 1, 1, (size_t)64 * 1024},
  {"1 connection x 1 stream x 1, 1 MiB", 1, 1, 1, (size_t)1024 * 1024},
};
#define LOADS (sizeof(loads) / sizeof(loads[0]))

static struct {
  const struct load *load;
  struct bench_peer peers[CONNS_MAX];
  uint8_t *frame; /* masked: the same one each time */
  size_t frame_len;
  size_t opened;
  uint64_t came_back;
} run;

/* ------------------------------------------------------------------------
 * Connections and streams
 */

static void send_one(struct bench_stream *stream) {
  bench_stream_send(stream, run.frame, run.frame_len, NULL, 0);
}

static void on_message(struct bench_stream *stream, uint8_t opcode,
                       const uint8_t *data, size_t len) {
  (void)opcode;
  (void)data;
  if (len != run.load->size) {
    bench_die("another message came back");
  }
  run.came_back++;
  send_one(stream);
}

static void on_open(struct bench_stream *stream) {
  int i;
  run.opened++;
  for (i = 0; i < run.load->depth; i++) {
    send_one(stream);
  }
}

static void on_ready(struct bench_peer *peer) {
  int i;
  for (i = 0; i < run.load->streams; i++) {
    bench_peer_open(peer);
  }
}

static void make_frame(size_t size) {
  static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
  size_t n;
  free(run.frame);
  run.frame = malloc(14 + size);
  if (run.frame == NULL) {
    bench_die("no memory");
  }
  n = bench_frame_header(run.frame, /* binary */ 2, size);
  run.frame[1] |= 0x80;
  memcpy(run.frame + n, key, sizeof(key));
  n += sizeof(key);
  memset(run.frame + n, 'x', size);
  bench_mask(run.frame + n, size, key, 0);
  run.frame_len = n + size;
}

static int connect_to(int port) {
  struct sockaddr_in addr = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)},
                             .sin_port = htons((uint16_t)port)};
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 ||
      connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
    bench_die("cannot connect");
  }
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

static SSL *tls_on(int fd, SSL_CTX *ctx) {
  SSL *ssl = SSL_new(ctx);
  if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) {
    bench_die("no TLS");
  }
  return ssl;
}

static void set_nonblocking(int fd) {
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
    bench_die("not nonblocking");
  }
}

static void open_all(int epoll, int port, SSL_CTX *ctx) {
  int i;
  for (i = 0; i < run.load->conns; i++) {
    struct bench_peer *peer = &run.peers[i];
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = peer}};
    int fd = connect_to(port);
    SSL *ssl = ctx == NULL ? NULL : tls_on(fd, ctx);
    set_nonblocking(fd);
    bench_peer_init(peer, fd, ssl, /* server = */ false);
    peer->on_message = on_message;
    peer->on_open = on_open;
    peer->on_ready = on_ready;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    (void)bench_peer_write(peer);
  }
}

/* ------------------------------------------------------------------------
 * One measurement
 */

static void handle(int epoll, struct bench_peer *peer, uint32_t what) {
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
    bench_die("the server ended a connection");
  }
  if (peer->waits != waited) {
    event.events |= peer->waits ? EPOLLOUT : 0u;
    (void)epoll_ctl(epoll, EPOLL_CTL_MOD, peer->fd, &event);
  }
}

static void turn(int epoll) {
  struct epoll_event events[CONNS_MAX];
  int n = epoll_wait(epoll, events, CONNS_MAX, 1000);
  int i;
  if (n == 0) {
    bench_die("the server fell silent");
  }
  for (i = 0; i < n; i++) {
    handle(epoll, events[i].data.ptr, events[i].events);
  }
}

static void turns(int epoll, double seconds) {
  double end = bench_seconds() + seconds;
  while (bench_seconds() < end) {
    turn(epoll);
  }
}

struct result {
  double rate; /* messages a second */
  double cpu;  /* nanoseconds that the server computed for each */
};

static struct result measure(const struct load *load,
                             const struct bench_child *server, SSL_CTX *ctx,
                             double seconds) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct result result;
  double begun;
  double cpu;
  double messages;
  uint64_t before;
  int i;
  run.load = load;
  run.opened = 0;
  run.came_back = 0;
  make_frame(load->size);
  open_all(epoll, server->port, ctx);
  while (run.opened < (size_t)load->conns * (size_t)load->streams) {
    turn(epoll);
  }
  turns(epoll, seconds / 4); /* to warm up */
  before = run.came_back;
  begun = bench_seconds();
  cpu = bench_child_cpu(server);
  turns(epoll, seconds);
  messages = (double)(run.came_back - before);
  result.rate = messages / (bench_seconds() - begun);
  result.cpu = (bench_child_cpu(server) - cpu) * 1e9 / messages;
  for (i = 0; i < load->conns; i++) {
    bench_peer_dispose(&run.peers[i]);
  }
  (void)close(epoll);
  return result;
}

/* ------------------------------------------------------------------------
 * The table
 */

struct settings {
  char folder[4096]; /* of the programs */
  int rounds;
  double seconds;
  size_t only; /* 0: all loads */
};

static void print_rate(double rate, size_t size) {
  if (size >= (size_t)64 * 1024) {
    printf(" %8.0f MB/s |", rate * (double)size / 1e6);
  } else {
    printf(" %7.0f k msg/s |", rate / 1e3);
  }
}

static void compare(const struct load *load, const struct bench_child *floor,
                    const struct bench_child *ours, SSL_CTX *ctx,
                    const struct settings *settings) {
  int rounds = settings->rounds;
  double floors[ROUNDS_MAX];
  double rates[ROUNDS_MAX];
  double ratios[ROUNDS_MAX];
  double cpus[ROUNDS_MAX];
  int i;
  for (i = 0; i < rounds; i++) {
    struct result low = measure(load, floor, ctx, settings->seconds);
    struct result mine = measure(load, ours, ctx, settings->seconds);
    floors[i] = low.rate;
    rates[i] = mine.rate;
    ratios[i] = mine.rate / low.rate;
    cpus[i] = mine.cpu / low.cpu;
  }
  printf("| %-38s | %-9s |", load->name, ctx == NULL ? "cleartext" : "TLS");
  print_rate(bench_median(floors, (size_t)rounds), load->size);
  print_rate(bench_median(rates, (size_t)rounds), load->size);
  printf(" %7.0f%% | %5.2f |\n", 100 * bench_median(ratios, (size_t)rounds),
         bench_median(cpus, (size_t)rounds));
  (void)fflush(stdout);
}

static void table(const struct settings *settings, bool tls) {
  char floor_path[4200];
  char tool_path[4200];
  char cleartext[] = "--cleartext";
  char serve[] = "serve";
  char listen[] = "--listen";
  char where[] = "127.0.0.1:0";
  char *floor_argv[] = {floor_path, tls ? NULL : cleartext, NULL};
  char *tool_argv[] = {tool_path, serve, listen, where, tls ? NULL : cleartext,
                       NULL};
  struct bench_child floor;
  struct bench_child ours;
  SSL_CTX *ctx = tls ? bench_tls_context(/* server = */ false) : NULL;
  size_t i;
  (void)snprintf(floor_path, sizeof(floor_path), "%s/bench-floor",
                 settings->folder);
  (void)snprintf(tool_path, sizeof(tool_path), "%s/h2ws", settings->folder);
  bench_child_serve(&floor, floor_argv);
  bench_child_serve(&ours, tool_argv);
  for (i = 0; i < LOADS; i++) {
    if (settings->only == 0 || settings->only == i + 1) {
      compare(&loads[i], &floor, &ours, ctx, settings);
    }
  }
  bench_child_stop(&floor);
  bench_child_stop(&ours);
  SSL_CTX_free(ctx);
}

int main(int argc, char **argv) {
  static struct settings settings;
  settings.rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5;
  settings.seconds = argc > 2 ? strtod(argv[2], NULL) : 0.4;
  settings.only = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
  if (settings.rounds < 1 || settings.rounds > ROUNDS_MAX ||
      settings.seconds <= 0 || settings.only > LOADS) {
    bench_die("usage: bench-load [ROUNDS [SECONDS [LOAD]]]");
  }
  bench_folder(settings.folder, sizeof(settings.folder));
  printf("| load                                   | transport | "
         "the floor       | h2ws            | of floor | CPU   |\n"
         "|----------------------------------------|-----------|"
         "----------------:|----------------:|---------:|------:|\n");
  table(&settings, /* tls = */ false);
  table(&settings, /* tls = */ true);
  free(run.frame);
  return 0;
}
