#include "lib/io/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * RFC 9113 section 9.2.2: ephemeral keys and AEAD only. TLS 1.3 has nothing
 * else.
 */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

/* What ALPN offers and takes, in order of preference. */
struct alpn {
  const unsigned char *names;
  unsigned len;
};

static const struct alpn *alpn_of(h2ws_http http) {
  static const unsigned char names[] = "\x02h2\x08http/1.1";
  static const struct alpn any = {names, 12};
  static const struct alpn h2 = {names, 3};
  static const struct alpn http_1_1 = {names + 3, 9};
  switch (http) {
  case H2WS_HTTP_1_1:
    return &http_1_1;
  case H2WS_HTTP_2:
    return &h2;
  case H2WS_HTTP_ANY:
    break;
  }
  return &any;
}

/* ------------------------------------------------------------------------
 * Errors
 */

/* The newest error of OpenSSL, in its words. */
static const char *newest_reason(void) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
  return reason == NULL ? "no reason was given" : reason;
}

static int explain_verify(long result, char *why, size_t why_len) {
  const char *text = X509_verify_cert_error_string(result);
  const char *hint = "";
  switch (result) {
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    hint = " Trust it with a CA file; for a test only, switch verification "
           "off (--insecure).";
    break;
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    hint = " Connect by a name that the certificate lists.";
    break;
  default:
    break;
  }
  (void)snprintf(why, why_len,
                 "the certificate of the server is not acceptable: %s.%s", text,
                 hint);
  return H2WS_ERR_CERTIFICATE;
}

int h2ws__tls_explain(SSL *ssl, char *why, size_t why_len) {
  long verify = SSL_get_verify_result(ssl);
  unsigned long code = ERR_peek_last_error();
  if (verify != X509_V_OK && !SSL_is_server(ssl) &&
      ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return explain_verify(verify, why, why_len);
  }
  if (ERR_GET_REASON(code) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL ||
      ERR_GET_REASON(code) == SSL_R_NO_APPLICATION_PROTOCOL) {
    (void)snprintf(why, why_len, "no version of HTTP in common (ALPN): %s",
                   newest_reason());
    return H2WS_ERR_ALPN;
  }
  (void)snprintf(why, why_len, "%s failed: %s",
                 SSL_is_init_finished(ssl) ? "TLS" : "the TLS handshake",
                 newest_reason());
  return H2WS_ERR_TLS;
}

/* The first error of OpenSSL: of a file that is missing, the system's. */
static const char *first_reason(void) {
  unsigned long code = ERR_peek_error();
  return ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
                                : newest_reason();
}

static int context_failed(SSL_CTX *ctx, const char *what, const char *file,
                          char *why, size_t why_len) {
  (void)snprintf(why, why_len, "%s%s%s: %s", what, file == NULL ? "" : " ",
                 file == NULL ? "" : file, first_reason());
  SSL_CTX_free(ctx);
  return H2WS_ERR_TLS;
}

/* ------------------------------------------------------------------------
 * Contexts
 */

static SSL_CTX *context_new(const SSL_METHOD *method) {
  SSL_CTX *ctx = SSL_CTX_new(method);
  if (ctx == NULL) {
    return NULL;
  }
  (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
                                SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) != 1) {
    SSL_CTX_free(ctx);
    return NULL;
  }
  return ctx;
}

/* RFC 7301 section 3.2: no overlap is an alert, not a guess. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *arg) {
  const h2ws_server_options *options = arg;
  const struct alpn *ours = alpn_of(options->conn.http);
  unsigned char *chosen = NULL;
  (void)ssl;
  if (SSL_select_next_proto(&chosen, out_len, ours->names, ours->len, in,
                            in_len) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/* NULL, or the file that is wrong. `key` NULL: it is in `cert`. */
static const char *load_key_pair(SSL_CTX *ctx, const char *cert,
                                 const char *key) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
    return cert;
  }
  key = key == NULL ? cert : key;
  return SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_check_private_key(ctx) == 1
           ? NULL
           : key;
}

