/*
 * sec-websocket-extensions (RFC 6455 section 9.1), and the terms of
 * permessage-deflate in it (RFC 7692 section 7.1).
 */
#ifndef H2WS_WS_EXTENSION_H
#define H2WS_WS_EXTENSION_H

#include <h2ws/core.h>

/* The largest window, and what it is where no parameter names it. */
#define H2WS__BITS_MAX 15
/* The smallest one that is legal; zlib cannot deflate with it. */
#define H2WS__BITS_MIN 8
/* An offer's client_max_window_bits without a value: any will do. */
#define H2WS__BITS_BARE 16

/* One set of parameters: offered, or agreed. Zeroed: no compression. */
struct h2ws__terms {
  bool on;
  bool server_no_takeover;
  bool client_no_takeover;
  uint8_t server_bits; /* 0: not mentioned */
  uint8_t client_bits; /* 0: not mentioned */
};

/* The longest field value that h2ws__terms_write() makes, and its NUL. */
#define H2WS__TERMS_TEXT_MAX 160

/* True if the compress_* options are in their ranges. */
bool h2ws__terms_allowed(const h2ws_socket_options *options);

/* Client: what these options offer; off if they offer nothing. */
void h2ws__terms_offer(struct h2ws__terms *out,
                       const h2ws_socket_options *options);

/* Writes terms that are on as the value of the field. Returns `out`. */
const char *h2ws__terms_write(const struct h2ws__terms *terms,
                              char out[H2WS__TERMS_TEXT_MAX]);

/*
 * Server: takes the first of the client's offers that these options allow.
 * NULL, with the terms to answer with (off: none), or a sentence that says
 * what is wrong with the field. `offers` may be NULL. Linear in its length.
 */
const char *h2ws__terms_choose(struct h2ws__terms *out, const char *offers,
                               const h2ws_socket_options *options);

/*
 * Client: judges the server's answer to `offer` (off: none). NULL, with the
 * terms agreed (off: none), or a sentence. `answer` may be NULL.
 */
const char *h2ws__terms_judge(struct h2ws__terms *out, const char *answer,
                              const struct h2ws__terms *offer);

/* The window that `bits` of agreed terms name. */
static inline uint8_t h2ws__terms_window(uint8_t bits) {
  return bits == 0 ? H2WS__BITS_MAX : bits;
}

#endif
