#include "h1/intake.h"

#define CAP_MIN 512

void h2ws__h1_intake_dispose(struct h2ws__h1_intake *in, const h2ws_mem *mem) {
  h2ws__mem_free(mem, in->text);
  *in = (struct h2ws__h1_intake){0};
}

static int intake_grow(struct h2ws__h1_intake *in, const h2ws_mem *mem) {
  size_t cap = in->cap == 0 ? CAP_MIN : in->cap * 2;
  char *text;
  if (in->len < in->cap) {
    return 0;
  }
  text = h2ws__mem_resize(mem, in->text, cap);
  if (text == NULL) {
    return H2WS_ERR_NOMEM;
  }
  in->text = text;
  in->cap = cap;
  return 0;
}

static bool on_first_line(const struct h2ws__h1_intake *in) {
  return in->line == 0;
}

/* A CR LF was appended. */
static void end_line(struct h2ws__h1_intake *in) {
  bool empty = in->len - in->line == 2;
  if (!empty) {
    in->line = in->len;
  } else if (on_first_line(in)) {
    in->len = 0; /* RFC 9112 section 2.2: ignored in front of a head */
  } else {
    in->whole = true;
  }
}

/* 0, or 400 for a byte that has no place here (RFC 9112 sections 2.2, 5). */
static int check_byte(const struct h2ws__h1_intake *in, uint8_t c) {
  bool after_cr = in->len > in->line && in->text[in->len - 1] == '\r';
  if (after_cr || c == '\n') {
    return after_cr && c == '\n' ? 0 : 400;
  }
  if (c == ' ' || c == '\t') {
    /* At the start of a line: folding, which is obsolete and dangerous. */
    return in->len == in->line ? 400 : 0;
  }
  return (c < ' ' && c != '\r') || c == 0x7f ? 400 : 0;
}

static int check_size(const struct h2ws__h1_intake *in, size_t max) {
  if (in->len - in->line >= H2WS__H1_LINE_MAX || in->len >= max) {
    return on_first_line(in) ? 414 : 431;
  }
  return 0;
}

static int intake_byte(struct h2ws__h1_intake *in, const h2ws_mem *mem,
                       uint8_t c, size_t max) {
  int rv = check_byte(in, c);
  if (rv == 0) {
    rv = check_size(in, max);
  }
  if (rv == 0) {
    rv = intake_grow(in, mem);
  }
  if (rv != 0) {
    return rv;
  }
  in->text[in->len++] = (char)c;
  if (c == '\n') {
    end_line(in);
  }
  return 0;
}

int h2ws__h1_intake_feed(struct h2ws__h1_intake *in, const h2ws_mem *mem,
                         const uint8_t *data, size_t len, size_t max,
                         size_t *used) {
  size_t i = 0;
  int rv = 0;
  while (i < len && !in->whole && rv == 0) {
    in->begun = true;
    rv = intake_byte(in, mem, data[i], max);
    i++;
  }
  *used = i;
  return rv;
}
