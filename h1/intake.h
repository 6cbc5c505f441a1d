/* Collects the bytes of one head, as strictly as RFC 9112 asks. */
#ifndef H2WS_H1_INTAKE_H
#define H2WS_H1_INTAKE_H

#include "lib/base/mem.h"

/* A longer line is refused, within whatever limit of the head. */
#define H2WS__H1_LINE_MAX 8192

/* A zeroed intake is empty. */
struct h2ws__h1_intake {
  char *text; /* of the head, ends with an empty line once it is whole */
  size_t len;
  size_t cap;
  size_t line; /* where the line under way begins */
  bool whole;
  bool begun; /* something was received, if only an empty line */
};

void h2ws__h1_intake_dispose(struct h2ws__h1_intake *in, const h2ws_mem *mem);

/*
 * Takes bytes until the head is whole; *used says how many. Returns 0,
 * H2WS_ERR_NOMEM, or the status that answers such a head: 400, 414 (the first
 * line is too long), 431 (another line, or more than `max` bytes in all).
 */
int h2ws__h1_intake_feed(struct h2ws__h1_intake *in, const h2ws_mem *mem,
                         const uint8_t *data, size_t len, size_t max,
                         size_t *used);

#endif
