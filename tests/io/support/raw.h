/*
 * A peer that is not ours: blocking calls on a thread of its own, as good or
 * as bad as its script makes it. Scripts record; the test asserts.
 */
#ifndef H2WS_TESTS_IO_RAW_H
#define H2WS_TESTS_IO_RAW_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdint.h>

#include "tests/io/support/edge.h"

struct raw {
  void (*script)(struct raw *raw);
  pthread_t thread;
  atomic_int done;
  atomic_int step; /* how far the script is; also a way to talk to it */
  int listener;
  int port; /* to listen on, or to connect to */
  int fd;
  SSL_CTX *ctx;
  SSL *ssl;
  const char *pem;  /* certificate of a server */
  const char *alpn; /* wire format; NULL: "\x02h2", "": none */
  int version;      /* TLS, exactly this; 0: any */
  const char *ciphers;
  const void *input; /* for the script */
  size_t input_len;
  /* Results. */
  int result;    /* of the TLS handshake: 1, or -1 */
  int alert;     /* the last one received; -1: none */
  int read_end;  /* of raw_read_all(): 0 orderly, else errno or -1 for TLS */
  bool goaway;   /* one was in what was read */
  uint32_t code; /* of it */
  size_t len;    /* bytes read */
  uint8_t buf[256 * 1024];
};

#define RAW_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define RAW_SETTINGS "\0\0\0\4\0\0\0\0\0"
#define RAW_ACK "\0\0\0\4\1\0\0\0\0"
/* Preface and SETTINGS of a client. */
#define RAW_HELLO RAW_PREFACE RAW_SETTINGS

/* Starts the script against a port; joins it, turning the edge meanwhile. */
void raw_start(struct raw *raw, void (*script)(struct raw *raw), int port);
void raw_join(struct raw *raw, struct edge *edge);

/* The same with a port of its own; raw->port names it. */
void raw_start_server(struct raw *raw, void (*script)(struct raw *raw));

/* For scripts. */
void raw_dial(struct raw *raw);
void raw_accept(struct raw *raw);
/* Makes raw->ctx; raw_tls() does it if the script did not. */
void raw_context(struct raw *raw, bool server);
void raw_tls(struct raw *raw, bool server); /* sets result and alert */
bool raw_write(struct raw *raw, const void *data, size_t len);
/* Reads once, appends to buf; the count, 0 at the end, -1. */
int raw_read(struct raw *raw);
void raw_read_until(struct raw *raw, size_t len);
/* Reads until the end, and looks for GOAWAY. */
void raw_read_all(struct raw *raw);
void raw_wait_step(struct raw *raw, int step); /* in a test, too */
void raw_hang_up(struct raw *raw);

/* HEADERS of an extended CONNECT; the frame's length. */
size_t raw_connect_frame(uint8_t *out, size_t cap, uint32_t stream,
                         const char *path);

/* The first frame of this type in what was read, NULL if there is none. */
const uint8_t *raw_find_frame(const struct raw *raw, uint8_t type);

#endif
