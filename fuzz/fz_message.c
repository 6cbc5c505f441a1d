/*
 * WebSocket bytes, into a socket that is open. Byte 0: which side, and how
 * the bytes are cut; byte 1: how long the DATA frames are, and whether
 * compression was agreed on.
 */
#include "fuzz/common.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* ------------------------------------------------------------------------
 * Frames
 */

static size_t fuzz_frame(uint8_t *out, uint8_t type, uint8_t flags,
                         const uint8_t *payload, size_t len) {
  uint32_t id = type == 0 || type == 1 ? 1 : 0;
  out[0] = (uint8_t)(len >> 16);
  out[1] = (uint8_t)(len >> 8);
  out[2] = (uint8_t)len;
  out[3] = type;
  out[4] = flags;
  out[5] = out[6] = out[7] = 0;
  out[8] = (uint8_t)id;
  if (len > 0) {
    memcpy(out + 9, payload, len);
  }
  return len + 9;
}

/* HPACK: literal without indexing, new name, no Huffman. */
static size_t fuzz_field(uint8_t *out, const char *name, const char *value) {
  size_t n = strlen(name);
  size_t v = strlen(value);
  out[0] = 0;
  out[1] = (uint8_t)n;
  memcpy(out + 2, name, n);
  out[2 + n] = (uint8_t)v;
  memcpy(out + 3 + n, value, v);
  return n + v + 3;
}

/* Wraps bytes into DATA frames of `size` on stream 1 and feeds them. */
static void fuzz_feed_data(struct fuzz *f, const uint8_t *data, size_t len,
                           size_t size, size_t chunk) {
  static uint8_t frame[16384 + 9];
  size = size < 16384 ? size : 16384;
  while (len > 0) {
    size_t n = len < size ? len : size;
    size_t total = fuzz_frame(frame, 0, 0, data, n);
    fuzz_feed(f, frame, total, chunk);
    data += n;
    len -= n;
  }
}

static const uint8_t empty_settings[9] = {0, 0, 0, 4, 0, 0, 0, 0, 0};

#define EXTENSIONS "sec-websocket-extensions"

static void open_server(struct fuzz *f, bool compress) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  uint8_t fields[512];
  uint8_t frame[600];
  size_t n = 0;
  fuzz_begin(f, /* server = */ true, H2WS_HTTP_2);
  fuzz_feed(f, (const uint8_t *)preface, sizeof(preface) - 1, 65536);
  fuzz_feed(f, empty_settings, sizeof(empty_settings), 65536);
  n += fuzz_field(fields + n, ":method", "CONNECT");
  n += fuzz_field(fields + n, ":protocol", "websocket");
  n += fuzz_field(fields + n, ":scheme", "https");
  n += fuzz_field(fields + n, ":authority", "example.com");
  n += fuzz_field(fields + n, ":path", "/echo");
  n += fuzz_field(fields + n, "sec-websocket-version", "13");
  if (compress) {
    n += fuzz_field(fields + n, EXTENSIONS, "permessage-deflate");
  }
  n = fuzz_frame(frame, 1, 4, fields, n);
  fuzz_feed(f, frame, n, 65536);
  fuzz_check(f->handed_out == 2);
}

static void open_client(struct fuzz *f, bool compress) {
  static const uint8_t settings[15] = {0, 0, 6, 4, 0, 0, 0, 0,
                                       0, 0, 8, 0, 0, 0, 1};
  uint8_t fields[64] = {0x88}; /* HPACK: status 200 */
  uint8_t answer[80];
  size_t n = 1;
  h2ws_socket *socket = NULL;
  h2ws_socket_options options;
  h2ws_request request = {0};
  fuzz_begin(f, /* server = */ false, H2WS_HTTP_2);
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = FUZZ_MESSAGE_MAX;
  options.compress = compress;
  options.compress_recv_takeover = true;
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/echo";
  fuzz_check(h2ws_socket_open(f->conn, &socket, &request, &options,
                              &fuzz_socket, f) == 0);
  f->handed_out++;
  fuzz_drain_output(f);
  fuzz_feed(f, settings, sizeof(settings), 65536);
  if (compress) {
    n += fuzz_field(fields + n, EXTENSIONS, "permessage-deflate");
  }
  n = fuzz_frame(answer, 1, 4, fields, n);
  fuzz_feed(f, answer, n, 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct fuzz f;
  if (len < 2) {
    return 0;
  }
  if ((data[0] & 0x80) != 0) {
    open_client(&f, (data[1] & 0x80) != 0);
  } else {
    open_server(&f, (data[1] & 0x80) != 0);
  }
  fuzz_feed_data(&f, data + 2, len - 2, fuzz_chunk(data[1] & 0x7f),
                 fuzz_chunk(data[0] & 0x7f));
  fuzz_end(&f);
  return 0;
}