static int ask_client_cert(SSL_CTX *ctx, const h2ws_server_options *options) {
  STACK_OF(X509_NAME) * names;
  int mode = SSL_VERIFY_PEER;
  if (SSL_CTX_load_verify_locations(ctx, options->client_ca_file, NULL) != 1) {
    return 0;
  }
  names = SSL_load_client_CA_file(options->client_ca_file);
  if (names == NULL) {
    return 0;
  }
  SSL_CTX_set_client_CA_list(ctx, names);
  if (options->require_client_cert) {
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  SSL_CTX_set_verify(ctx, mode, NULL);
  return 1;
}

int h2ws__tls_server_context(SSL_CTX **out, h2ws_server_options *options,
                             char *why, size_t why_len) {
  static const unsigned char session_context[] = "h2ws";
  const char *wrong = NULL;
  SSL_CTX *ctx;
  if (options->cert_file == NULL && options->key_file != NULL) {
    (void)snprintf(why, why_len, "a key file, and no certificate file");
    return H2WS_ERR_TLS;
  }
  ERR_clear_error();
  ctx = context_new(TLS_server_method());
  if (ctx == NULL) {
    return H2WS_ERR_NOMEM;
  }
  SSL_CTX_set_alpn_select_cb(ctx, on_alpn, options);
  /* Sessions live in tickets; the server remembers nothing. */
  (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_session_id_context(ctx, session_context,
                                     sizeof(session_context) - 1) != 1) {
    return context_failed(ctx, "session context", NULL, why, why_len);
  }
  if (options->cert_file != NULL) {
    wrong = load_key_pair(ctx, options->cert_file, options->key_file);
  } else if (h2ws__tls_use_self_cert(ctx) != 0) {
    return context_failed(ctx, "making a certificate", NULL, why, why_len);
  }
  if (wrong != NULL) {
    return context_failed(ctx, "certificate or key", wrong, why, why_len);
  }
  if (options->client_ca_file != NULL && !ask_client_cert(ctx, options)) {
    return context_failed(ctx, "CA of the clients", options->client_ca_file,
                          why, why_len);
  }
  *out = ctx;
  return 0;
}

/* NSS key log format; the library does it only when asked. */
static void on_keylog(const SSL *ssl, const char *line) {
  const char *path = secure_getenv("SSLKEYLOGFILE");
  FILE *file = path == NULL ? NULL : fopen(path, "ae");
  (void)ssl;
  if (file != NULL) {
    (void)fprintf(file, "%s\n", line);
    (void)fclose(file);
  }
}

/* A session came, by ticket: returns 1 if it was taken over. */
static int on_session(SSL *ssl, SSL_SESSION *session) {
  const struct h2ws__session_place *place = SSL_get_app_data(ssl);
  return place != NULL &&
         h2ws__sessions_keep(place->sessions, place->key, session);
}

static void trust_system(SSL_CTX *ctx, X509_STORE **system_cas) {
  if (*system_cas == NULL) {
    *system_cas = X509_STORE_new();
    if (*system_cas == NULL) {
      return; /* nobody is trusted */
    }
    (void)X509_STORE_set_default_paths(*system_cas);
  }
  SSL_CTX_set1_cert_store(ctx, *system_cas);
}

int h2ws__tls_client_context(SSL_CTX **out, const h2ws_client_options *options,
                             X509_STORE **system_cas, char *why,
                             size_t why_len) {
  const char *wrong = NULL;
  SSL_CTX *ctx;
  ERR_clear_error();
  ctx = context_new(TLS_client_method());
  if (ctx == NULL) {
    return H2WS_ERR_NOMEM;
  }
  if (options->ca_file != NULL) {
    if (SSL_CTX_load_verify_locations(ctx, options->ca_file, NULL) != 1) {
      return context_failed(ctx, "CA file", options->ca_file, why, why_len);
    }
  } else if (!options->insecure) {
    trust_system(ctx, system_cas);
  }
  if (options->cert_file != NULL) {
    wrong = load_key_pair(ctx, options->cert_file, options->key_file);
  }
  if (wrong != NULL) {
    return context_failed(ctx, "certificate or key", wrong, why, why_len);
  }
  (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                              SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_session);
  if (options->keylog) {
    SSL_CTX_set_keylog_callback(ctx, on_keylog);
  }
  *out = ctx;
  return 0;
}

/* ------------------------------------------------------------------------
 * Handshakes
 */

static bool is_address(const char *host) {
  unsigned char buf[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, host, buf) == 1 ||
         inet_pton(AF_INET6, host, buf) == 1;
}

static int expect_host(SSL *ssl, const char *host) {
  if (is_address(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host);
}

int h2ws__tls_client_new(SSL **out, SSL_CTX *ctx, const char *host,
                         bool insecure, h2ws_http http) {
  const struct alpn *ours = alpn_of(http);
  SSL *ssl = SSL_new(ctx);
  *out = NULL;
  if (ssl == NULL) {
    return H2WS_ERR_NOMEM;
  }
  SSL_set_verify(ssl, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
  if (SSL_set_alpn_protos(ssl, ours->names, ours->len) != 0 ||
      expect_host(ssl, host) != 1 ||
      (!is_address(host) && SSL_set_tlsext_host_name(ssl, host) != 1)) {
    SSL_free(ssl);
    return H2WS_ERR_TLS;
  }
  *out = ssl;
  return 0;
}

char *h2ws__tls_session_key(const h2ws_client_options *options,
                            const char *host, const char *port) {
  const char *parts[] = {
    host,
    port,
    options->server_name,
    options->unix_path,
    options->ca_file,
    options->cert_file,
    options->key_file,
    options->insecure ? "insecure" : "verified",
  };
  char *key = NULL;
  size_t len = 0;
  size_t i;
  FILE *out = open_memstream(&key, &len);
  if (out == NULL) {
    return NULL;
  }
  for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    (void)fprintf(out, "%s\n", parts[i] == NULL ? "" : parts[i]);
  }
  if (fclose(out) != 0) {
    free(key);
    return NULL;
  }
  return key;
}

int h2ws__tls_resume(SSL *ssl, struct h2ws__session_place *place) {
  SSL_SESSION *session = h2ws__sessions_take(place->sessions, place->key);
  int ok = SSL_set_app_data(ssl, place) == 1 &&
           (session == NULL || SSL_set_session(ssl, session) == 1);
  SSL_SESSION_free(session);
  return ok ? 0 : H2WS_ERR_NOMEM;
}

int h2ws__tls_chosen_http(const SSL *ssl, h2ws_http wanted, h2ws_http *out,
                          char *why, size_t why_len) {
  const unsigned char *chosen = NULL;
  unsigned int len = 0;
  SSL_get0_alpn_selected(ssl, &chosen, &len);
  *out = len == 2 && memcmp(chosen, "h2", 2) == 0 ? H2WS_HTTP_2 : H2WS_HTTP_1_1;
  if (wanted == H2WS_HTTP_ANY || wanted == *out) {
    return 0;
  }
  (void)snprintf(why, why_len, "the peer did not choose HTTP/%s by ALPN%s",
                 wanted == H2WS_HTTP_2 ? "2" : "1.1",
                 len == 0 ? ": it chose nothing" : "");
  return H2WS_ERR_ALPN;
}
