#include "h1/body.h"

/* A chunk's size, with leading zeros and an extension: no more than this. */
#define SIZE_LINE_MAX 256
#define SIZE_DIGITS_MAX 15 /* fits into 64 bits */
#define TRAILERS_MAX 8192

/* Of a chunked body: what the next byte is. */
enum chunk_state {
  CHUNK_SIZE,
  CHUNK_EXTENSION,
  CHUNK_SIZE_LF,
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNK_DATA_LF,
  CHUNK_TRAILER, /* or the CR of the empty line at the end */
  CHUNK_TRAILER_LF,
  CHUNK_OVER,
};

void h2ws__h1_body_init(struct h2ws__h1_body *body,
                        enum h2ws__h1_body_kind kind, uint64_t length) {
  *body = (struct h2ws__h1_body){0};
  body->kind = (uint8_t)kind;
  body->left = kind == H2WS__H1_BODY_LENGTH ? length : 0;
}

static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(uint8_t c) {
  return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* A byte of "1a2b;extension CR". */
static bool size_byte(struct h2ws__h1_body *body, uint8_t c) {
  int value = digit(c);
  body->line++;
  if (body->state == CHUNK_SIZE && value >= 0) {
    body->left = body->left * 16 + (uint64_t)value;
    return body->line <= SIZE_DIGITS_MAX;
  }
  if (body->line == 1 || body->line > SIZE_LINE_MAX) {
    return false;
  }
  if (c == '\r') {
    body->state = CHUNK_SIZE_LF;
    return true;
  }
  if (body->state == CHUNK_SIZE && c != ';') {
    return false;
  }
  body->state = CHUNK_EXTENSION;
  return is_text(c);
}

/* Trailers are read over: nobody has asked for them. */
static bool trailer_byte(struct h2ws__h1_body *body, uint8_t c) {
  body->extra++;
  if (c == '\r') {
    body->state = CHUNK_TRAILER_LF;
    return true;
  }
  body->line = 1;
  return is_text(c) && body->extra <= TRAILERS_MAX;
}

/* One byte of framing; false if it is wrong. */
static bool chunk_byte(struct h2ws__h1_body *body, uint8_t c) {
  switch ((enum chunk_state)body->state) {
  case CHUNK_SIZE:
  case CHUNK_EXTENSION:
    return size_byte(body, c);
  case CHUNK_SIZE_LF:
    body->state = body->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    body->line = 0;
    return c == '\n';
  case CHUNK_DATA_CR:
    body->state = CHUNK_DATA_LF;
    return c == '\r';
  case CHUNK_DATA_LF:
    body->state = CHUNK_SIZE;
    return c == '\n';
  case CHUNK_TRAILER:
    return trailer_byte(body, c);
  case CHUNK_TRAILER_LF:
    body->state = body->line == 0 ? CHUNK_OVER : CHUNK_TRAILER;
    body->line = 0;
    return c == '\n';
  case CHUNK_DATA:
  case CHUNK_OVER:
    break;
  }
  return false;
}

/* True if the next byte is content. */
static bool in_content(const struct h2ws__h1_body *body) {
  switch ((enum h2ws__h1_body_kind)body->kind) {
  case H2WS__H1_BODY_LENGTH:
    return body->left > 0;
  case H2WS__H1_BODY_CHUNKED:
    return body->state == CHUNK_DATA;
  case H2WS__H1_BODY_TO_END:
    return true;
  case H2WS__H1_BODY_NONE:
    break;
  }
  return false;
}

h2ws_ssize h2ws__h1_body_next(struct h2ws__h1_body *body, const uint8_t *data,
                              size_t len, bool *content) {
  size_t n = 0;
  *content = in_content(body);
  if (*content) {
    if (body->kind == H2WS__H1_BODY_TO_END) {
      return (h2ws_ssize)len;
    }
    n = len < body->left ? len : (size_t)body->left;
    body->left -= n;
    if (body->left == 0) {
      body->state = CHUNK_DATA_CR;
    }
    return (h2ws_ssize)n;
  }
  while (n < len && !in_content(body) && !h2ws__h1_body_is_over(body)) {
    if (!chunk_byte(body, data[n++])) {
      return H2WS_ERR_PROTO;
    }
  }
  return (h2ws_ssize)n;
}

bool h2ws__h1_body_is_over(const struct h2ws__h1_body *body) {
  switch ((enum h2ws__h1_body_kind)body->kind) {
  case H2WS__H1_BODY_LENGTH:
    return body->left == 0;
  case H2WS__H1_BODY_CHUNKED:
    return body->state == CHUNK_OVER;
  case H2WS__H1_BODY_TO_END:
    return false;
  case H2WS__H1_BODY_NONE:
    break;
  }
  return true;
}
