/* Where the content of a message ends (RFC 9112 section 6). */
#ifndef H2WS_H1_BODY_H
#define H2WS_H1_BODY_H

#include <h2ws/core.h>

enum h2ws__h1_body_kind {
  H2WS__H1_BODY_NONE,
  H2WS__H1_BODY_LENGTH,  /* Content-Length */
  H2WS__H1_BODY_CHUNKED, /* Transfer-Encoding: chunked */
  H2WS__H1_BODY_TO_END,  /* an answer that lasts as long as the connection */
};

/* A zeroed body has none, and is at its end. */
struct h2ws__h1_body {
  uint8_t kind;   /* enum h2ws__h1_body_kind */
  uint8_t state;  /* of CHUNKED, see body.c */
  uint16_t line;  /* bytes of the line under way */
  uint32_t extra; /* bytes of all trailers */
  uint64_t left;  /* content still to come: of LENGTH, of the chunk */
};

void h2ws__h1_body_init(struct h2ws__h1_body *body,
                        enum h2ws__h1_body_kind kind, uint64_t length);

/*
 * Looks at bytes: returns how many of them come next, all content or all
 * framing; *content says which. H2WS_ERR_PROTO: the framing is broken.
 */
h2ws_ssize h2ws__h1_body_next(struct h2ws__h1_body *body, const uint8_t *data,
                              size_t len, bool *content);

/* True if nothing of it is to come. TO_END never is. */
bool h2ws__h1_body_is_over(const struct h2ws__h1_body *body);

#endif
