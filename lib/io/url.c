/* URLs of clients, by libevent's parser. */
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/address.h"

struct scheme {
  const char *name;
  bool secure;
  bool websocket;
};

static const struct scheme *find_scheme(const char *name) {
  static const struct scheme schemes[] = {{"wss", true, true},
                                          {"https", true, false},
                                          {"ws", false, true},
                                          {"http", false, false}};
  size_t i;
  for (i = 0; name != NULL && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
    if (evutil_ascii_strcasecmp(name, schemes[i].name) == 0) {
      return &schemes[i];
    }
  }
  return NULL;
}

static char *join_path(const char *path, const char *query) {
  const char *p = path == NULL || path[0] == '\0' ? "/" : path;
  size_t len = strlen(p) + (query == NULL ? 0 : strlen(query) + 1) + 1;
  char *joined = malloc(len);
  if (joined != NULL) {
    (void)snprintf(joined, len, "%s%s%s", p, query == NULL ? "" : "?",
                   query == NULL ? "" : query);
  }
  return joined;
}

/* Host and port, the default port left out (RFC 9110 section 4.2). */
static char *join_authority(const struct h2ws__url *url, bool default_port) {
  bool v6 = strchr(url->host, ':') != NULL;
  size_t len = strlen(url->host) + 16;
  char *joined = malloc(len);
  if (joined != NULL) {
    (void)snprintf(joined, len, "%s%s%s%s%s", v6 ? "[" : "", url->host,
                   v6 ? "]" : "", default_port ? "" : ":",
                   default_port ? "" : url->port);
  }
  return joined;
}

static int copy_host(struct h2ws__url *out, const char *host) {
  size_t len = host == NULL ? 0 : strlen(host);
  if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
    host++;
    len -= 2;
  }
  if (len == 0 || len >= sizeof(out->host)) {
    return H2WS_ERR_URL;
  }
  memcpy(out->host, host, len);
  out->host[len] = '\0';
  return 0;
}

/* NULL, or what is wrong with it. */
static const char *read_parts(struct h2ws__url *out,
                              const struct evhttp_uri *uri) {
  const struct scheme *scheme = find_scheme(evhttp_uri_get_scheme(uri));
  int port = evhttp_uri_get_port(uri);
  int standard;
  if (scheme == NULL) {
    return "the scheme is not ws, wss, http or https";
  }
  if (evhttp_uri_get_userinfo(uri) != NULL) {
    return "user and password do not belong into it; send a header";
  }
  if (evhttp_uri_get_fragment(uri) != NULL) { /* RFC 6455 section 3 */
    return "a fragment has no meaning here";
  }
  if (copy_host(out, evhttp_uri_get_host(uri)) != 0) {
    return "the host is missing or too long";
  }
  if (port == 0) {
    return "nothing listens on port 0";
  }
  standard = scheme->secure ? 443 : 80;
  out->secure = scheme->secure;
  out->websocket = scheme->websocket;
  (void)snprintf(out->port, sizeof(out->port), "%u",
                 (unsigned)(port > 0 ? port : standard) & 0xffffu);
  out->path = join_path(evhttp_uri_get_path(uri), evhttp_uri_get_query(uri));
  out->authority = join_authority(out, port <= 0 || port == standard);
  return NULL;
}

int h2ws__url_parse(struct h2ws__url *out, const char *text, char *why,
                    size_t why_len) {
  struct evhttp_uri *uri = evhttp_uri_parse(text);
  const char *wrong = "it is not a URL";
  memset(out, 0, sizeof(*out));
  if (uri != NULL) {
    wrong = read_parts(out, uri);
    evhttp_uri_free(uri);
  }
  if (wrong != NULL) {
    (void)snprintf(why, why_len, "the URL cannot be used: %s", wrong);
    h2ws__url_dispose(out);
    return H2WS_ERR_URL;
  }
  if (out->path == NULL || out->authority == NULL) {
    h2ws__url_dispose(out);
    return H2WS_ERR_NOMEM;
  }
  return 0;
}

void h2ws__url_dispose(struct h2ws__url *url) {
  free(url->path);
  free(url->authority);
  url->path = NULL;
  url->authority = NULL;
}
