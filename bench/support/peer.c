#include "bench/support/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/support/bench.h"

#define READ_CAP ((size_t)64 * 1024)
#define WRITE_CAP ((size_t)256 * 1024)
/* As h2ws_conn_options_default() has them, so that both wait alike. */
#define STREAM_WINDOW (256 * 1024)
#define CONN_WINDOW (1024 * 1024)
#define FRAME_HEADER 9

/* ------------------------------------------------------------------------
 * Buffers
 */

static void *need(void *ptr) {
  if (ptr == NULL) {
    bench_die("no memory");
  }
  return ptr;
}

static uint8_t *buffer_room(struct bench_buffer *buffer, size_t more) {
  if (buffer->pos == buffer->len) {
    buffer->pos = 0;
    buffer->len = 0;
  }
  if (buffer->cap - buffer->len < more && buffer->pos > 0) {
    memmove(buffer->data, buffer->data + buffer->pos,
            buffer->len - buffer->pos);
    buffer->len -= buffer->pos;
    buffer->pos = 0;
  }
  if (buffer->cap - buffer->len < more) {
    buffer->cap = (buffer->len + more) * 2;
    buffer->data = need(realloc(buffer->data, buffer->cap));
  }
  return buffer->data + buffer->len;
}

static void buffer_add(struct bench_buffer *buffer, const uint8_t *data,
                       size_t len) {
  if (len > 0) {
    memcpy(buffer_room(buffer, len), data, len);
    buffer->len += len;
  }
}

/* ------------------------------------------------------------------------
 * Frames (RFC 6455 section 5.2)
 */

void bench_mask(uint8_t *data, size_t len, const uint8_t key[4], size_t phase) {
  uint8_t turned[8];
  uint64_t mask;
  size_t i;
  for (i = 0; i < sizeof(turned); i++) {
    turned[i] = key[(phase + i) % 4];
  }
  memcpy(&mask, turned, sizeof(mask));
  for (i = 0; i + sizeof(mask) <= len; i += sizeof(mask)) {
    uint64_t word;
    memcpy(&word, data + i, sizeof(word));
    word ^= mask;
    memcpy(data + i, &word, sizeof(word));
  }
  for (; i < len; i++) {
    data[i] ^= turned[i % 8];
  }
}

size_t bench_frame_header(uint8_t out[14], uint8_t opcode, size_t len) {
  size_t i;
  out[0] = 0x80 | opcode;
  if (len < 126) {
    out[1] = (uint8_t)len;
    return 2;
  }
  if (len <= UINT16_MAX) {
    out[1] = 126;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    return 4;
  }
  out[1] = 127;
  for (i = 0; i < 8; i++) {
    out[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
  }
  return 10;
}

static size_t header_size(const uint8_t *header) {
  uint8_t bits = header[1] & 0x7f;
  return 2u +
         (bits == 126   ? 2u
          : bits == 127 ? 8u
                        : 0u) +
         (header[1] & 0x80 ? 4u : 0u);
}

static void frame_begin(struct bench_stream *stream, const uint8_t *header) {
  uint8_t bits = header[1] & 0x7f;
  size_t n = bits == 126 ? 2 : bits == 127 ? 8 : 0;
  size_t i;
  stream->opcode = header[0] & 0x0f;
  stream->size = n == 0 ? bits : 0;
  for (i = 0; i < n; i++) {
    stream->size = stream->size << 8 | header[2 + i];
  }
  stream->left = stream->size;
  stream->in_frame = true;
  stream->masked = (header[1] & 0x80) != 0;
  if (stream->masked) {
    memcpy(stream->key, header + 2 + n, 4);
  }
}

/* Returns how many bytes of the header were taken. */
static size_t frame_header(struct bench_stream *stream, const uint8_t *data,
                           size_t len) {
  size_t used = 0;
  if (stream->header_len == 0 && len >= 2 && len >= header_size(data)) {
    frame_begin(stream, data);
    return header_size(data);
  }
  while (used < len && !stream->in_frame) {
    stream->header[stream->header_len++] = data[used++];
    if (stream->header_len >= 2 &&
        stream->header_len == header_size(stream->header)) {
      stream->header_len = 0;
      frame_begin(stream, stream->header);
    }
  }
  return used;
}

static void frame_payload(struct bench_stream *stream, uint8_t *data,
                          size_t len) {
  struct bench_peer *peer = stream->peer;
  bool whole = len == stream->size;
  if (stream->masked) {
    bench_mask(data, len, stream->key, stream->size - stream->left);
  }
  stream->left -= len;
  if (peer->server && !whole) {
    buffer_add(&stream->rx, data, len);
  }
  if (stream->left > 0) {
    return;
  }
  stream->in_frame = false;
  if (!peer->server) {
    peer->on_message(stream, stream->opcode, NULL, stream->size);
  } else if (whole) {
    peer->on_message(stream, stream->opcode, data, len);
  } else {
    peer->on_message(stream, stream->opcode, stream->rx.data, stream->size);
    stream->rx.len = 0;
  }
}

static void stream_input(struct bench_stream *stream, uint8_t *data,
                         size_t len) {
  while (len > 0) {
    size_t n = 0;
    if (!stream->in_frame) {
      n = frame_header(stream, data, len);
      data += n;
      len -= n;
    }
    if (stream->in_frame) {
      n = len < stream->left ? len : stream->left;
      frame_payload(stream, data, n);
      data += n;
      len -= n;
    }
  }
}

/* ------------------------------------------------------------------------
 * nghttp2
 */

static ssize_t on_read_data(nghttp2_session *session, int32_t id, uint8_t *buf,
                            size_t length, uint32_t *flags,
                            nghttp2_data_source *source, void *user) {
  struct bench_stream *stream = source->ptr;
  size_t queued = stream->tx.len - stream->tx.pos;
  (void)session;
  (void)id;
  (void)buf;
  (void)user;
  if (queued == 0) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  return (ssize_t)(queued < length ? queued : length);
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *framehd, size_t length,
                        nghttp2_data_source *source, void *user) {
  struct bench_peer *peer = user;
  struct bench_stream *stream = source->ptr;
  (void)session;
  (void)frame;
  buffer_add(&peer->out, framehd, FRAME_HEADER);
  buffer_add(&peer->out, stream->tx.data + stream->tx.pos, length);
  stream->tx.pos += length;
  return peer->out.len < WRITE_CAP ? 0 : NGHTTP2_ERR_PAUSE;
}

static struct bench_stream *stream_new(struct bench_peer *peer) {
  struct bench_stream *stream = need(calloc(1, sizeof(*stream)));
  stream->peer = peer;
  return stream;
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *user) {
  struct bench_peer *peer = user;
  if (peer->server) {
    struct bench_stream *stream = stream_new(peer);
    stream->id = frame->hd.stream_id;
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                               stream);
  }
  return 0;
}

