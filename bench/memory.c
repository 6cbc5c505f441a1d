/*
 * What connections and sockets cost while they do nothing, and what a
 * message of 1 GiB costs while it streams, on the server's side. The clients
 * are in a process of their own, so each block counted here is the server's.
 */
#include <event2/event.h>
#include <h2ws/h2ws.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/bench.h"

#define CONNS 100
/* Spare memory goes back after a second of silence. */
#define SILENCE_MS 1500
#define STREAMED ((uint64_t)1 << 30)
#define PIECE ((size_t)64 * 1024)

/* ------------------------------------------------------------------------
 * Counting: all of malloc(), and of that the core's and OpenSSL's share
 */

static size_t heap_now;
static size_t heap_peak;
static size_t openssl_now;

static size_t block_size(void *ptr) {
  return ptr == NULL ? 0 : malloc_usable_size(ptr) + sizeof(size_t);
}

static void *counted(void *ptr) {
  heap_now += block_size(ptr);
  if (heap_now > heap_peak) {
    heap_peak = heap_now;
  }
  return ptr;
}

/* glibc's own, for those who replace malloc() and its kin. */
/* NOLINTBEGIN(readability-identifier-naming): the names are glibc's */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void __libc_free(void *ptr);
/* NOLINTEND(readability-identifier-naming) */

void *malloc(size_t size) {
  return counted(__libc_malloc(size));
}

void *calloc(size_t nmemb, size_t size) {
  return counted(__libc_calloc(nmemb, size));
}

void *realloc(void *ptr, size_t size) {
  size_t before = block_size(ptr);
  void *moved = __libc_realloc(ptr, size);
  if (moved != NULL || size == 0) {
    heap_now -= before;
  }
  return counted(moved);
}

void free(void *ptr) {
  heap_now -= block_size(ptr);
  __libc_free(ptr);
}

static void *openssl_alloc(size_t size, const char *file, int line) {
  void *ptr = malloc(size);
  (void)file;
  (void)line;
  openssl_now += block_size(ptr);
  return ptr;
}

static void *openssl_resize(void *ptr, size_t size, const char *file,
                            int line) {
  size_t before = block_size(ptr);
  void *moved = realloc(ptr, size);
  (void)file;
  (void)line;
  if (moved != NULL) {
    openssl_now += block_size(moved) - before;
  }
  return moved;
}

static void openssl_release(void *ptr, const char *file, int line) {
  (void)file;
  (void)line;
  openssl_now -= block_size(ptr);
  free(ptr);
}

/* ------------------------------------------------------------------------
 * The server
 */

static struct {
  struct bench_mem core;
  h2ws_loop *loop;
  h2ws_server *server;
  unsigned conns;
  unsigned messages;
  uint64_t streamed;
  uint64_t to_send;
  bool done;
} state;

static uint8_t piece[PIECE];
static uint8_t text[4096];

static void echo(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                 size_t len, void *user) {
  (void)user;
  (void)h2ws_socket_send(socket, type, data, len);
  state.messages++;
}

static void take(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                 size_t len, unsigned flags, void *user) {
  (void)socket;
  (void)type;
  (void)data;
  (void)user;
  state.streamed += len;
  state.done = (flags & H2WS_CHUNK_LAST) != 0;
}

static void give(h2ws_socket *socket, void *user) {
  (void)user;
  while (state.to_send > 0 &&
         h2ws_socket_send_piece(socket, piece, sizeof(piece)) == 0) {
    state.to_send -= sizeof(piece);
  }
  if (state.to_send == 0) {
    (void)h2ws_socket_send_end(socket);
  }
}

static const h2ws_socket_callbacks echoing = {.size = sizeof(echoing),
                                              .on_message = echo};
static const h2ws_socket_callbacks taking = {.size = sizeof(taking),
                                             .on_chunk = take};
static const h2ws_socket_callbacks giving = {.size = sizeof(giving),
                                             .on_writable = give};

