#include <string.h>

#include "h2/session.h"

static int fields_add(struct h2ws__headers *out, const h2ws_mem *mem,
                      const char *name, const char *value) {
  return h2ws__headers_add(out, mem, name, strlen(name), value, strlen(value));
}

/* What `request` asks for, with its defaults filled in. */
struct request_line {
  const char *method;
  const char *scheme;
  bool connect;
  bool classic; /* CONNECT without :protocol: no :scheme, no :path */
};

static int request_check(const h2ws_request *r,
                         const struct request_line *line) {
  if (r->authority == NULL || !h2ws__is_authority(r->authority) ||
      !h2ws__is_token(line->method, strlen(line->method)) ||
      (line->connect && r->end)) {
    return H2WS_ERR_INVALID;
  }
  if (r->protocol != NULL &&
      (!line->connect || !h2ws__is_token(r->protocol, strlen(r->protocol)))) {
    return H2WS_ERR_INVALID;
  }
  if (line->classic) {
    return r->path == NULL && r->scheme == NULL ? 0 : H2WS_ERR_INVALID;
  }
  if (r->path == NULL || !h2ws__is_visible(r->path, "#") ||
      (r->path[0] != '/' && strcmp(r->path, "*") != 0)) {
    return H2WS_ERR_INVALID;
  }
  return h2ws__is_visible(line->scheme, "") ? 0 : H2WS_ERR_INVALID;
}

/* RFC 8441 section 4: the pseudo fields, before all others. */
static int request_add_pseudo(const h2ws_mem *mem, struct h2ws__headers *out,
                              const h2ws_request *r,
                              const struct request_line *line) {
  int rv = fields_add(out, mem, ":method", line->method);
  if (rv == 0 && r->protocol != NULL) {
    rv = fields_add(out, mem, ":protocol", r->protocol);
  }
  if (rv == 0 && !line->classic) {
    rv = fields_add(out, mem, ":scheme", line->scheme);
  }
  if (rv == 0) {
    rv = fields_add(out, mem, ":authority", r->authority);
  }
  if (rv == 0 && !line->classic) {
    rv = fields_add(out, mem, ":path", r->path);
  }
  return rv;
}

int h2ws__h2_build_request(struct h2ws__h2 *h2, struct h2ws__headers *out,
                           const h2ws_request *r) {
  const h2ws_mem *mem = &h2->env->mem;
  struct request_line line;
  size_t i;
  int rv;
  line.method = r->method != NULL ? r->method : "CONNECT";
  line.scheme = r->scheme != NULL    ? r->scheme
                : h2->options.secure ? "https"
                                     : "http";
  line.connect = strcmp(line.method, "CONNECT") == 0;
  line.classic = line.connect && r->protocol == NULL;
  rv = request_check(r, &line);
  if (rv == 0) {
    rv = h2ws__fields_check(r->headers, r->headers_len);
  }
  if (rv == 0) {
    rv = request_add_pseudo(mem, out, r, &line);
  }
  for (i = 0; rv == 0 && i < r->headers_len; i++) {
    /* RFC 9110 section 9.3.6: a CONNECT has no content. */
    if (line.connect &&
        h2ws__equal_nocase(r->headers[i].name, "content-length")) {
      rv = H2WS_ERR_HEADER;
    } else {
      rv = fields_add(out, mem, r->headers[i].name, r->headers[i].value);
    }
  }
  return rv;
}

/* nghttp2_nv has no const, though nghttp2 copies what it is given. */
static uint8_t *nv_bytes(const char *text) {
  union {
    const char *in;
    uint8_t *out;
  } cast = {text};
  return cast.out;
}

nghttp2_nv *h2ws__h2_nva(const h2ws_mem *mem,
                         const struct h2ws__headers *fields) {
  size_t i;
  nghttp2_nv *nva =
    h2ws__mem_alloc(mem, (fields->len + 1) * sizeof(nghttp2_nv));
  if (nva == NULL) {
    return NULL;
  }
  for (i = 0; i < fields->len; i++) {
    const h2ws_header *field = &fields->fields[i];
    nva[i].name = nv_bytes(field->name);
    nva[i].namelen = strlen(field->name);
    nva[i].value = nv_bytes(field->value);
    nva[i].valuelen = strlen(field->value);
    /* Credentials are never put into a compression table (RFC 7541 s. 7.1) */
    nva[i].flags = strcmp(field->name, "authorization") == 0 ||
                       strcmp(field->name, "cookie") == 0
                     ? NGHTTP2_NV_FLAG_NO_INDEX
                     : NGHTTP2_NV_FLAG_NONE;
  }
  return nva;
}
