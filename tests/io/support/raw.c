#include "tests/io/support/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 10

void raw_hang_up(struct raw *raw) {
  SSL_free(raw->ssl);
  raw->ssl = NULL;
  if (raw->fd >= 0) {
    (void)close(raw->fd);
    raw->fd = -1;
  }
}

static void raw_close(struct raw *raw) {
  raw_hang_up(raw);
  SSL_CTX_free(raw->ctx);
  raw->ctx = NULL;
  ERR_clear_error();
}

static void *raw_main(void *arg) {
  struct raw *raw = arg;
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGPIPE);
  (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* ours, not the library's */
  raw->script(raw);
  raw_close(raw);
  raw->done = 1;
  return NULL;
}

static void raw_run(struct raw *raw, void (*script)(struct raw *raw)) {
  raw->script = script;
  raw->fd = -1;
  raw->alert = -1;
  ck_assert_int_eq(pthread_create(&raw->thread, NULL, raw_main, raw), 0);
}

void raw_start(struct raw *raw, void (*script)(struct raw *raw), int port) {
  raw->listener = -1;
  raw->port = port;
  raw_run(raw, script);
}

void raw_start_server(struct raw *raw, void (*script)(struct raw *raw)) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  socklen_t len = sizeof(addr);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  raw->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(raw->listener, (struct sockaddr *)&addr, len), 0);
  ck_assert_int_eq(listen(raw->listener, 8), 0);
  ck_assert_int_eq(getsockname(raw->listener, (struct sockaddr *)&addr, &len),
                   0);
  raw->port = ntohs(addr.sin_port);
  raw_run(raw, script);
}

void raw_join(struct raw *raw, struct edge *edge) {
  EDGE_UNTIL(edge, raw->done);
  ck_assert_int_eq(pthread_join(raw->thread, NULL), 0);
  if (raw->listener >= 0) {
    (void)close(raw->listener);
  }
}

