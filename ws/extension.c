#include "ws/extension.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/headers.h"

#define DEFLATE_NAME "permessage-deflate"
/* Longer values are no value that we know. */
#define VALUE_MAX 8
/* deflateInit2() refuses a raw window of 8 (row X-08). */
#define SEND_BITS_MIN 9

/* ------------------------------------------------------------------------
 * The grammar: extension *( "," extension ), each name *( ";" parameter )
 */

enum piece {
  PIECE_EXTENSION,
  PIECE_PARAM,
  PIECE_END,
  PIECE_BAD, /* not by the grammar */
};

struct reader {
  const char *pos;
  char before; /* the separator in front of pos */
  bool any;    /* an extension was found */
  const char *name;
  size_t name_len;
  bool has_value;
  char value[VALUE_MAX];
  size_t value_len; /* without quotes; may be more than fits */
};

static void reader_init(struct reader *r, const char *text) {
  *r = (struct reader){0};
  r->pos = text;
  r->before = ',';
}

static void skip_spaces(struct reader *r) {
  r->pos += strspn(r->pos, " \t");
}

static void value_add(struct reader *r, char c) {
  if (r->value_len < VALUE_MAX) {
    r->value[r->value_len] = c;
  }
  r->value_len++;
}

/* Behind the opening quote. What is quoted must be a token all the same. */
static bool read_quoted(struct reader *r) {
  while (*r->pos != '"') {
    if (*r->pos == '\\') {
      r->pos++;
    }
    if (!h2ws__is_token(r->pos, 1)) { /* the end of the text too */
      return false;
    }
    value_add(r, *r->pos++);
  }
  r->pos++;
  return r->value_len > 0;
}

static bool read_value(struct reader *r) {
  r->has_value = true;
  r->value_len = 0;
  if (*r->pos == '"') {
    r->pos++;
    return read_quoted(r);
  }
  while (h2ws__is_token(r->pos, 1)) {
    value_add(r, *r->pos++);
  }
  return r->value_len > 0;
}

static bool read_name(struct reader *r) {
  r->name = r->pos;
  while (h2ws__is_token(r->pos, 1)) {
    r->pos++;
  }
  r->name_len = (size_t)(r->pos - r->name);
  skip_spaces(r);
  return r->name_len > 0;
}

/* The separator behind a piece. */
static bool read_separator(struct reader *r) {
  skip_spaces(r);
  r->before = *r->pos;
  if (*r->pos == ',' || *r->pos == ';') {
    r->pos++;
    return true;
  }
  return *r->pos == '\0';
}

static enum piece reader_next(struct reader *r) {
  enum piece piece = r->before == ';' ? PIECE_PARAM : PIECE_EXTENSION;
  skip_spaces(r);
  if (piece == PIECE_EXTENSION) {
    r->pos += strspn(r->pos, ", \t"); /* elements may be empty */
    if (*r->pos == '\0') {
      return r->any ? PIECE_END : PIECE_BAD;
    }
    r->any = true;
  }
  r->has_value = false;
  if (!read_name(r)) {
    return PIECE_BAD;
  }
  if (piece == PIECE_PARAM && *r->pos == '=') {
    r->pos++;
    skip_spaces(r);
    if (!read_value(r)) {
      return PIECE_BAD;
    }
  }
  return read_separator(r) ? piece : PIECE_BAD;
}

static bool name_is(const struct reader *r, const char *name) {
  return r->name_len == strlen(name) && memcmp(r->name, name, r->name_len) == 0;
}

/* ------------------------------------------------------------------------
 * Parameters
 */

/* 8 to 15, without leading zero (RFC 7692 section 7.1.2); 0: it is not. */
static uint8_t bits_of(const struct reader *r) {
  const char *v = r->value;
  if (!r->has_value) {
    return 0;
  }
  if (r->value_len == 1 && (v[0] == '8' || v[0] == '9')) {
    return (uint8_t)(v[0] - '0');
  }
  if (r->value_len == 2 && v[0] == '1' && v[1] >= '0' && v[1] <= '5') {
    return (uint8_t)(10 + (v[1] - '0'));
  }
  return 0;
}

