/*
 * TLS of a link. OpenSSL never touches the socket: it reads ciphertext that
 * was received in one call, and writes into a buffer that is sent in one
 * call, however many records it holds. So no bytes ever hide inside it, and
 * it never meets a socket that is full.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "lib/io/link.h"
#include "lib/io/tls.h"

/* KeyUpdate messages in a row, without data, that are suffered. */
#define KEY_UPDATES_MAX 32

static int bio_read(BIO *bio, char *buf, int len) {
  struct h2ws__link *link = BIO_get_data(bio);
  size_t n = (size_t)len;
  BIO_clear_retry_flags(bio);
  if (link->cipher_in_len == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  n = n < link->cipher_in_len ? n : link->cipher_in_len;
  memcpy(buf, link->cipher_in, n);
  link->cipher_in += n;
  link->cipher_in_len -= n;
  return (int)n;
}

static int bio_write(BIO *bio, const char *buf, int len) {
  struct h2ws__link *link = BIO_get_data(bio);
  size_t room = H2WS__IO_CIPHER_CAP - link->cipher_out_len;
  size_t n = (size_t)len < room ? (size_t)len : room;
  BIO_clear_retry_flags(bio);
  if (n == 0) {
    BIO_set_retry_write(bio);
    return -1;
  }
  memcpy(link->loop->cipher + link->cipher_out_len, buf, n);
  link->cipher_out_len += n;
  return (int)n;
}

static long bio_ctrl(BIO *bio, int cmd, long larg, void *parg) {
  (void)bio;
  (void)larg;
  (void)parg;
  return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

/* One method for the process, made when first needed. */
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *method;

static void make_method(void) {
  method =
    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "h2ws link");
  if (method != NULL && (BIO_meth_set_read(method, bio_read) != 1 ||
                         BIO_meth_set_write(method, bio_write) != 1 ||
                         BIO_meth_set_ctrl(method, bio_ctrl) != 1)) {
    BIO_meth_free(method);
    method = NULL;
  }
}

static void on_message(int write_p, int version, int content_type,
                       const void *buf, size_t len, SSL *ssl, void *arg) {
  struct h2ws__link *link = arg;
  (void)version;
  (void)ssl;
  if (write_p == 0 && content_type == SSL3_RT_HANDSHAKE && len > 0 &&
      *(const uint8_t *)buf == SSL3_MT_KEY_UPDATE) {
    link->key_updates++;
  }
}

int h2ws__link_tls_attach(struct h2ws__link *link) {
  BIO *bio = NULL;
  if (CRYPTO_THREAD_run_once(&method_once, make_method) == 1 &&
      method != NULL) {
    bio = BIO_new(method);
  }
  if (bio == NULL) {
    return H2WS_ERR_NOMEM;
  }
  BIO_set_data(bio, link);
  BIO_set_init(bio, 1);
  SSL_set_bio(link->ssl, bio, bio);
  SSL_set_msg_callback(link->ssl, on_message);
  SSL_set_msg_callback_arg(link->ssl, link);
  if (link->server) {
    SSL_set_accept_state(link->ssl);
  } else {
    SSL_set_connect_state(link->ssl);
  }
  return 0;
}

int h2ws__link_tls_handshake(struct h2ws__link *link, char *why,
                             size_t why_len) {
  int rv;
  int error;
  ERR_clear_error();
  rv = SSL_do_handshake(link->ssl);
  if (rv == 1) {
    h2ws_http chosen;
    if (h2ws__tls_chosen_http(link->ssl, (h2ws_http)link->http, &chosen, why,
                              why_len) != 0) {
      return H2WS_ERR_ALPN;
    }
    link->http = (uint8_t)chosen;
    return 1;
  }
  error = SSL_get_error(link->ssl, rv);
  /* Hostile row RS-02: an allocation that failed can leave WANT_READ on a
   * dead object; the deadline of the handshake catches that. */
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    return 0;
  }
  return h2ws__tls_explain(link->ssl, why, why_len);
}

h2ws_ssize h2ws__link_tls_read(struct h2ws__link *link, uint8_t *buf,
                               size_t cap, char *why, size_t why_len) {
  int n;
  ERR_clear_error();
  n = SSL_read(link->ssl, buf, (int)cap);
  if (n > 0) {
    link->key_updates = 0;
    return n;
  }
  if (link->key_updates > KEY_UPDATES_MAX) {
    (void)snprintf(why, why_len, "the peer does nothing but change TLS keys");
    return H2WS_ERR_TLS;
  }
  switch (SSL_get_error(link->ssl, n)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE:
    return 0;
  case SSL_ERROR_ZERO_RETURN:
    return H2WS_ERR_EOF;
  default:
    (void)h2ws__tls_explain(link->ssl, why, why_len);
    return H2WS_ERR_TLS;
  }
}

int h2ws__link_tls_write(struct h2ws__link *link, const uint8_t *data,
                         size_t len) {
  while (len > 0) {
    int n;
    ERR_clear_error();
    n = SSL_write(link->ssl, data, (int)len);
    if (n <= 0) {
      return H2WS_ERR_TLS;
    }
    data += n;
    len -= (size_t)n;
  }
  return 0;
}

void h2ws__link_tls_close(struct h2ws__link *link) {
  if (SSL_is_init_finished(link->ssl)) {
    ERR_clear_error();
    (void)SSL_shutdown(link->ssl);
  }
}