static void raw_be_patient(const struct raw *raw) {
  struct timeval tv = {PATIENCE_S, 0};
  (void)setsockopt(raw->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
  (void)setsockopt(raw->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

void raw_dial(struct raw *raw) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  addr.sin_port = htons((uint16_t)raw->port);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  raw_be_patient(raw);
  if (connect(raw->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
    raw_hang_up(raw);
  }
}

void raw_accept(struct raw *raw) {
  struct pollfd wait = {.fd = raw->listener, .events = POLLIN};
  if (poll(&wait, 1, PATIENCE_S * 1000) == 1) {
    raw->fd = accept4(raw->listener, NULL, NULL, SOCK_CLOEXEC);
    raw_be_patient(raw);
  }
}

static void on_info(const SSL *ssl, int where, int value) {
  struct raw *raw = SSL_get_app_data(ssl);
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) {
    raw->alert = value & 0xff;
  }
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
                   const unsigned char *in, unsigned int in_len, void *arg) {
  const struct raw *raw = arg;
  unsigned char *chosen = NULL;
  (void)ssl;
  if (SSL_select_next_proto(&chosen, len, (const uint8_t *)raw->alpn,
                            (unsigned)strlen(raw->alpn), in,
                            in_len) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void raw_context(struct raw *raw, bool server) {
  raw->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  SSL_CTX_set_security_level(raw->ctx, 0); /* it may be as bad as it likes */
  if (raw->version != 0) {
    (void)SSL_CTX_set_min_proto_version(raw->ctx, raw->version);
    (void)SSL_CTX_set_max_proto_version(raw->ctx, raw->version);
  }
  if (raw->ciphers != NULL) {
    (void)SSL_CTX_set_cipher_list(raw->ctx, raw->ciphers);
  }
  raw->alpn = raw->alpn == NULL ? "\x02h2" : raw->alpn;
  if (server) {
    (void)SSL_CTX_use_certificate_chain_file(raw->ctx, raw->pem);
    (void)SSL_CTX_use_PrivateKey_file(raw->ctx, raw->pem, SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_select_cb(raw->ctx, on_alpn, raw);
  } else if (raw->alpn[0] != '\0') {
    (void)SSL_CTX_set_alpn_protos(raw->ctx, (const uint8_t *)raw->alpn,
                                  (unsigned)strlen(raw->alpn));
  }
}

void raw_tls(struct raw *raw, bool server) {
  if (raw->ctx == NULL) {
    raw_context(raw, server);
  }
  raw->ssl = SSL_new(raw->ctx);
  (void)SSL_set_app_data(raw->ssl, raw);
  SSL_set_info_callback(raw->ssl, on_info);
  (void)SSL_set_fd(raw->ssl, raw->fd);
  raw->result = server ? SSL_accept(raw->ssl) : SSL_connect(raw->ssl);
}

bool raw_write(struct raw *raw, const void *data, size_t len) {
  const uint8_t *p = data;
  while (len > 0) {
    ssize_t n = raw->ssl != NULL ? SSL_write(raw->ssl, p, (int)len)
                                 : send(raw->fd, p, len, MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    p += n;
    len -= (size_t)n;
  }
  return true;
}

int raw_read(struct raw *raw) {
  size_t room = sizeof(raw->buf) - raw->len;
  ssize_t n;
  if (raw->ssl != NULL) {
    n = SSL_read(raw->ssl, raw->buf + raw->len, (int)room);
    if (n <= 0) {
      n = SSL_get_error(raw->ssl, (int)n) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
    }
  } else {
    n = recv(raw->fd, raw->buf + raw->len, room, 0);
  }
  if (n > 0) {
    raw->len += (size_t)n;
  }
  return (int)n;
}

void raw_read_until(struct raw *raw, size_t len) {
  while (raw->len < len && raw_read(raw) > 0) {
  }
}

void raw_read_all(struct raw *raw) {
  const uint8_t *goaway;
  int n;
  do {
    n = raw_read(raw);
  } while (n > 0);
  raw->read_end = n == 0 ? 0 : (raw->ssl != NULL ? -1 : errno);
  goaway = raw_find_frame(raw, NGHTTP2_GOAWAY);
  if (goaway != NULL) {
    raw->goaway = true;
    raw->code = (uint32_t)goaway[13] << 24 | (uint32_t)goaway[14] << 16 |
                (uint32_t)goaway[15] << 8 | goaway[16];
  }
}

void raw_wait_step(struct raw *raw, int step) {
  int i;
  for (i = 0; raw->step < step && i < PATIENCE_S * 1000; i++) {
    (void)poll(NULL, 0, 1);
  }
}

const uint8_t *raw_find_frame(const struct raw *raw, uint8_t type) {
  size_t at = 0;
  while (at + 9 <= raw->len) {
    const uint8_t *frame = raw->buf + at;
    size_t len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
    if (at + 9 + len > raw->len) {
      return NULL;
    }
    if (frame[3] == type) {
      return frame;
    }
    at += 9 + len;
  }
  return NULL;
}

static nghttp2_nv pair(const char *name, const char *value) {
  nghttp2_nv nv = {(uint8_t *)name, (uint8_t *)value, strlen(name),
                   strlen(value), NGHTTP2_NV_FLAG_NONE};
  return nv;
}

size_t raw_connect_frame(uint8_t *out, size_t cap, uint32_t stream,
                         const char *path) {
  nghttp2_nv nva[] = {
    pair(":method", "CONNECT"), pair(":protocol", "websocket"),
    pair(":scheme", "http"),    pair(":authority", "localhost"),
    pair(":path", path),        pair("sec-websocket-version", "13"),
  };
  nghttp2_hd_deflater *deflater = NULL;
  ssize_t n;
  if (nghttp2_hd_deflate_new(&deflater, 0) != 0) {
    return 0;
  }
  n = nghttp2_hd_deflate_hd(deflater, out + 9, cap - 9, nva,
                            sizeof(nva) / sizeof(nva[0]));
  nghttp2_hd_deflate_del(deflater);
  if (n <= 0) {
    return 0;
  }
  memset(out, 0, 9);
  out[1] = (uint8_t)(n >> 8);
  out[2] = (uint8_t)n;
  out[3] = NGHTTP2_HEADERS;
  out[4] = NGHTTP2_FLAG_END_HEADERS;
  out[7] = (uint8_t)(stream >> 8);
  out[8] = (uint8_t)stream;
  return (size_t)n + 9;
}
