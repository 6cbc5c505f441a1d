/*
 * UTF-8 (RFC 3629), checked as it arrives: fails at the first byte that makes
 * the text impossible, wherever the pieces are cut.
 */
#ifndef H2WS_WS_UTF8_H
#define H2WS_WS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: between characters. */
struct h2ws__utf8 {
  uint8_t state; /* of the automaton in utf8.c */
};

/* False if the text cannot become valid. */
bool h2ws__utf8_feed(struct h2ws__utf8 *utf8, const uint8_t *data, size_t len);

/* The same with so many bytes at once (utf8_vector.h), for the tests. */
bool h2ws__utf8_feed_by(struct h2ws__utf8 *utf8, const uint8_t *data,
                        size_t len, size_t width);

/* True if the text may end here. */
bool h2ws__utf8_is_complete(const struct h2ws__utf8 *utf8);

/* Whole text in one piece. */
bool h2ws__utf8_is_valid(const uint8_t *data, size_t len);

#endif
