#include "lib/io/opening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io/tls.h"

/* ------------------------------------------------------------------------
 * Lists
 */

void h2ws__openings_init(struct h2ws__openings *list) {
  list->first = NULL;
  list->last = &list->first;
}

void h2ws__opening_unlist(h2ws_opening *opening) {
  if (opening->list == NULL) {
    return;
  }
  *opening->pprev = opening->next;
  if (opening->next != NULL) {
    opening->next->pprev = opening->pprev;
  } else {
    opening->list->last = opening->pprev;
  }
  opening->next = NULL;
  opening->list = NULL;
}

void h2ws__openings_append(struct h2ws__openings *list, h2ws_opening *opening) {
  h2ws__opening_unlist(opening);
  opening->list = list;
  opening->pprev = list->last;
  *list->last = opening;
  list->last = &opening->next;
}

/* ------------------------------------------------------------------------
 * Copies
 */

/* Replaces a borrowed string by a copy of ours. */
static bool own(h2ws_opening *o, const char **text) {
  if (*text == NULL) {
    return true;
  }
  *text = o->strings[o->strings_len] = strdup(*text);
  o->strings_len += *text != NULL ? 1 : 0;
  return *text != NULL;
}

static bool own_client(h2ws_opening *o, const h2ws_client_options *client) {
  h2ws_client_options *mine = &o->client;
  h2ws_client_options_default(mine, sizeof(*mine));
  if (client != NULL) {
    memcpy(mine, client,
           client->size < sizeof(*mine) ? client->size : sizeof(*mine));
  }
  /* The edge sets these; what is left is compared with that of others. */
  mine->conn.now = NULL;
  mine->conn.random = NULL;
  mine->conn.env_user = NULL;
  mine->conn.protocols = NULL;
  mine->why = NULL;
  return own(o, &mine->ca_file) && own(o, &mine->cert_file) &&
         own(o, &mine->key_file) && own(o, &mine->server_name) &&
         own(o, &mine->proxy) && own(o, &mine->unix_path);
}

/* What else may be wrong with them comes by on_close. */
static bool fields_are_there(const h2ws_request *request) {
  size_t i;
  for (i = 0; request->headers != NULL && i < request->headers_len; i++) {
    if (request->headers[i].name == NULL || request->headers[i].value == NULL) {
      return false;
    }
  }
  return request->headers != NULL || request->headers_len == 0;
}

static bool own_headers(h2ws_opening *o, const h2ws_request *request) {
  size_t len = request->headers_len;
  size_t size = (len + 1) * sizeof(h2ws_header);
  size_t i;
  char *at;
  for (i = 0; i < len; i++) {
    size +=
      strlen(request->headers[i].name) + strlen(request->headers[i].value) + 2;
  }
  o->headers = malloc(size);
  if (o->headers == NULL) {
    return false;
  }
  at = (char *)(o->headers + len);
  for (i = 0; i < len; i++) {
    o->headers[i].name = at;
    at = stpcpy(at, request->headers[i].name) + 1;
    o->headers[i].value = at;
    at = stpcpy(at, request->headers[i].value) + 1;
  }
  o->request.headers = o->headers;
  o->request.headers_len = len;
  return true;
}

static bool own_request(h2ws_opening *o, const h2ws_request *request) {
  h2ws_request *mine = &o->request;
  memcpy(mine, request,
         request->size < sizeof(*mine) ? request->size : sizeof(*mine));
  mine->size = sizeof(*mine);
  if (mine->authority == NULL) {
    mine->authority = o->url.authority;
  }
  if (mine->path == NULL) {
    mine->path = o->url.path;
  }
  return own(o, &mine->method) && own(o, &mine->protocol) &&
         own(o, &mine->scheme) && own(o, &mine->authority) &&
         own(o, &mine->path) && own_headers(o, request);
}

static bool own_socket_options(h2ws_opening *o,
                               const h2ws_socket_options *options) {
  h2ws_socket_options *mine = &o->socket_options;
  h2ws_socket_options_default(mine, sizeof(*mine));
  if (options != NULL) {
    memcpy(mine, options,
           options->size < sizeof(*mine) ? options->size : sizeof(*mine));
  }
  mine->size = sizeof(*mine);
  mine->origins = NULL; /* a server's */
  return own(o, &mine->protocols);
}

/* Origin, trust, and the way there. */
static bool make_key(h2ws_opening *o) {
  const h2ws_client_options *client = &o->client;
  char *trust = h2ws__tls_session_key(client, o->url.host, o->url.port);
  size_t len = 0;
  FILE *out = trust == NULL ? NULL : open_memstream(&o->key, &len);
  int rv = -1;
  if (out != NULL) {
    (void)fprintf(out, "%s\n%s\n%s%s", o->url.secure ? "https" : "http",
                  client->proxy == NULL ? "" : client->proxy, trust,
                  client->keylog ? "keylog" : "");
    rv = fclose(out);
  }
  free(trust);
  return rv == 0 && o->key != NULL;
}

void h2ws__opening_free(h2ws_opening *o) {
  size_t i;
  if (o->given && o->client.fd >= 0) {
    (void)close(o->client.fd);
  }
  for (i = 0; i < o->strings_len; i++) {
    free(o->strings[i]);
  }
  h2ws__url_dispose(&o->url);
  free(o->url_text);
  free(o->key);
  free(o->headers);
  free(o);
}

/* What h2ws_client_connect() would. */
static void tell(const h2ws_client_options *client, const char *why) {
  if (client != NULL && client->size >= sizeof(*client) &&
      client->why != NULL) {
    (void)snprintf(client->why, client->why_len, "%s", why);
  }
}

int h2ws__opening_new(h2ws_opening **out, const char *url,
                      const h2ws_client_options *client,
                      const h2ws_request *request,
                      const h2ws_socket_options *options) {
  char why[128] = "";
  h2ws_opening *o;
  int rv;
  if (!fields_are_there(request)) {
    return H2WS_ERR_INVALID;
  }
  o = calloc(1, sizeof(*o));
  if (o == NULL) {
    return H2WS_ERR_NOMEM;
  }
  rv = h2ws__url_parse(&o->url, url, why, sizeof(why));
  if (rv == 0) {
    o->url_text = strdup(url);
    rv = o->url_text != NULL && own_client(o, client) &&
             own_request(o, request) && own_socket_options(o, options) &&
             make_key(o)
           ? 0
           : H2WS_ERR_NOMEM;
  }
  if (rv != 0) {
    tell(client, why[0] != '\0' ? why : h2ws_strerror(rv));
    h2ws__opening_free(o);
    return rv;
  }
  o->given = o->client.fd >= 0;
  *out = o;
  return 0;
}
