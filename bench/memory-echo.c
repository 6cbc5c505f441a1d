/*
 * Echo between two core connections in memory: what the library costs
 * without sockets, TLS and system calls. One thread does the work of both
 * sides, so a server alone is about twice as fast. A second is one of CPU
 * time, so that what else runs on the machine disturbs little.
 *
 * A second table has JSON, each message another piece of it, plain and
 * compressed by both sides.
 *
 * usage: bench-memory-echo [SIZE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/support/bench.h"

#define MIB ((size_t)1024 * 1024)
#define BUFFER ((size_t)256 * 1024)
#define SECONDS 0.12
#define ROUNDS 5

struct pair {
  struct bench_mem mem;
  h2ws_conn *client;
  h2ws_conn *server;
  h2ws_socket *socket;
  h2ws_socket_options options; /* of both sides */
  h2ws_type type;
  uint8_t *message; /* MIB bytes */
  size_t at;        /* where the next one begins, */
  size_t step;      /* and how far it moves on */
  size_t size;
  size_t came_back;
  bool stop;
  uint8_t buffer[BUFFER];
};

static struct pair pair;

/* ------------------------------------------------------------------------
 * The two sides
 */

static void echo(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                 size_t len, void *user) {
  (void)user;
  if (h2ws_socket_send(socket, type, data, len) != 0) {
    bench_die("the echo was not taken");
  }
}

static const h2ws_socket_callbacks server_callbacks = {
  .size = sizeof(server_callbacks), .on_message = echo};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  h2ws_socket *socket;
  (void)conn;
  (void)user;
  if (h2ws_socket_accept(stream, &socket, NULL, 0, &pair.options,
                         &server_callbacks, NULL) != 0) {
    bench_die("not accepted");
  }
}

static void send_one(void) {
  if (h2ws_socket_send(pair.socket, pair.type, pair.message + pair.at,
                       pair.size) != 0) {
    bench_die("the message was not taken");
  }
  pair.at += pair.step;
  if (pair.at + pair.size > MIB) {
    pair.at = 0;
  }
}

static void came_back(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                      size_t len, void *user) {
  (void)socket;
  (void)data;
  (void)user;
  if (len != pair.size || type != pair.type) {
    bench_die("another message came back");
  }
  pair.came_back++;
  if (!pair.stop) {
    send_one();
  }
}

static const h2ws_socket_callbacks client_callbacks = {
  .size = sizeof(client_callbacks), .on_message = came_back};

static size_t move(h2ws_conn *from, h2ws_conn *to) {
  h2ws_ssize n = h2ws_conn_send(from, pair.buffer, BUFFER);
  if (n < 0 || (n > 0 && h2ws_conn_recv(to, pair.buffer, (size_t)n) != 0)) {
    bench_die("the connection failed");
  }
  return (size_t)n;
}

static void pump(void) {
  size_t moved = 1;
  while (moved > 0) {
    moved = move(pair.client, pair.server);
    moved += move(pair.server, pair.client);
  }
}

static void pair_open(void) {
  static const h2ws_conn_callbacks callbacks = {.size = sizeof(callbacks),
                                                .on_request = on_request};
  h2ws_conn_options options;
  h2ws_request request = {
    .size = sizeof(request), .authority = "localhost", .path = "/echo"};
  bench_mem_init(&pair.mem);
  h2ws_conn_options_default(&options, sizeof(options));
  options.mem = &pair.mem.mem;
  options.now = bench_now;
  options.random = bench_random;
  if (h2ws_conn_client_new(&pair.client, &options, &callbacks, NULL) != 0 ||
      h2ws_conn_server_new(&pair.server, &options, &callbacks, NULL) != 0 ||
      h2ws_socket_open(pair.client, &pair.socket, &request, &pair.options,
                       &client_callbacks, NULL) != 0) {
    bench_die("no pair of connections");
  }
  pump();
  if (h2ws_socket_get_state(pair.socket) != H2WS_SOCKET_OPEN) {
    bench_die("the socket did not open");
  }
}

static void pair_close(void) {
  h2ws_conn_free(pair.client);
  h2ws_conn_free(pair.server);
}

/* ------------------------------------------------------------------------
 * Measuring
 */

enum payload { BINARY, ASCII, UTF8, PAYLOADS };
static const char *const payload_names[] = {"binary", "text, ASCII",
                                            "text, 1/3 not ASCII"};

struct result {
  double rate; /* messages a second */
  double allocs;
};

static void fill(enum payload payload, size_t size) {
  /* 32 bytes, as the smallest message: all sizes are multiples of it. */
  static const char mixed[] = "gr\xc3\xbc\xc3\x9f, \xe6\x97\xa5, "
                              "\xf0\x9f\x98\x80 and so on: ok ";
  size_t i;
  for (i = 0; i < size; i++) {
    pair.message[i] = payload == BINARY ? (uint8_t)(i * 131 + (i >> 8))
                                        : (uint8_t)(' ' + i % 90);
  }
  for (i = 0; payload == UTF8 && i + sizeof(mixed) - 1 <= size;
       i += sizeof(mixed) - 1) {
    memcpy(pair.message + i, mixed, sizeof(mixed) - 1);
  }
  pair.size = size;
  pair.type = payload == BINARY ? H2WS_BINARY : H2WS_TEXT;
}

