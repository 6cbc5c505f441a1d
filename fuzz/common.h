/*
 * What the fuzz targets share: a core connection under a clock and an
 * allocator of their own, an application that answers everything, and the
 * invariants: each object is closed once, all memory comes back, and a peer
 * cannot make us hold more than a bound.
 */
#ifndef H2WS_FUZZ_COMMON_H
#define H2WS_FUZZ_COMMON_H

#include <h2ws/core.h>
#include <stdlib.h>
#include <string.h>

/* More than one connection may hold with the limits set below. */
#define FUZZ_MEMORY_MAX ((size_t)8 << 20)
#define FUZZ_MESSAGE_MAX 65536
#define FUZZ_STREAMS 8

struct fuzz {
  h2ws_time now;
  size_t held;
  int handed_out; /* sockets and the connection */
  int closed;
  uint8_t key;
  h2ws_mem mem;
  h2ws_conn *conn;
};

static void fuzz_check(int ok) {
  if (!ok) {
    abort();
  }
}

/* The size of a block is kept in front of it. */
static void *fuzz_alloc(size_t size, void *user) {
  struct fuzz *f = user;
  size_t *block = malloc(size + 16);
  if (block == NULL) {
    return NULL;
  }
  *block = size;
  f->held += size;
  fuzz_check(f->held <= FUZZ_MEMORY_MAX);
  return (uint8_t *)block + 16;
}

static void fuzz_release(void *ptr, void *user) {
  struct fuzz *f = user;
  if (ptr != NULL) {
    size_t *block = (size_t *)(void *)((uint8_t *)ptr - 16);
    f->held -= *block;
    free(block);
  }
}

static void *fuzz_resize(void *ptr, size_t size, void *user) {
  void *grown = fuzz_alloc(size, user);
  if (grown != NULL && ptr != NULL) {
    size_t old = *(size_t *)(void *)((uint8_t *)ptr - 16);
    memcpy(grown, ptr, old < size ? old : size);
    fuzz_release(ptr, user);
  }
  return grown;
}

static h2ws_time fuzz_now(void *user) {
  const struct fuzz *f = user;
  return f->now;
}

static int fuzz_random(uint8_t *buf, size_t len, void *user) {
  struct fuzz *f = user;
  size_t i;
  for (i = 0; i < len; i++) {
    f->key = (uint8_t)(f->key * 5 + 1);
    buf[i] = f->key;
  }
  return 0;
}

/* ------------------------------------------------------------------------
 * The application
 */

static void fuzz_message(h2ws_socket *socket, h2ws_type type,
                         const uint8_t *data, size_t len, void *user) {
  (void)user;
  fuzz_check(len <= FUZZ_MESSAGE_MAX);
  fuzz_check(len == 0 || data[0] + data[len - 1] >= 0); /* readable */
  switch (len % 8) {
  case 5:
    (void)h2ws_socket_pause(socket);
    (void)h2ws_socket_resume(socket);
    break;
  case 6:
    (void)h2ws_socket_close(socket, 1000, "six", 3);
    break;
  case 7:
    (void)h2ws_socket_abort(socket);
    break;
  default:
    (void)h2ws_socket_send(socket, type, data, len);
    break;
  }
}

static void fuzz_closed(h2ws_socket *socket, const h2ws_close_info *info,
                        void *user) {
  struct fuzz *f = user;
  (void)socket;
  fuzz_check(info->detail != NULL && info->reason != NULL);
  f->closed++;
}

static const h2ws_socket_callbacks fuzz_socket = {
  .size = sizeof(fuzz_socket),
  .on_message = fuzz_message,
  .on_close = fuzz_closed,
};

