/*
 * One message to 10,000 sockets on 100 connections, in memory: sent to each,
 * or prepared once and shared; compressed, without context takeover, and not.
 * Only the servers' work is measured, in CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/support/bench.h"

#define CONNS 100
#define SOCKETS 100 /* on each */
#define ALL ((size_t)CONNS * SOCKETS)
#define SIZE 16384
#define ROUNDS 5
#define BUFFER ((size_t)1024 * 1024)

static struct {
  struct bench_mem heap;
  h2ws_mem mem;  /* counts on top of `heap` */
  size_t large;  /* blocks of this size and more, */
  size_t copies; /* allocated so far */
  h2ws_conn *servers[CONNS];
  h2ws_conn *clients[CONNS];
  h2ws_socket *sockets[ALL];
  size_t opened;
  size_t received;
  h2ws_socket_options options;
  uint8_t message[SIZE];
  uint8_t buffer[BUFFER];
} world;

/* ------------------------------------------------------------------------
 * Memory: a copy of the message needs a block of its size
 */

static void *counting_alloc(size_t size, void *user) {
  (void)user;
  world.copies += size >= world.large;
  return world.heap.mem.alloc(size, world.heap.mem.user);
}

static void *counting_resize(void *ptr, size_t size, void *user) {
  (void)user;
  world.copies += size >= world.large;
  return world.heap.mem.resize(ptr, size, world.heap.mem.user);
}

static void counting_release(void *ptr, void *user) {
  (void)user;
  world.heap.mem.release(ptr, world.heap.mem.user);
}

/* ------------------------------------------------------------------------
 * Connections
 */

static const h2ws_socket_callbacks server_callbacks = {
  .size = sizeof(server_callbacks)};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  (void)conn;
  (void)user;
  if (h2ws_socket_accept(stream, &world.sockets[world.opened++], NULL, 0,
                         &world.options, &server_callbacks, NULL) != 0) {
    bench_die("not accepted");
  }
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  (void)socket;
  (void)type;
  (void)user;
  if (len != SIZE || memcmp(data, world.message, SIZE) != 0) {
    bench_die("another message came");
  }
  world.received++;
}

static const h2ws_socket_callbacks client_callbacks = {
  .size = sizeof(client_callbacks), .on_message = on_message};

/* What `from` has to send; returns how much, and adds the time it took. */
static size_t move(h2ws_conn *from, h2ws_conn *to, double *seconds) {
  double begun = bench_cpu_seconds();
  h2ws_ssize n = h2ws_conn_send(from, world.buffer, BUFFER);
  if (seconds != NULL) {
    *seconds += bench_cpu_seconds() - begun;
  }
  if (n < 0 || (n > 0 && h2ws_conn_recv(to, world.buffer, (size_t)n) != 0)) {
    bench_die("a connection failed");
  }
  while (h2ws_conn_deadline(to) <= bench_now(NULL)) {
    (void)h2ws_conn_tick(to); /* inflating takes turns */
  }
  return (size_t)n;
}

/* All that is queued anywhere; returns the servers' bytes. */
static size_t pump(double *seconds) {
  size_t bytes = 0;
  int i;
  for (i = 0; i < CONNS; i++) {
    size_t moved = 1;
    while (moved > 0) {
      size_t n = move(world.servers[i], world.clients[i], seconds);
      bytes += n;
      moved = n + move(world.clients[i], world.servers[i], NULL);
    }
  }
  return bytes;
}

static void open_sockets(h2ws_conn *client) {
  h2ws_request request = {
    .size = sizeof(request), .authority = "localhost", .path = "/"};
  h2ws_socket *socket;
  int i;
  for (i = 0; i < SOCKETS; i++) {
    if (h2ws_socket_open(client, &socket, &request, &world.options,
                         &client_callbacks, NULL) != 0) {
      bench_die("no socket");
    }
  }
}