static void begin_giving(h2ws_socket *socket) {
  state.to_send = STREAMED;
  (void)h2ws_socket_send_begin(socket, H2WS_BINARY);
  give(socket, NULL);
}

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  const char *path = h2ws_stream_path(stream);
  bool gives = strcmp(path, "/give") == 0;
  const h2ws_socket_callbacks *callbacks = gives ? &giving
                                           : strcmp(path, "/take") == 0
                                             ? &taking
                                             : &echoing;
  h2ws_socket_options options;
  h2ws_socket *socket;
  (void)conn;
  (void)user;
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = 0;
  options.max_fragments = 0;
  options.compress = strcmp(path, "/pack") == 0;
  if (h2ws_socket_accept(stream, &socket, NULL, 0, &options, callbacks, NULL) !=
      0) {
    bench_die("not accepted");
  }
  if (gives) {
    begin_giving(socket);
  }
}

static void on_conn(h2ws_conn *conn, void *user) {
  (void)conn;
  (void)user;
  state.conns++;
}

static void on_conn_close(h2ws_conn *conn, const h2ws_close_info *info,
                          void *user) {
  (void)conn;
  (void)info;
  (void)user;
  state.conns--;
}

static const h2ws_server_callbacks server_callbacks = {
  .size = sizeof(server_callbacks),
  .on_request = on_request,
  .on_conn = on_conn,
  .on_conn_close = on_conn_close,
};

static int server_start(bool tls) {
  h2ws_server_options options;
  char why[256];
  h2ws_server_options_default(&options, sizeof(options));
  options.listen = "127.0.0.1:0";
  options.cleartext = !tls;
  bench_mem_init(&state.core);
  options.conn.mem = &state.core.mem;
  if (h2ws_loop_new(&state.loop, NULL) != 0 ||
      h2ws_server_start(&state.server, state.loop, &options, &server_callbacks,
                        NULL, why, sizeof(why)) != 0) {
    bench_die("no server");
  }
  return (int)strtol(strrchr(h2ws_server_address(state.server), ':') + 1, NULL,
                     10);
}

static void server_end(void) {
  h2ws_server_free(state.server);
  h2ws_loop_free(state.loop);
}

static void turn(void) {
  (void)event_base_loop(h2ws_loop_base(state.loop), EVLOOP_ONCE);
}

static void wake(evutil_socket_t fd, short what, void *arg) {
  bool *over = arg;
  (void)fd;
  (void)what;
  *over = true;
}

static void turns_for(long ms) {
  bool over = false;
  struct timeval tv = {ms / 1000, ms % 1000 * 1000};
  (void)event_base_once(h2ws_loop_base(state.loop), -1, EV_TIMEOUT, wake, &over,
                        &tv);
  while (!over) {
    turn();
  }
}

/* ------------------------------------------------------------------------
 * The clients, in the other process: bench-memory URL CONNS SOCKETS
 */

static struct {
  h2ws_loop *loop;
  const char *url;
  unsigned sockets;
  bool sends;      /* the long message */
  bool compresses; /* a message that is worth it */
  uint64_t to_send;
} client;

static void client_opened(h2ws_socket *socket, void *user) {
  (void)user;
  if (client.sends) {
    begin_giving(socket);
  } else if (client.compresses) {
    (void)h2ws_socket_send(socket, H2WS_TEXT, text, sizeof(text));
  } else {
    (void)h2ws_socket_send(socket, H2WS_TEXT, "hello", 5);
  }
}

static void client_took(h2ws_socket *socket, h2ws_type type,
                        const uint8_t *data, size_t len, unsigned flags,
                        void *user) {
  (void)type;
  (void)data;
  (void)len;
  (void)user;
  if (strstr(client.url, "/give") != NULL && (flags & H2WS_CHUNK_LAST) != 0) {
    (void)h2ws_socket_close(socket, 1000, NULL, 0);
    exit(0);
  }
}

static const h2ws_socket_callbacks client_socket = {
  .size = sizeof(client_socket),
  .on_open = client_opened,
  .on_chunk = client_took,
  .on_writable = give,
};

