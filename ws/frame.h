/*
 * Frame headers (RFC 6455 section 5.2), by wslay's frame layer.
 *
 * wslay is shown headers only. Masking stays out of it (it masks byte by
 * byte), and payload too: wslay never looks at unmasked payload, it counts
 * it, so its callbacks report payload as moved without moving any. So wslay
 * never is in the middle of a frame between two calls, and one codec serves
 * all sockets of a connection.
 */
#ifndef H2WS_WS_FRAME_H
#define H2WS_WS_FRAME_H

#include "lib/base/env.h"

#define H2WS__FRAME_HEADER_MAX 14
#define H2WS__FRAME_MASK_BIT 0x80
#define H2WS__FRAME_LEN_BITS 0x7f
#define H2WS__FRAME_KEY_LEN 4
#define H2WS__RSV1 4

struct h2ws__frame {
  bool fin;
  uint8_t rsv;
  uint8_t opcode;
  bool masked;
  uint8_t key[4];
  uint64_t len;
};

enum h2ws__opcode {
  H2WS__OP_CONTINUATION = 0,
  H2WS__OP_TEXT = 1,
  H2WS__OP_BINARY = 2,
  H2WS__OP_CLOSE = 8,
  H2WS__OP_PING = 9,
  H2WS__OP_PONG = 10,
};

static inline bool h2ws__opcode_is_control(uint8_t opcode) {
  return (opcode & 8) != 0;
}

/* Bytes of length behind this second byte. */
static inline size_t h2ws__frame_extended_len(uint8_t second) {
  uint8_t bits = second & H2WS__FRAME_LEN_BITS;
  return bits < 126 ? 0 : bits == 126 ? 2 : 8;
}

/* How long the header is that begins with these two bytes. */
static inline size_t h2ws__frame_header_len(const uint8_t first_two[2]) {
  return 2 + h2ws__frame_extended_len(first_two[1]) +
         ((first_two[1] & H2WS__FRAME_MASK_BIT) != 0 ? H2WS__FRAME_KEY_LEN : 0);
}

/*
 * Parses a whole header. 0, H2WS_ERR_PROTO if it violates RFC 6455 section
 * 5.2 or 5.5, H2WS_ERR_NOMEM.
 */
int h2ws__frame_parse(struct h2ws__env *env, struct h2ws__frame *out,
                      const uint8_t *header);

/*
 * Writes a header; if `frame->masked`, with a fresh key, which is stored in
 * the frame. Returns its length, H2WS_ERR_NOMEM, or H2WS_ERR_INTERNAL if
 * there is no randomness (RFC 6455 section 10.3).
 */
h2ws_ssize h2ws__frame_build(struct h2ws__env *env,
                             uint8_t out[H2WS__FRAME_HEADER_MAX],
                             struct h2ws__frame *frame);

/* Frees what the connection's codec holds; it comes back when needed. */
void h2ws__codec_free(struct h2ws__env *env);

#endif