/* `in_flight` messages go round and round for a while. */
static struct result run(size_t in_flight, double seconds) {
  struct result result;
  double begun = bench_cpu_seconds();
  double passed = 0;
  size_t allocs = pair.mem.calls;
  size_t i;
  pair.came_back = 0;
  pair.stop = false;
  for (i = 0; i < in_flight; i++) {
    send_one();
  }
  while (passed < seconds) {
    for (i = 0; i < 16; i++) {
      (void)move(pair.client, pair.server);
      (void)move(pair.server, pair.client);
    }
    passed = bench_cpu_seconds() - begun;
  }
  result.rate = (double)pair.came_back / passed;
  result.allocs =
    (double)(pair.mem.calls - allocs) / (double)(pair.came_back + 1);
  pair.stop = true;
  pump();
  return result;
}

static void print_row(size_t size, enum payload payload, double rate,
                      double allocs, double binary) {
  printf("| %7zu | %-19s | %10.0f | %9.1f | %7.3f |", size,
         payload_names[payload], rate, rate * (double)size / 1e6, allocs);
  if (payload == BINARY) {
    printf("           |\n");
  } else {
    printf(" %8.0f%% |\n", 100 * rate / binary);
  }
}

/* All kinds of payload in turn, so that what disturbs one disturbs all. */
static void run_round(size_t size, size_t in_flight,
                      struct result results[PAYLOADS]) {
  int p;
  for (p = 0; p < PAYLOADS; p++) {
    fill((enum payload)p, size);
    results[p] = run(in_flight, SECONDS);
  }
}

static void measure(size_t size, size_t in_flight) {
  struct result results[ROUNDS][PAYLOADS];
  double binary = 0;
  int round;
  int p;
  run_round(size, in_flight, results[0]); /* to warm up */
  for (round = 0; round < ROUNDS; round++) {
    run_round(size, in_flight, results[round]);
  }
  for (p = 0; p < PAYLOADS; p++) {
    double rates[ROUNDS];
    double rate;
    for (round = 0; round < ROUNDS; round++) {
      rates[round] = results[round][p].rate;
    }
    rate = bench_median(rates, ROUNDS);
    binary = p == BINARY ? rate : binary;
    print_row(size, (enum payload)p, rate, results[0][p].allocs, binary);
  }
}

static void plain_table(size_t only) {
  static const struct {
    size_t size;
    size_t in_flight;
  } rows[] = {{32, 32}, {1024, 32}, {(size_t)64 * 1024, 4}, {MIB, 1}};
  size_t i;
  printf("| bytes   | messages            | messages/s |      MB/s | "
         "allocs  | of binary |\n"
         "|--------:|---------------------|-----------:|----------:|"
         "--------:|----------:|\n");
  pair.step = 0;
  h2ws_socket_options_default(&pair.options, sizeof(pair.options));
  pair_open();
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (only == 0 || only == rows[i].size) {
      measure(rows[i].size, rows[i].in_flight);
    }
  }
  pair_close();
}

/* ------------------------------------------------------------------------
 * Compressed
 */

enum mode { PLAIN, ALONE, TAKEOVER, MODES };

/* How many times smaller what the server has sent became. */
static double sent_ratio(void) {
  h2ws_conn_stats stats = {.size = sizeof(stats)};
  (void)h2ws_conn_get_stats(pair.server, &stats);
  return stats.compress_sent_wire == 0 ? 1
                                       : (double)stats.compress_sent_plain /
                                           (double)stats.compress_sent_wire;
}

static void measure_json(size_t size, enum mode mode, double *plain) {
  static const char *const names[] = {"plain", "compressed", "with takeover"};
  double rates[ROUNDS];
  struct result result;
  double rate;
  int round;
  h2ws_socket_options_default(&pair.options, sizeof(pair.options));
  pair.options.compress = mode != PLAIN;
  pair.options.compress_send_takeover = mode == TAKEOVER;
  pair.options.compress_recv_takeover = mode == TAKEOVER;
  pair.type = H2WS_TEXT;
  pair.size = size;
  pair.step = size;
  pair.at = 0;
  pair_open();
  result = run(4, SECONDS); /* to warm up */
  for (round = 0; round < ROUNDS; round++) {
    result = run(4, SECONDS);
    rates[round] = result.rate;
  }
  rate = bench_median(rates, ROUNDS);
  *plain = mode == PLAIN ? rate : *plain;
  printf("| %7zu | %-19s | %10.0f | %9.1f | %7.3f | %8.1f | %7.1f%% |\n", size,
         names[mode], rate, rate * (double)size / 1e6, result.allocs,
         sent_ratio(), 100 * rate / *plain);
  (void)fflush(stdout);
  pair_close();
}

static void json_table(size_t only) {
  static const size_t sizes[] = {1024, (size_t)64 * 1024};
  double plain = 0;
  size_t i;
  int mode;
  printf("\n| bytes   | JSON                | messages/s |      MB/s | "
         "allocs  | smaller  | of plain |\n"
         "|--------:|---------------------|-----------:|----------:|"
         "--------:|---------:|---------:|\n");
  bench_json(pair.message, MIB);
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    for (mode = 0; mode < MODES && (only == 0 || only == sizes[i]); mode++) {
      measure_json(sizes[i], (enum mode)mode, &plain);
    }
  }
}

int main(int argc, char **argv) {
  size_t only = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  pair.message = malloc(MIB);
  if (pair.message == NULL) {
    bench_die("no memory");
  }
  plain_table(only);
  json_table(only);
  free(pair.message);
  return 0;
}