/* Nothing in a request may split what is made of it. */
static void fuzz_check_request(const h2ws_stream *stream) {
  size_t len = 0;
  const h2ws_header *fields = h2ws_stream_headers(stream, &len);
  const char *path = h2ws_stream_path(stream);
  size_t i;
  fuzz_check(h2ws_stream_method(stream) != NULL);
  fuzz_check(path == NULL || strpbrk(path, " \r\n#") == NULL);
  for (i = 0; i < len; i++) {
    fuzz_check(fields[i].name[0] != '\0');
    fuzz_check(strpbrk(fields[i].name, " \t\r\n:ABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
               NULL);
    fuzz_check(strpbrk(fields[i].value, "\r\n") == NULL);
  }
}

static void fuzz_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct fuzz *f = user;
  h2ws_socket *socket = NULL;
  h2ws_socket_options options;
  (void)conn;
  fuzz_check_request(stream);
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = FUZZ_MESSAGE_MAX;
  options.protocols = "chat";
  options.compress = true;
  options.compress_recv_takeover = true;
  if (h2ws_stream_header(stream, "x-wait") != NULL) {
    return; /* never answered */
  }
  if (!h2ws_stream_is_websocket(stream)) {
    (void)h2ws_stream_respond(stream, 200, NULL, 0, "page", 4);
  } else if (h2ws_socket_accept(stream, &socket, NULL, 0, &options,
                                &fuzz_socket, f) == 0) {
    f->handed_out++;
  }
}

static void fuzz_conn_closed(h2ws_conn *conn, const h2ws_close_info *info,
                             void *user) {
  struct fuzz *f = user;
  (void)conn;
  fuzz_check(info->detail != NULL);
  f->closed++;
}

static const h2ws_conn_callbacks fuzz_conn = {
  .size = sizeof(fuzz_conn),
  .on_request = fuzz_request,
  .on_close = fuzz_conn_closed,
};

/* ------------------------------------------------------------------------
 * A run
 */

static void fuzz_begin(struct fuzz *f, bool server, h2ws_http http) {
  h2ws_conn_options o;
  memset(f, 0, sizeof(*f));
  f->now = 1000 * H2WS_MS;
  f->mem.alloc = fuzz_alloc;
  f->mem.resize = fuzz_resize;
  f->mem.release = fuzz_release;
  f->mem.user = f;
  h2ws_conn_options_default(&o, sizeof(o));
  o.mem = &f->mem;
  o.now = fuzz_now;
  o.random = fuzz_random;
  o.env_user = f;
  o.any_scheme = true;
  o.max_streams = FUZZ_STREAMS;
  o.http = http;
  fuzz_check((server ? h2ws_conn_server_new(&f->conn, &o, &fuzz_conn, f)
                     : h2ws_conn_client_new(&f->conn, &o, &fuzz_conn, f)) == 0);
  f->handed_out++;
}

static void fuzz_drain_output(struct fuzz *f) {
  static uint8_t buf[65536];
  while (h2ws_conn_send(f->conn, buf, sizeof(buf)) > 0) {
  }
}

/* Each piece is a block of its own, so that overruns are seen. */
static void fuzz_feed(struct fuzz *f, const uint8_t *data, size_t len,
                      size_t chunk) {
  while (len > 0) {
    size_t n = len < chunk ? len : chunk;
    uint8_t *piece = malloc(n);
    fuzz_check(piece != NULL);
    memcpy(piece, data, n);
    (void)h2ws_conn_recv(f->conn, piece, n);
    free(piece);
    fuzz_drain_output(f);
    data += n;
    len -= n;
  }
}

/* Lets all deadlines pass, then frees everything. */
static void fuzz_end(struct fuzz *f) {
  int i;
  for (i = 0; i < 64 && h2ws_conn_deadline(f->conn) != H2WS_NEVER; i++) {
    if (h2ws_conn_deadline(f->conn) > f->now) {
      f->now = h2ws_conn_deadline(f->conn);
    }
    (void)h2ws_conn_tick(f->conn);
    fuzz_drain_output(f);
  }
  h2ws_conn_free(f->conn);
  fuzz_check(f->closed == f->handed_out);
  fuzz_check(f->held == 0);
}

/* The first byte of an input says how the rest is cut. */
static size_t fuzz_chunk(uint8_t pattern) {
  static const size_t chunks[] = {1, 2, 7, 64, 1000, 65536};
  return chunks[pattern % (sizeof(chunks) / sizeof(chunks[0]))];
}

#endif
