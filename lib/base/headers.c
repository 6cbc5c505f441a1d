#include "lib/base/headers.h"

#include <string.h>

static char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void h2ws__headers_dispose(struct h2ws__headers *h, const h2ws_mem *mem) {
  size_t i;
  for (i = 0; i < h->len; i++) {
    /* Name and value share one allocation, which begins with the name. */
    union {
      const char *in;
      char *out;
    } cast = {h->fields[i].name};
    h2ws__mem_free(mem, cast.out);
  }
  h2ws__mem_free(mem, h->fields);
  *h = (struct h2ws__headers){0};
}

static int headers_grow(struct h2ws__headers *h, const h2ws_mem *mem) {
  size_t cap = h->cap == 0 ? 8 : h->cap * 2;
  h2ws_header *fields;
  if (h->len < h->cap) {
    return 0;
  }
  fields = h2ws__mem_resize(mem, h->fields, cap * sizeof(*fields));
  if (fields == NULL) {
    return H2WS_ERR_NOMEM;
  }
  h->fields = fields;
  h->cap = cap;
  return 0;
}

int h2ws__headers_add(struct h2ws__headers *h, const h2ws_mem *mem,
                      const char *name, size_t name_len, const char *value,
                      size_t value_len) {
  char *copy;
  size_t i;
  if (headers_grow(h, mem) != 0) {
    return H2WS_ERR_NOMEM;
  }
  copy = h2ws__mem_alloc(mem, name_len + value_len + 2);
  if (copy == NULL) {
    return H2WS_ERR_NOMEM;
  }
  for (i = 0; i < name_len; i++) {
    copy[i] = to_lower(name[i]);
  }
  copy[name_len] = '\0';
  if (value_len > 0) {
    memcpy(copy + name_len + 1, value, value_len);
  }
  copy[name_len + 1 + value_len] = '\0';
  h->fields[h->len].name = copy;
  h->fields[h->len].value = copy + name_len + 1;
  h->len++;
  h->bytes += name_len + value_len + H2WS__HEADER_OVERHEAD;
  return 0;
}

static h2ws_header *headers_find(const struct h2ws__headers *h,
                                 const char *name, size_t name_len) {
  size_t i;
  for (i = 0; i < h->len; i++) {
    if (strlen(h->fields[i].name) == name_len &&
        memcmp(h->fields[i].name, name, name_len) == 0) {
      return &h->fields[i];
    }
  }
  return NULL;
}

int h2ws__headers_join(struct h2ws__headers *h, const h2ws_mem *mem,
                       const char *name, size_t name_len, const char *value,
                       size_t value_len, const char *separator) {
  h2ws_header *field = headers_find(h, name, name_len);
  size_t old_len;
  size_t sep_len = strlen(separator);
  union {
    const char *in;
    char *out;
  } cast;
  char *grown;
  if (field == NULL) {
    return h2ws__headers_add(h, mem, name, name_len, value, value_len);
  }
  old_len = strlen(field->value);
  cast.in = field->name;
  grown = h2ws__mem_resize(mem, cast.out,
                           name_len + old_len + sep_len + value_len + 2);
  if (grown == NULL) {
    return H2WS_ERR_NOMEM;
  }
  field->name = grown;
  field->value = grown + name_len + 1;
  grown += name_len + 1 + old_len;
  memcpy(grown, separator, sep_len);
  memcpy(grown + sep_len, value, value_len);
  grown[sep_len + value_len] = '\0';
  h->bytes += sep_len + value_len;
  return 0;
}

const char *h2ws__headers_get(const struct h2ws__headers *h, const char *name) {
  const h2ws_header *field = headers_find(h, name, strlen(name));
  return field == NULL ? NULL : field->value;
}

size_t h2ws__headers_count(const struct h2ws__headers *h, const char *name) {
  size_t count = 0;
  size_t i;
  for (i = 0; i < h->len; i++) {
    count += strcmp(h->fields[i].name, name) == 0;
  }
  return count;
}

static bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool h2ws__is_token(const char *str, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (!is_token_char(str[i])) {
      return false;
    }
  }
  return len > 0;
}

static bool is_space(char c) {
  return c == ' ' || c == '\t';
}

bool h2ws__is_field_value(const char *str, size_t len) {
  size_t i;
  if (len > 0 && (is_space(str[0]) || is_space(str[len - 1]))) {
    return false;
  }
  for (i = 0; i < len; i++) {
    unsigned char c = (unsigned char)str[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) {
      return false;
    }
  }
  return true;
}

bool h2ws__is_visible(const char *text, const char *extra) {
  const char *p;
  for (p = text; *p != '\0'; p++) {
    if (*p <= ' ' || *p >= 0x7f || strchr(extra, *p) != NULL) {
      return false;
    }
  }
  return p != text;
}

