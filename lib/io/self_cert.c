/* A throw-away certificate, so that the first try needs no recipe. */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdint.h>

#include "lib/io/tls.h"

#define DAY ((long)24 * 60 * 60)

static int add_names(X509 *cert) {
  X509_NAME *name = X509_get_subject_name(cert);
  X509_EXTENSION *san = X509V3_EXT_conf_nid(
    NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  int ok = san != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"localhost", -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 &&
           X509_add_ext(cert, san, -1) == 1;
  X509_EXTENSION_free(san);
  return ok;
}

static int add_serial(X509 *cert) {
  uint64_t serial = 0;
  if (RAND_bytes((unsigned char *)&serial, (int)sizeof(serial)) != 1) {
    return 0;
  }
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1);
}

static int fill(X509 *cert, EVP_PKEY *key) {
  return X509_set_version(cert, X509_VERSION_3) == 1 && add_serial(cert) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(cert), -DAY) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(cert), 30 * DAY) != NULL &&
         X509_set_pubkey(cert, key) == 1 && add_names(cert) &&
         X509_sign(cert, key, EVP_sha256()) > 0;
}

int h2ws__tls_use_self_cert(SSL_CTX *ctx) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  int ok = key != NULL && cert != NULL && fill(cert, key) &&
           SSL_CTX_use_certificate(ctx, cert) == 1 &&
           SSL_CTX_use_PrivateKey(ctx, key) == 1;
  X509_free(cert);
  EVP_PKEY_free(key);
  return ok ? 0 : H2WS_ERR_TLS;
}
