/* Where an HTTP proxy is: its URL, taken apart. */
#include <event2/http.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/race.h"

/* RFC 7617: base64 of what the URL has, percent-decoded. */
static int make_credentials(struct h2ws__proxy *out, const char *userinfo) {
  size_t len = 0;
  char *plain = evhttp_uridecode(userinfo, /* decode_plus = */ 0, &len);
  int rv = 0;
  if (plain == NULL) {
    return H2WS_ERR_NOMEM;
  }
  out->credentials = malloc((len + 2) / 3 * 4 + 1);
  if (out->credentials == NULL) {
    rv = H2WS_ERR_NOMEM;
  } else {
    (void)EVP_EncodeBlock((unsigned char *)out->credentials,
                          (const unsigned char *)plain, (int)len);
  }
  free(plain);
  return rv;
}

/* NULL, or what is wrong with it. */
static const char *read_parts(struct h2ws__proxy *out,
                              const struct evhttp_uri *uri) {
  const char *scheme = evhttp_uri_get_scheme(uri);
  const char *host = evhttp_uri_get_host(uri);
  const char *path = evhttp_uri_get_path(uri);
  size_t len = host == NULL ? 0 : strlen(host);
  int port = evhttp_uri_get_port(uri);
  if (scheme == NULL || evutil_ascii_strcasecmp(scheme, "http") != 0) {
    return "the scheme is not http";
  }
  if (path != NULL && path[0] != '\0' && strcmp(path, "/") != 0) {
    return "it has a path";
  }
  if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
    host++;
    len -= 2;
  }
  if (len == 0 || len >= sizeof(out->host)) {
    return "the host is missing or too long";
  }
  if (port == 0) {
    return "nothing listens on port 0";
  }
  memcpy(out->host, host, len);
  out->host[len] = '\0';
  (void)snprintf(out->port, sizeof(out->port), "%u",
                 (unsigned)(port > 0 ? port : 80) & 0xffffu);
  return NULL;
}

int h2ws__proxy_parse(struct h2ws__proxy *out, const char *text, char *why,
                      size_t why_len) {
  struct evhttp_uri *uri = evhttp_uri_parse(text);
  const char *wrong = "it is not a URL";
  int rv = 0;
  memset(out, 0, sizeof(*out));
  if (uri != NULL) {
    wrong = read_parts(out, uri);
    if (wrong == NULL && evhttp_uri_get_userinfo(uri) != NULL) {
      rv = make_credentials(out, evhttp_uri_get_userinfo(uri));
    }
    evhttp_uri_free(uri);
  }
  if (wrong != NULL) {
    /* Without its text, which may hold a password. */
    (void)snprintf(why, why_len, "the proxy's URL cannot be used: %s", wrong);
    return H2WS_ERR_URL;
  }
  return rv;
}

void h2ws__proxy_dispose(struct h2ws__proxy *proxy) {
  free(proxy->credentials);
  proxy->credentials = NULL;
}