static void client_connected(h2ws_client *one, h2ws_conn *conn, void *user) {
  h2ws_socket_options options;
  unsigned i;
  (void)conn;
  (void)user;
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = 0;
  options.max_fragments = 0;
  options.compress = client.compresses;
  for (i = 0; i < client.sockets; i++) {
    h2ws_socket *socket;
    if (h2ws_client_open_socket(one, &socket, NULL, 0, &options, &client_socket,
                                NULL) != 0) {
      bench_die("no socket");
    }
  }
}

static void client_closed(h2ws_client *one, const h2ws_close_info *info,
                          void *user) {
  (void)one;
  (void)user;
  bench_die(info->detail);
}

static int client_main(char **argv) {
  static const h2ws_client_callbacks callbacks = {
    .size = sizeof(callbacks),
    .on_connect = client_connected,
    .on_close = client_closed,
  };
  h2ws_client_options options;
  unsigned conns = (unsigned)strtoul(argv[2], NULL, 10);
  client.url = argv[1];
  client.sockets = (unsigned)strtoul(argv[3], NULL, 10);
  client.sends = strstr(client.url, "/take") != NULL;
  client.compresses = strstr(client.url, "/pack") != NULL;
  bench_json(text, sizeof(text));
  h2ws_client_options_default(&options, sizeof(options));
  options.insecure = true;
  if (h2ws_loop_new(&client.loop, NULL) != 0) {
    bench_die("no loop");
  }
  while (conns-- > 0) {
    h2ws_client *one;
    if (h2ws_client_connect(&one, client.loop, client.url, &options, &callbacks,
                            NULL) != 0) {
      bench_die("no client");
    }
  }
  return h2ws_loop_run(client.loop) == 0 ? 0 : 1;
}

static void clients_start(struct bench_child *child, const char *path,
                          const int numbers[2], int port, bool tls) {
  char folder[4096];
  char program[4200];
  char url[64];
  char conns[16];
  char sockets[16];
  char *argv[] = {program, url, conns, sockets, NULL};
  bench_folder(folder, sizeof(folder));
  (void)snprintf(program, sizeof(program), "%s/bench-memory", folder);
  (void)snprintf(url, sizeof(url), "%s://127.0.0.1:%d%s", tls ? "wss" : "ws",
                 port, path);
  (void)snprintf(conns, sizeof(conns), "%d", numbers[0]);
  (void)snprintf(sockets, sizeof(sockets), "%d", numbers[1]);
  bench_child_start(child, argv);
}

/* ------------------------------------------------------------------------
 * Idle
 */

struct cost {
  double core;
  double openssl;
  double heap;
  double rss;
};

static void measure_idle(struct cost *cost, const char *path, bool tls,
                         unsigned sockets) {
  int numbers[2] = {CONNS, (int)sockets};
  struct bench_child child;
  int port = server_start(tls);
  size_t heap;
  size_t openssl;
  size_t rss;
  /* One comes and stays, for what is allocated once. */
  struct bench_child first;
  int one[2] = {1, 1};
  state.conns = 0;
  state.messages = 0;
  clients_start(&first, path, one, port, tls);
  while (state.messages < 1) {
    turn();
  }
  turns_for(SILENCE_MS);
  heap = heap_now;
  openssl = openssl_now;
  rss = bench_rss();
  cost->core = -(double)state.core.bytes;
  clients_start(&child, path, numbers, port, tls);
  while (state.conns < CONNS + 1 || state.messages < CONNS * sockets + 1) {
    turn();
  }
  turns_for(SILENCE_MS);
  cost->core += (double)state.core.bytes;
  cost->openssl = (double)openssl_now - (double)openssl;
  cost->heap = (double)heap_now - (double)heap;
  cost->rss = (double)bench_rss() - (double)rss;
  bench_child_stop(&child);
  bench_child_stop(&first);
  server_end();
}

/*
 * What 100 connections with `sockets` each cost, together. In a process of
 * its own: in one that has freed memory before, nothing would be resident
 * anew.
 */