/* What follows the host: nothing, or a colon and a port number. */
static bool is_port(const char *text) {
  unsigned port = 0;
  if (*text == '\0') {
    return true;
  }
  if (*text++ != ':') {
    return false;
  }
  for (; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++) {
    port = port * 10 + (unsigned)(*text - '0');
  }
  return *text == '\0' && port <= UINT16_MAX;
}

bool h2ws__is_authority(const char *text) {
  size_t host;
  /* RFC 9113 section 8.3.1: no userinfo; RFC 3986: none of the others */
  if (!h2ws__is_visible(text, "@/?#\\")) {
    return false;
  }
  if (text[0] != '[') {
    host = strcspn(text, ":[]");
    return host > 0 && is_port(text + host);
  }
  host = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
  return host > 1 && text[host] == ']' && is_port(text + host + 1);
}

/* RFC 9113 section 8.2.2, and Host, which the authority stands for. */
static bool field_is_forbidden(const char *name) {
  static const char *const forbidden[] = {
    "connection", "upgrade",          "keep-alive",
    "host",       "proxy-connection", "transfer-encoding",
  };
  size_t i;
  for (i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
    if (h2ws__equal_nocase(name, forbidden[i])) {
      return true;
    }
  }
  return false;
}

int h2ws__fields_check(const h2ws_header *headers, size_t len) {
  size_t i;
  if (headers == NULL && len > 0) {
    return H2WS_ERR_INVALID;
  }
  for (i = 0; i < len; i++) {
    const char *name = headers[i].name;
    const char *value = headers[i].value;
    if (name == NULL || value == NULL) {
      return H2WS_ERR_INVALID;
    }
    if (!h2ws__is_token(name, strlen(name)) ||
        !h2ws__is_field_value(value, strlen(value)) ||
        field_is_forbidden(name) ||
        (h2ws__equal_nocase(name, "te") &&
         !h2ws__equal_nocase(value, "trailers"))) {
      return H2WS_ERR_HEADER;
    }
  }
  return 0;
}

bool h2ws__fields_have(const h2ws_header *headers, size_t len,
                       const char *name) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (h2ws__equal_nocase(headers[i].name, name)) {
      return true;
    }
  }
  return false;
}

bool h2ws__equal_nocase(const char *a, const char *b) {
  while (*a != '\0' && to_lower(*a) == to_lower(*b)) {
    a++;
    b++;
  }
  return to_lower(*a) == to_lower(*b);
}

bool h2ws__equal_nocase_n(const char *a, const char *b, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (to_lower(a[i]) != to_lower(b[i])) {
      return false;
    }
  }
  return true;
}

bool h2ws__list_next(const char **pos, const char **item, size_t *len) {
  const char *start = *pos;
  const char *end;
  if (start == NULL) {
    return false;
  }
  end = strchr(start, ',');
  *pos = end == NULL ? NULL : end + 1;
  if (end == NULL) {
    end = start + strlen(start);
  }
  while (start < end && is_space(*start)) {
    start++;
  }
  while (end > start && is_space(end[-1])) {
    end--;
  }
  *item = start;
  *len = (size_t)(end - start);
  return true;
}

bool h2ws__list_has_nocase(const char *list, const char *item) {
  const char *pos = list;
  const char *other;
  size_t wanted = strlen(item);
  size_t len;
  while (h2ws__list_next(&pos, &other, &len)) {
    size_t i = 0;
    while (len == wanted && i < len &&
           to_lower(other[i]) == to_lower(item[i])) {
      i++;
    }
    if (len == wanted && i == len) {
      return true;
    }
  }
  return false;
}

bool h2ws__headers_list(const struct h2ws__headers *h, const char *name,
                        const char *item) {
  size_t i;
  for (i = 0; i < h->len; i++) {
    if (strcmp(h->fields[i].name, name) == 0 &&
        h2ws__list_has_nocase(h->fields[i].value, item)) {
      return true;
    }
  }
  return false;
}

bool h2ws__read_length(const char *text, uint64_t *out) {
  uint64_t value = 0;
  const char *p;
  for (p = text; *p >= '0' && *p <= '9'; p++) {
    if (value > (UINT64_MAX - 9) / 10) {
      return false;
    }
    value = value * 10 + (uint64_t)(*p - '0');
  }
  *out = value;
  return p != text && *p == '\0';
}

int h2ws__fields_length(const h2ws_header *headers, size_t len, bool *given,
                        uint64_t *length) {
  size_t i;
  *given = false;
  *length = 0;
  for (i = 0; i < len; i++) {
    if (!h2ws__equal_nocase(headers[i].name, "content-length")) {
      continue;
    }
    if (*given || !h2ws__read_length(headers[i].value, length)) {
      return H2WS_ERR_HEADER;
    }
    *given = true;
  }
  return 0;
}