#define NV(name, value)                                                        \
  {                                                                            \
    (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1,                   \
      sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE                                  \
  }

static void answer(struct bench_stream *stream) {
  const nghttp2_nv nva[] = {NV(":status", "200")};
  nghttp2_data_provider provider = {.source = {.ptr = stream},
                                    .read_callback = on_read_data};
  (void)nghttp2_submit_response(stream->peer->session, stream->id, nva, 1,
                                &provider);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user) {
  struct bench_peer *peer = user;
  struct bench_stream *stream;
  if (frame->hd.type == NGHTTP2_HEADERS) {
    stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (peer->server) {
      answer(stream);
    } else {
      peer->on_open(stream);
    }
  } else if (frame->hd.type == NGHTTP2_SETTINGS && !peer->server &&
             (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
    peer->on_ready(peer);
  }
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *data, size_t len, void *user) {
  union {
    const uint8_t *in;
    uint8_t *out;
  } bytes = {data}; /* ours: bench_peer_read() gave them to nghttp2 */
  (void)flags;
  (void)user;
  stream_input(nghttp2_session_get_stream_user_data(session, id), bytes.out,
               len);
  return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
                           void *user) {
  struct bench_stream *stream =
    nghttp2_session_get_stream_user_data(session, id);
  (void)code;
  (void)user;
  if (stream != NULL) {
    free(stream->rx.data);
    free(stream->tx.data);
    free(stream);
  }
  return 0;
}

void bench_peer_open(struct bench_peer *peer) {
  const nghttp2_nv nva[] = {
    NV(":method", "CONNECT"),      NV(":protocol", "websocket"),
    NV(":scheme", "http"),         NV(":path", "/echo"),
    NV(":authority", "localhost"), NV("sec-websocket-version", "13"),
  };
  const nghttp2_nv https = NV(":scheme", "https");
  nghttp2_nv mine[sizeof(nva) / sizeof(nva[0])];
  struct bench_stream *stream = stream_new(peer);
  nghttp2_data_provider provider = {.source = {.ptr = stream},
                                    .read_callback = on_read_data};
  memcpy(mine, nva, sizeof(nva));
  if (peer->ssl != NULL) {
    mine[2] = https;
  }
  stream->id =
    nghttp2_submit_request(peer->session, NULL, mine,
                           sizeof(mine) / sizeof(mine[0]), &provider, stream);
  if (stream->id < 0) {
    bench_die("no stream");
  }
}

void bench_stream_send(struct bench_stream *stream, const uint8_t *header,
                       size_t header_len, const uint8_t *data, size_t len) {
  (void)buffer_room(&stream->tx, header_len + len);
  buffer_add(&stream->tx, header, header_len);
  buffer_add(&stream->tx, data, len);
  if (stream->deferred) {
    stream->deferred = false;
    (void)nghttp2_session_resume_data(stream->peer->session, stream->id);
  }
}

/* ------------------------------------------------------------------------
 * Life
 */

void bench_peer_init(struct bench_peer *peer, int fd, SSL *ssl, bool server) {
  const nghttp2_settings_entry iv[] = {
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
    {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  };
  nghttp2_session_callbacks *callbacks = NULL;
  memset(peer, 0, sizeof(*peer));
  peer->fd = fd;
  peer->ssl = ssl;
  peer->server = server;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    bench_die("no memory");
  }
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                          on_begin_headers);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                         on_stream_close);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
  if ((server
         ? nghttp2_session_server_new(&peer->session, callbacks, peer)
         : nghttp2_session_client_new(&peer->session, callbacks, peer)) != 0 ||
      nghttp2_submit_settings(peer->session, NGHTTP2_FLAG_NONE, iv,
                              server ? 2 : 1) != 0 ||
      nghttp2_session_set_local_window_size(peer->session, NGHTTP2_FLAG_NONE, 0,
                                            CONN_WINDOW) != 0) {
    bench_die("no session");
  }
  nghttp2_session_callbacks_del(callbacks);
}

