/* Certificates for tests, made on the spot, each in one PEM file with its key.
 */
#ifndef H2WS_TESTS_IO_CERTS_H
#define H2WS_TESTS_IO_CERTS_H

#include <stdbool.h>

struct cert_wish {
  const char *name;   /* of the file and of the subject */
  const char *issuer; /* NULL: self-signed */
  const char *san;    /* as in OpenSSL's configuration; NULL: none */
  int from_day;       /* validity, in days from now */
  int to_day;
  bool rsa; /* instead of P-256 */
};

/* Makes a folder for them; certs_end() removes it. */
void certs_begin(void);
void certs_end(void);

void certs_make(const struct cert_wish *wish);

/* The usual: valid now, signed by `issuer`. */
void certs_make_simple(const char *name, const char *issuer, const char *san);

/* The file of a certificate. Static, one per name. */
const char *certs_file(const char *name);

/* A path for something else in that folder. */
const char *certs_path(const char *name);

#endif