static bool set_flag(bool *flag, const struct reader *r) {
  bool right = !*flag && !r->has_value;
  *flag = true;
  return right;
}

static bool set_bits(uint8_t *bits, uint8_t value) {
  bool right = *bits == 0 && value != 0;
  *bits = value;
  return right;
}

/* False for an unknown, a repeated, or a wrong parameter. */
static bool terms_add(struct h2ws__terms *terms, const struct reader *r,
                      bool offer) {
  if (name_is(r, "server_no_context_takeover")) {
    return set_flag(&terms->server_no_takeover, r);
  }
  if (name_is(r, "client_no_context_takeover")) {
    return set_flag(&terms->client_no_takeover, r);
  }
  if (name_is(r, "server_max_window_bits")) {
    return set_bits(&terms->server_bits, bits_of(r));
  }
  if (name_is(r, "client_max_window_bits")) {
    bool bare = offer && !r->has_value;
    return set_bits(&terms->client_bits, bare ? H2WS__BITS_BARE : bits_of(r));
  }
  return false;
}

/* ------------------------------------------------------------------------
 * Both sides
 */

static bool in_range(uint32_t value, uint32_t low, uint32_t high) {
  return value >= low && value <= high;
}

bool h2ws__terms_allowed(const h2ws_socket_options *options) {
  return !options->compress ||
         (in_range(options->compress_level, 1, 9) &&
          in_range(options->compress_mem_level, 1, 9) &&
          in_range(options->compress_send_bits, SEND_BITS_MIN, 15) &&
          in_range(options->compress_recv_bits, SEND_BITS_MIN, 15));
}

static void text_add(char *out, const char *more) {
  size_t len = strlen(out);
  size_t n = strlen(more);
  assert(len + n < H2WS__TERMS_TEXT_MAX);
  memcpy(out + len, more, n + 1);
}

static void text_add_bits(char *out, const char *param, uint8_t bits) {
  char value[8];
  if (bits == 0) {
    return;
  }
  text_add(out, param);
  if (bits != H2WS__BITS_BARE) {
    (void)snprintf(value, sizeof(value), "=%u", (unsigned)bits);
    text_add(out, value);
  }
}

const char *h2ws__terms_write(const struct h2ws__terms *terms,
                              char out[H2WS__TERMS_TEXT_MAX]) {
  out[0] = '\0';
  text_add(out, DEFLATE_NAME);
  if (terms->server_no_takeover) {
    text_add(out, "; server_no_context_takeover");
  }
  if (terms->client_no_takeover) {
    text_add(out, "; client_no_context_takeover");
  }
  text_add_bits(out, "; server_max_window_bits", terms->server_bits);
  text_add_bits(out, "; client_max_window_bits", terms->client_bits);
  return out;
}

static uint8_t smaller(uint8_t a, uint8_t b) {
  return a < b ? a : b;
}

/* ------------------------------------------------------------------------
 * Server
 */

/* The answer to one valid offer; false if it cannot be taken. */
static bool terms_answer(struct h2ws__terms *out,
                         const struct h2ws__terms *offer,
                         const h2ws_socket_options *options) {
  uint8_t send = options->compress_send_bits;
  uint8_t recv = options->compress_recv_bits;
  if (offer->server_bits == H2WS__BITS_MIN) {
    return false;
  }
  *out = (struct h2ws__terms){0};
  out->on = true;
  out->server_no_takeover =
    offer->server_no_takeover || !options->compress_send_takeover;
  out->client_no_takeover =
    offer->client_no_takeover || !options->compress_recv_takeover;
  if (offer->server_bits != 0) {
    out->server_bits = smaller(offer->server_bits, send);
  } else if (send < H2WS__BITS_MAX) {
    out->server_bits = send;
  }
  /* Not to be named unless the client did (RFC 7692 section 7.1.2.2). */
  if (offer->client_bits != 0 && recv < H2WS__BITS_MAX) {
    out->client_bits = smaller(offer->client_bits, recv);
  }
  return true;
}

