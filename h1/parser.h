/* A whole HTTP/1.1 head to its parts: the only file that sees the parser. */
#ifndef H2WS_H1_PARSER_H
#define H2WS_H1_PARSER_H

#include "lib/base/stream.h"

/* The head of a request or an answer, as it was sent. */
struct h2ws__h1_message {
  /* method and path (the whole target), or status; and the fields. */
  struct h2ws__head head;
  bool http10; /* HTTP/1.0 */
};

/*
 * Parses `text`, which ends with an empty line, holds no control characters
 * but CR LF at the ends of its lines and tabs, and begins no line but the
 * first with a space. Returns 0, H2WS_ERR_NOMEM, or the status that answers
 * such a head: 400, 431 (more than `max_fields`), 501 (an unknown method),
 * 505 (another version). On failure `out` needs no disposal.
 */
int h2ws__h1_parse(struct h2ws__h1_message *out, const h2ws_mem *mem,
                   const char *text, size_t len, bool request,
                   size_t max_fields);

#endif
