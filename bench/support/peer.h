/*
 * The least that speaks WebSocket over HTTP/2: nghttp2, frames by hand, no
 * checks and no limits. The floor is a server made of it, the load generator
 * a client.
 */
#ifndef H2WS_BENCH_PEER_H
#define H2WS_BENCH_PEER_H

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from `pos` to `len` are in use. It grows and never shrinks. */
struct bench_buffer {
  uint8_t *data;
  size_t pos;
  size_t len;
  size_t cap;
};

struct bench_peer;

struct bench_stream {
  struct bench_peer *peer;
  int32_t id;
  bool deferred;
  bool in_frame;
  uint8_t header[14];
  size_t header_len;
  uint8_t opcode;
  uint8_t key[4];
  bool masked;
  size_t left;            /* of the frame's payload */
  size_t size;            /* of the frame's payload */
  struct bench_buffer rx; /* a message cut across chunks */
  struct bench_buffer tx; /* frames to send */
};

struct bench_peer {
  nghttp2_session *session;
  int fd;
  SSL *ssl; /* NULL: cleartext */
  bool server;
  bool waits; /* for the socket to take bytes */
  struct bench_buffer out;
  void *user;
  /* A message; `data` is NULL for a client, which only counts. */
  void (*on_message)(struct bench_stream *stream, uint8_t opcode,
                     const uint8_t *data, size_t len);
  /* Client: a stream was answered 200. */
  void (*on_open)(struct bench_stream *stream);
  /* Client: the server's SETTINGS are here. */
  void (*on_ready)(struct bench_peer *peer);
};

/* SETTINGS are queued. `fd` and `ssl` are owned. */
void bench_peer_init(struct bench_peer *peer, int fd, SSL *ssl, bool server);
void bench_peer_dispose(struct bench_peer *peer);

/* Reads until the socket is empty; false: it is over. */
bool bench_peer_read(struct bench_peer *peer);
/* Sends all there is; false: it is over. `waits` says if some is left. */
bool bench_peer_write(struct bench_peer *peer);

/* Client: asks for a WebSocket. */
void bench_peer_open(struct bench_peer *peer);

/* Appends bytes to what the stream sends. */
void bench_stream_send(struct bench_stream *stream, const uint8_t *header,
                       size_t header_len, const uint8_t *data, size_t len);

/* Writes the header of an unmasked frame; returns its length. */
size_t bench_frame_header(uint8_t out[14], uint8_t opcode, size_t len);
/* XORs eight bytes at a time. `phase`: bytes of the frame before these. */
void bench_mask(uint8_t *data, size_t len, const uint8_t key[4], size_t phase);

/* A context for HTTP/2; a server's has a certificate of its own. */
SSL_CTX *bench_tls_context(bool server);

#endif