const char *h2ws__terms_choose(struct h2ws__terms *out, const char *offers,
                               const h2ws_socket_options *options) {
  struct reader r;
  struct h2ws__terms offer = {0}; /* on: valid so far */
  enum piece piece;
  *out = (struct h2ws__terms){0};
  if (offers == NULL) {
    return NULL;
  }
  reader_init(&r, offers);
  do {
    piece = reader_next(&r);
    if (piece == PIECE_BAD) {
      *out = (struct h2ws__terms){0};
      return "sec-websocket-extensions is not a list of extensions";
    }
    if (piece == PIECE_PARAM) {
      offer.on = offer.on && terms_add(&offer, &r, /* offer = */ true);
      continue;
    }
    if (offer.on && !out->on) { /* the offer before is complete */
      out->on = terms_answer(out, &offer, options);
    }
    offer = (struct h2ws__terms){0};
    offer.on = options->compress && name_is(&r, DEFLATE_NAME);
  } while (piece != PIECE_END);
  return NULL;
}

/* ------------------------------------------------------------------------
 * Client
 */

void h2ws__terms_offer(struct h2ws__terms *out,
                       const h2ws_socket_options *options) {
  uint8_t send = options->compress_send_bits;
  uint8_t recv = options->compress_recv_bits;
  *out = (struct h2ws__terms){0};
  if (options->compress) {
    out->on = true;
    out->server_no_takeover = !options->compress_recv_takeover;
    out->client_no_takeover = !options->compress_send_takeover;
    out->server_bits = recv < H2WS__BITS_MAX ? recv : 0;
    out->client_bits = send < H2WS__BITS_MAX ? send : H2WS__BITS_BARE;
  }
}

/* True if these terms keep to what was offered (RFC 7692 section 7.1). */
static bool terms_fit(const struct h2ws__terms *terms,
                      const struct h2ws__terms *offer) {
  if (offer->server_no_takeover && !terms->server_no_takeover) {
    return false;
  }
  if (offer->server_bits != 0 &&
      (terms->server_bits == 0 || terms->server_bits > offer->server_bits)) {
    return false;
  }
  return terms->client_bits <= offer->client_bits;
}

/* One piece of the answer; NULL if it is right. */
static const char *judge_piece(struct h2ws__terms *terms,
                               const struct h2ws__terms *offer,
                               const struct reader *r, enum piece piece) {
  if (piece == PIECE_BAD) {
    return "the server's sec-websocket-extensions is no list of extensions";
  }
  if (piece == PIECE_PARAM) {
    return terms_add(terms, r, /* offer = */ false)
             ? NULL
             : "the server's permessage-deflate has a wrong parameter";
  }
  if (!offer->on || terms->on || !name_is(r, DEFLATE_NAME)) {
    return "the server chose an extension that was not offered";
  }
  terms->on = true;
  return NULL;
}

const char *h2ws__terms_judge(struct h2ws__terms *out, const char *answer,
                              const struct h2ws__terms *offer) {
  struct h2ws__terms terms = {0};
  struct reader r;
  enum piece piece;
  *out = terms;
  if (answer == NULL) {
    return NULL;
  }
  reader_init(&r, answer);
  while ((piece = reader_next(&r)) != PIECE_END) {
    const char *wrong = judge_piece(&terms, offer, &r, piece);
    if (wrong != NULL) {
      return wrong;
    }
  }
  if (!terms_fit(&terms, offer)) {
    return "the server's permessage-deflate is not what was offered";
  }
  *out = terms;
  return NULL;
}
