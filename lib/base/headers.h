/*
 * A list of header fields with limits: what a peer sent, or what is to be
 * sent. Counts bytes as RFC 9113 section 10.5.1 does (32 more per field).
 */
#ifndef H2WS_BASE_HEADERS_H
#define H2WS_BASE_HEADERS_H

#include "lib/base/mem.h"

#define H2WS__HEADER_OVERHEAD 32

struct h2ws__headers {
  h2ws_header *fields; /* strings are owned, one allocation per field */
  size_t len;
  size_t cap;
  size_t bytes;
};

/* A zeroed list is empty. */
void h2ws__headers_dispose(struct h2ws__headers *h, const h2ws_mem *mem);

/* Appends a copy; the name is turned to lower case. H2WS_ERR_NOMEM. */
int h2ws__headers_add(struct h2ws__headers *h, const h2ws_mem *mem,
                      const char *name, size_t name_len, const char *value,
                      size_t value_len);

/*
 * Adds, or joins to the field of the same name that is there already with
 * `separator`. H2WS_ERR_NOMEM.
 */
int h2ws__headers_join(struct h2ws__headers *h, const h2ws_mem *mem,
                       const char *name, size_t name_len, const char *value,
                       size_t value_len, const char *separator);

/* The value of the first field of this (lower-case) name, or NULL. */
const char *h2ws__headers_get(const struct h2ws__headers *h, const char *name);

/* How many fields have this name. */
size_t h2ws__headers_count(const struct h2ws__headers *h, const char *name);

/* True if a field of this name lists `item`, whatever its case. */
bool h2ws__headers_list(const struct h2ws__headers *h, const char *name,
                        const char *item);

/* RFC 9110 section 5.6.2: one or more token characters. */
bool h2ws__is_token(const char *str, size_t len);

/*
 * RFC 9110 section 5.5: no control characters but the tab, for peers reset a
 * request with them; RFC 9113 section 8.2.1: no space or tab at the ends.
 */
bool h2ws__is_field_value(const char *str, size_t len);

/* One or more visible ASCII characters, none of them in `extra`. */
bool h2ws__is_visible(const char *text, const char *extra);

/* A host with or without a port; no userinfo (RFC 9113 section 8.3.1). */
bool h2ws__is_authority(const char *text);

/*
 * Checks fields that the application gives: well-formed, and none of those
 * that belong to the connection (RFC 9113 section 8.2.2) or to us.
 * H2WS_ERR_HEADER, H2WS_ERR_INVALID.
 */
int h2ws__fields_check(const h2ws_header *headers, size_t len);

/* True if one of them has this name, whatever its case. */
bool h2ws__fields_have(const h2ws_header *headers, size_t len,
                       const char *name);

/*
 * What content-length among them says; *given tells if it is there.
 * H2WS_ERR_HEADER: there are two, or it is no number.
 */
int h2ws__fields_length(const h2ws_header *headers, size_t len, bool *given,
                        uint64_t *length);

/* A Content-Length (RFC 9112 section 6.3); false if it is none. */
bool h2ws__read_length(const char *text, uint64_t *out);

/* ASCII letters compare equal whatever their case. */
bool h2ws__equal_nocase(const char *a, const char *b);
/* The same for `len` bytes of both. */
bool h2ws__equal_nocase_n(const char *a, const char *b, size_t len);

/*
 * Walks a comma list (RFC 9110 section 5.6.1): sets *item and *len to the
 * next element without spaces around it and moves *pos behind it. Elements
 * may be empty. False at the end. *pos starts as the string.
 */
bool h2ws__list_next(const char **pos, const char **item, size_t *len);

/* True if the comma list (NULL: empty) holds `item`, whatever its case. */
bool h2ws__list_has_nocase(const char *list, const char *item);

#endif