void bench_peer_dispose(struct bench_peer *peer) {
  nghttp2_session_del(peer->session);
  SSL_free(peer->ssl);
  (void)close(peer->fd);
  free(peer->out.data);
}

/* ------------------------------------------------------------------------
 * The socket
 */

/* Bytes; 0: it is over; -1: not now. */
static ssize_t peer_recv(struct bench_peer *peer, uint8_t *buf) {
  ssize_t n;
  int error;
  if (peer->ssl == NULL) {
    n = recv(peer->fd, buf, READ_CAP, 0);
    return n < 0 && errno != EAGAIN ? 0 : n;
  }
  n = SSL_read(peer->ssl, buf, (int)READ_CAP);
  if (n > 0) {
    return n;
  }
  error = SSL_get_error(peer->ssl, (int)n);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

bool bench_peer_read(struct bench_peer *peer) {
  static uint8_t buf[READ_CAP];
  for (;;) {
    ssize_t n = peer_recv(peer, buf);
    if (n <= 0) {
      return n < 0;
    }
    if (nghttp2_session_mem_recv(peer->session, buf, (size_t)n) < 0) {
      return false;
    }
    if (peer->ssl == NULL && (size_t)n < READ_CAP) {
      return true;
    }
  }
}

/* Everything nghttp2 has goes into one buffer. */
static void peer_fill(struct bench_peer *peer) {
  while (peer->out.len < WRITE_CAP) {
    const uint8_t *data = NULL;
    size_t before = peer->out.len;
    ssize_t n = nghttp2_session_mem_send(peer->session, &data);
    if (n > 0) {
      buffer_add(&peer->out, data, (size_t)n);
    }
    if (n < 0 || peer->out.len == before) {
      return;
    }
  }
}

static ssize_t peer_send(struct bench_peer *peer) {
  const uint8_t *data = peer->out.data + peer->out.pos;
  size_t len = peer->out.len - peer->out.pos;
  ssize_t n;
  int error;
  if (peer->ssl == NULL) {
    n = send(peer->fd, data, len, MSG_NOSIGNAL);
    return n < 0 && errno != EAGAIN ? 0 : n;
  }
  n = SSL_write(peer->ssl, data, (int)len);
  if (n > 0) {
    return n;
  }
  error = SSL_get_error(peer->ssl, (int)n);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

bool bench_peer_write(struct bench_peer *peer) {
  for (;;) {
    ssize_t n;
    if (peer->out.pos == peer->out.len) {
      peer->out.pos = 0;
      peer->out.len = 0;
      peer_fill(peer);
    }
    peer->waits = false;
    if (peer->out.len == 0) {
      return true;
    }
    n = peer_send(peer);
    if (n <= 0) {
      peer->waits = n < 0;
      return n < 0;
    }
    peer->out.pos += (size_t)n;
  }
}

/* ------------------------------------------------------------------------
 * TLS
 */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *arg) {
  (void)ssl;
  (void)in;
  (void)in_len;
  (void)arg;
  *out = (const unsigned char *)"h2";
  *out_len = 2;
  return SSL_TLSEXT_ERR_OK;
}

static void use_certificate(SSL_CTX *ctx) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  if (key == NULL || cert == NULL ||
      X509_gmtime_adj(X509_getm_notBefore(cert), 0) == NULL ||
      X509_gmtime_adj(X509_getm_notAfter(cert), 3600) == NULL ||
      X509_set_pubkey(cert, key) != 1 ||
      X509_sign(cert, key, EVP_sha256()) <= 0 ||
      SSL_CTX_use_certificate(ctx, cert) != 1 ||
      SSL_CTX_use_PrivateKey(ctx, key) != 1) {
    bench_die("no certificate");
  }
  X509_free(cert);
  EVP_PKEY_free(key);
}

SSL_CTX *bench_tls_context(bool server) {
  static const unsigned char alpn[] = {2, 'h', '2'};
  SSL_CTX *ctx =
    need(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
                                SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (server) {
    use_certificate(ctx);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
  } else {
    (void)SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn));
  }
  return ctx;
}