static struct cost idle(const char *path, bool tls, unsigned sockets) {
  struct cost *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct cost cost;
  int status = 0;
  pid_t pid;
  if (shared == MAP_FAILED) {
    bench_die("no memory");
  }
  pid = fork();
  if (pid == 0) {
    measure_idle(shared, path, tls, sockets);
    _exit(0);
  }
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    bench_die("the measuring process failed");
  }
  cost = *shared;
  (void)munmap(shared, sizeof(*shared));
  return cost;
}

static void print_idle(const char *what, double n, const struct cost *cost) {
  printf("| %-46s | %7.0f | %7.0f | %7.0f | %7.0f |\n", what, cost->heap / n,
         cost->core / n, cost->openssl / n, cost->rss / n);
  (void)fflush(stdout);
}

static void idle_table(void) {
  struct cost none;
  struct cost cost;
  printf("| bytes on the server for each idle              |    heap | "
         "of core | OpenSSL |     RSS |\n"
         "|------------------------------------------------|--------:|"
         "--------:|--------:|--------:|\n");
  none = idle("/echo", false, 0);
  print_idle("connection, cleartext", CONNS, &none);
  cost = idle("/echo", false, 1);
  print_idle("connection with one WebSocket, cleartext", CONNS, &cost);
  cost.heap -= none.heap;
  cost.core -= none.core;
  cost.rss -= none.rss;
  print_idle("WebSocket, 1 on a connection", CONNS, &cost);
  cost = idle("/echo", false, 100);
  cost.heap -= none.heap;
  cost.core -= none.core;
  cost.rss -= none.rss;
  print_idle("WebSocket, 100 on a connection", CONNS * 100.0, &cost);
  cost = idle("/pack", false, 100);
  cost.heap -= none.heap;
  cost.core -= none.core;
  cost.rss -= none.rss;
  print_idle("the same, compression agreed on", CONNS * 100.0, &cost);
  cost = idle("/echo", true, 0);
  print_idle("connection, TLS", CONNS, &cost);
  cost = idle("/echo", true, 1);
  print_idle("connection with one WebSocket, TLS", CONNS, &cost);
}

/* ------------------------------------------------------------------------
 * Streaming
 */

static void stream_row(const char *path, bool tls) {
  int one[2] = {1, 1};
  struct bench_child child;
  int port = server_start(tls);
  double begun;
  size_t heap;
  size_t rss;
  state.conns = 0;
  state.streamed = 0;
  state.to_send = 0;
  state.done = false;
  clients_start(&child, path, one, port, tls);
  while (state.conns == 0) {
    turn();
  }
  begun = bench_seconds();
  heap = heap_now;
  heap_peak = heap_now;
  rss = bench_rss();
  bench_rss_peak_reset();
  /* Over when the last chunk came, or the client left content. */
  while (!state.done && state.conns > 0) {
    turn();
  }
  printf("| %-8s | %-9s | %6.0f | %14zu | %13zu |\n",
         strcmp(path, "/take") == 0 ? "received" : "sent",
         tls ? "TLS" : "cleartext",
         (double)STREAMED / 1e6 / (bench_seconds() - begun), heap_peak - heap,
         bench_rss_peak() - rss);
  (void)fflush(stdout);
  bench_child_stop(&child);
  server_end();
}

static void stream_table(void) {
  printf(
    "\n| 1 GiB is | transport |   MB/s | peak over idle | RSS over idle "
    "|\n"
    "|----------|-----------|-------:|---------------:|--------------:|\n");
  stream_row("/take", false);
  stream_row("/give", false);
  stream_row("/take", true);
  stream_row("/give", true);
}

int main(int argc, char **argv) {
  if (argc == 4) {
    return client_main(argv);
  }
  if (CRYPTO_set_mem_functions(openssl_alloc, openssl_resize,
                               openssl_release) != 1) {
    bench_die("OpenSSL's memory cannot be counted");
  }
  idle_table();
  stream_table();
  return 0;
}
