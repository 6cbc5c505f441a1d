/* Frames built by hand, right or wrong. */
#include "tests/support/wire.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void wire_bytes(struct wire_buf *b, const void *data, size_t len) {
  if (b->cap - b->len < len) {
    b->cap = (b->len + len) * 2;
    b->data = realloc(b->data, b->cap);
    ck_assert_ptr_nonnull(b->data);
  }
  if (len > 0) {
    memcpy(b->data + b->len, data, len);
    b->len += len;
  }
}

void wire_buf_free(struct wire_buf *b) {
  free(b->data);
  *b = (struct wire_buf){0};
}

static void put_number(uint8_t *out, size_t octets, uint32_t value) {
  while (octets > 0) {
    out[--octets] = (uint8_t)value;
    value >>= 8;
  }
}

void wire_frame_head(struct wire_buf *b, int type, int flags, uint32_t stream,
                     size_t len) {
  uint8_t head[9];
  put_number(head, 3, (uint32_t)len);
  head[3] = (uint8_t)type;
  head[4] = (uint8_t)flags;
  put_number(head + 5, 4, stream);
  wire_bytes(b, head, sizeof(head));
}

void wire_frame(struct wire_buf *b, int type, int flags, uint32_t stream,
                const void *payload, size_t len) {
  wire_frame_head(b, type, flags, stream, len);
  wire_bytes(b, payload, len);
}

void wire_preface(struct wire_buf *b) {
  wire_bytes(b, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
}

void wire_settings(struct wire_buf *b, const struct wire_setting *settings,
                   size_t len) {
  size_t i;
  wire_frame_head(b, WIRE_SETTINGS, WIRE_NONE, 0, len * 6);
  for (i = 0; i < len; i++) {
    uint8_t entry[6];
    put_number(entry, 2, settings[i].id);
    put_number(entry + 2, 4, settings[i].value);
    wire_bytes(b, entry, sizeof(entry));
  }
}

void wire_ack(struct wire_buf *b) {
  wire_frame(b, WIRE_SETTINGS, WIRE_ACK, 0, NULL, 0);
}

/* RFC 7541 section 5.1 with a prefix of seven bits; the H bit stays 0. */
static void put_string(struct wire_buf *block, const char *text, size_t len) {
  uint8_t octets[8];
  size_t n = 0;
  size_t rest = len;
  if (len < 127) {
    octets[n++] = (uint8_t)len;
  } else {
    octets[n++] = 127;
    for (rest -= 127; rest >= 128; rest /= 128) {
      octets[n++] = (uint8_t)(rest % 128 + 128);
    }
    octets[n++] = (uint8_t)rest;
  }
  wire_bytes(block, octets, n);
  wire_bytes(block, text, len);
}

void wire_field(struct wire_buf *block, const char *name, size_t name_len,
                const char *value, size_t value_len) {
  wire_bytes(block, "\0", 1);
  put_string(block, name, name_len);
  put_string(block, value, value_len);
}

void wire_fields(struct wire_buf *block, const char *lines) {
  while (*lines != '\0') {
    const char *end = strchr(lines, '\n');
    const char *colon = strstr(lines + 1, ": ");
    ck_assert_ptr_nonnull(end);
    ck_assert_ptr_nonnull(colon);
    ck_assert(colon < end);
    wire_field(block, lines, (size_t)(colon - lines), colon + 2,
               (size_t)(end - colon - 2));
    lines = end + 1;
  }
}

void wire_head(struct wire_buf *b, uint32_t stream, int flags,
               const char *lines) {
  struct wire_buf block = {0};
  if ((flags & WIRE_PRIO) != 0) { /* exclusive on 0, weight 255: Chromium's */
    wire_bytes(&block, "\x80\0\0\0\xff", 5);
  }
  wire_fields(&block, lines);
  wire_frame(b, WIRE_HEADERS, flags, stream, block.data, block.len);
  wire_buf_free(&block);
}

void wire_data(struct wire_buf *b, uint32_t stream, int flags, const void *data,
               size_t len) {
  wire_frame(b, WIRE_DATA, flags, stream, data, len);
}

void wire_data_padded(struct wire_buf *b, uint32_t stream, int flags,
                      const void *data, size_t len, uint8_t pad) {
  static const uint8_t zeros[256];
  wire_frame_head(b, WIRE_DATA, flags | WIRE_PADDED, stream, 1 + len + pad);
  wire_bytes(b, &pad, 1);
  wire_bytes(b, data, len);
  wire_bytes(b, zeros, pad);
}

static void frame_of_number(struct wire_buf *b, int type, uint32_t stream,
                            uint32_t number) {
  uint8_t octets[4];
  put_number(octets, 4, number);
  wire_frame(b, type, WIRE_NONE, stream, octets, sizeof(octets));
}

void wire_push(struct wire_buf *b, uint32_t stream, uint32_t promised,
               const char *lines) {
  uint8_t id[4] = {(uint8_t)(promised >> 24), (uint8_t)(promised >> 16),
                   (uint8_t)(promised >> 8), (uint8_t)promised};
  struct wire_buf block = {0};
  wire_bytes(&block, id, sizeof(id));
  wire_fields(&block, lines);
  wire_frame(b, WIRE_PUSH, WIRE_EH, stream, block.data, block.len);
  wire_buf_free(&block);
}

void wire_rst(struct wire_buf *b, uint32_t stream, uint32_t code) {
  frame_of_number(b, WIRE_RST, stream, code);
}

void wire_update(struct wire_buf *b, uint32_t stream, uint32_t add) {
  frame_of_number(b, WIRE_UPDATE, stream, add);
}

void wire_ping(struct wire_buf *b, int flags, const char *eight) {
  wire_frame(b, WIRE_PING, flags, 0, eight, 8);
}

void wire_goaway(struct wire_buf *b, uint32_t last, uint32_t code) {
  uint8_t octets[8];
  put_number(octets, 4, last);
  put_number(octets + 4, 4, code);
  wire_frame(b, WIRE_GOAWAY, WIRE_NONE, 0, octets, sizeof(octets));
}

void wire_priority(struct wire_buf *b, uint32_t stream, uint32_t parent) {
  uint8_t octets[5] = {0, 0, 0, 0, 15};
  put_number(octets, 4, parent);
  wire_frame(b, WIRE_PRIORITY, WIRE_NONE, stream, octets, sizeof(octets));
}

void wire_masked(struct wire_buf *b, uint32_t stream, int flags, int op,
                 const void *data, size_t len) {
  static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
  uint8_t frame[6 + 125];
  size_t i;
  if (len > 125) {
    ck_abort();
  }
  frame[0] = (uint8_t)op;
  frame[1] = (uint8_t)(0x80 | len);
  memcpy(frame + 2, key, sizeof(key));
  for (i = 0; i < len; i++) {
    frame[6 + i] = ((const uint8_t *)data)[i] ^ key[i % 4];
  }
  wire_data(b, stream, flags, frame, 6 + len);
}

void wire_unmasked(struct wire_buf *b, uint32_t stream, int flags, int op,
                   const void *data, size_t len) {
  uint8_t frame[2 + 125];
  if (len > 125) {
    ck_abort();
  }
  frame[0] = (uint8_t)op;
  frame[1] = (uint8_t)len;
  if (len > 0) {
    memcpy(frame + 2, data, len);
  }
  wire_data(b, stream, flags, frame, 2 + len);
}