static void world_open(bool compress) {
  static const h2ws_conn_callbacks callbacks = {.size = sizeof(callbacks),
                                                .on_request = on_request};
  h2ws_conn_options options;
  int i;
  world.opened = 0;
  h2ws_socket_options_default(&world.options, sizeof(world.options));
  world.options.compress = compress;
  bench_mem_init(&world.heap);
  world.mem.alloc = counting_alloc;
  world.mem.resize = counting_resize;
  world.mem.release = counting_release;
  h2ws_conn_options_default(&options, sizeof(options));
  options.now = bench_now;
  options.random = bench_random;
  for (i = 0; i < CONNS; i++) {
    options.mem = NULL;
    if (h2ws_conn_client_new(&world.clients[i], &options, &callbacks, NULL) !=
        0) {
      bench_die("no client");
    }
    options.mem = &world.mem;
    if (h2ws_conn_server_new(&world.servers[i], &options, &callbacks, NULL) !=
        0) {
      bench_die("no server");
    }
    open_sockets(world.clients[i]);
  }
  (void)pump(NULL);
  if (world.opened != ALL) {
    bench_die("not all sockets opened");
  }
}

static void world_close(void) {
  int i;
  for (i = 0; i < CONNS; i++) {
    h2ws_conn_free(world.clients[i]);
    h2ws_conn_free(world.servers[i]);
  }
}

/* ------------------------------------------------------------------------
 * Measuring
 */

static void send_to_each(void) {
  size_t i;
  for (i = 0; i < ALL; i++) {
    if (h2ws_socket_send(world.sockets[i], H2WS_TEXT, world.message, SIZE) !=
        0) {
      bench_die("the message was not taken");
    }
  }
}

static void send_shared(void) {
  h2ws_message *message;
  if (h2ws_message_new(&message, &world.mem, H2WS_TEXT, world.message, SIZE) !=
        0 ||
      h2ws_socket_broadcast(message, world.sockets, ALL, NULL) != ALL) {
    bench_die("the message was not taken");
  }
  h2ws_message_release(message);
}

struct result {
  double queue; /* nanoseconds for each socket, until it is queued */
  double send;  /* and until it is in a buffer of the transport */
  double heap;  /* bytes for each socket, while it is queued */
  double wire;  /* bytes for each socket */
  size_t copies;
};

static struct result measure(bool shared) {
  struct result result;
  size_t heap = world.heap.bytes;
  double seconds = 0;
  double begun = bench_cpu_seconds();
  size_t bytes;
  world.received = 0;
  world.copies = 0;
  if (shared) {
    send_shared();
  } else {
    send_to_each();
  }
  result.queue = (bench_cpu_seconds() - begun) * 1e9 / (double)ALL;
  result.heap = ((double)world.heap.bytes - (double)heap) / (double)ALL;
  result.copies = world.copies;
  bytes = pump(&seconds);
  result.send = seconds * 1e9 / (double)ALL;
  result.wire = (double)bytes / (double)ALL;
  if (world.received != ALL) {
    bench_die("not everybody got the message");
  }
  return result;
}

static void print_row(const char *what, bool shared) {
  struct result result;
  double queue[ROUNDS];
  double send[ROUNDS];
  int i;
  world.large = SIZE_MAX;
  result = measure(shared); /* to warm up */
  world.large = (size_t)result.wire < SIZE ? (size_t)result.wire : SIZE;
  for (i = 0; i < ROUNDS; i++) {
    result = measure(shared);
    queue[i] = result.queue;
    send[i] = result.send;
  }
  printf("| %-28s | %9.0f | %9.0f | %10.0f | %6zu | %9.0f |\n", what,
         bench_median(queue, ROUNDS), bench_median(send, ROUNDS), result.heap,
         result.copies, result.wire);
  (void)fflush(stdout);
}

int main(void) {
  bench_json(world.message, SIZE);
  printf("| 16 KiB of JSON to 10,000     | ns, queue | ns, send  | heap, each |"
         " copies | wire      |\n"
         "|------------------------------|----------:|----------:|-----------:|"
         "-------:|----------:|\n");
  world_open(/* compress = */ false);
  print_row("sent to each", false);
  print_row("shared", true);
  world_close();
  world_open(/* compress = */ true);
  print_row("sent to each, compressed", false);
  print_row("shared, compressed", true);
  world_close();
  return 0;
}
