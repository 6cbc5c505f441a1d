#include "tests/io/support/certs.h"

#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATHS_MAX 32
#define DAY ((long)24 * 60 * 60)

static char folder[64];
static char paths[PATHS_MAX][128];
static size_t paths_len;

void certs_begin(void) {
  (void)snprintf(folder, sizeof(folder), "/tmp/h2ws-test-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  paths_len = 0;
}

void certs_end(void) {
  size_t i;
  for (i = 0; i < paths_len; i++) {
    (void)unlink(paths[i]);
  }
  ck_assert_int_eq(rmdir(folder), 0);
}

const char *certs_path(const char *name) {
  char path[128];
  size_t i;
  (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
  for (i = 0; i < paths_len; i++) {
    if (strcmp(paths[i], path) == 0) {
      return paths[i];
    }
  }
  ck_assert_uint_lt(paths_len, PATHS_MAX);
  memcpy(paths[paths_len], path, sizeof(path));
  return paths[paths_len++];
}

const char *certs_file(const char *name) {
  char file[64];
  (void)snprintf(file, sizeof(file), "%s.pem", name);
  return certs_path(file);
}

static void add_extension(X509 *cert, int nid, const char *value) {
  X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
  ck_assert_ptr_nonnull(ext);
  ck_assert_int_eq(X509_add_ext(cert, ext, -1), 1);
  X509_EXTENSION_free(ext);
}

static void fill(X509 *cert, EVP_PKEY *key, const struct cert_wish *wish) {
  static long serial = 1;
  X509_NAME *name = X509_get_subject_name(cert);
  (void)X509_set_version(cert, X509_VERSION_3);
  (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
  (void)X509_gmtime_adj(X509_getm_notBefore(cert), wish->from_day * DAY);
  (void)X509_gmtime_adj(X509_getm_notAfter(cert), wish->to_day * DAY);
  (void)X509_set_pubkey(cert, key);
  ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                              (const uint8_t *)wish->name, -1,
                                              -1, 0),
                   1);
  if (wish->issuer == NULL) {
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
  }
  if (wish->san != NULL) {
    add_extension(cert, NID_subject_alt_name, wish->san);
  }
}

static void sign(X509 *cert, EVP_PKEY *key, const char *issuer) {
  X509 *issuer_cert = cert;
  EVP_PKEY *issuer_key = key;
  if (issuer != NULL) {
    FILE *in = fopen(certs_file(issuer), "re");
    ck_assert_ptr_nonnull(in);
    issuer_cert = PEM_read_X509(in, NULL, NULL, NULL);
    issuer_key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    (void)fclose(in);
  }
  ck_assert(issuer_cert != NULL && issuer_key != NULL);
  (void)X509_set_issuer_name(cert, X509_get_subject_name(issuer_cert));
  ck_assert_int_gt(X509_sign(cert, issuer_key, EVP_sha256()), 0);
  if (issuer != NULL) {
    X509_free(issuer_cert);
    EVP_PKEY_free(issuer_key);
  }
}

void certs_make(const struct cert_wish *wish) {
  EVP_PKEY *key = wish->rsa ? EVP_RSA_gen(2048U) : EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  FILE *out = fopen(certs_file(wish->name), "we");
  ck_assert(key != NULL && cert != NULL && out != NULL);
  fill(cert, key, wish);
  sign(cert, key, wish->issuer);
  ck_assert_int_eq(PEM_write_X509(out, cert), 1);
  ck_assert_int_eq(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL),
                   1);
  ck_assert_int_eq(fclose(out), 0);
  X509_free(cert);
  EVP_PKEY_free(key);
}

void certs_make_simple(const char *name, const char *issuer, const char *san) {
  struct cert_wish wish = {name, issuer, san, -1, 1, false};
  certs_make(&wish);
}
