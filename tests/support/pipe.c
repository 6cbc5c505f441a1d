#include "tests/support/pipe.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  FRAME_DATA = 0,
  FRAME_HEADERS = 1,
  FRAME_RST_STREAM = 3,
  FRAME_SETTINGS = 4,
  FRAME_PING = 6,
  FRAME_WINDOW_UPDATE = 8,
};
#define FLAG_END_STREAM 1
#define FLAG_ACK 1
#define FLAG_END_HEADERS 4
#define FRAME_HEADER_LEN 9
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PREFACE_LEN (sizeof(PREFACE) - 1)
#define WINDOW_INITIAL 65535
#define WINDOW_MAX 0x7fffffff
/* Payload bytes of a message that its line in the trace shows. */
#define TRACE_SHOWN 40

/* ------------------------------------------------------------------------
 * Bytes
 */

void test_bytes_add(struct test_bytes *bytes, const void *data, size_t len) {
  if (bytes->len + len > bytes->cap) {
    bytes->cap = 2 * (bytes->len + len);
    bytes->data = realloc(bytes->data, bytes->cap);
    ck_assert_ptr_nonnull(bytes->data);
  }
  if (len > 0) {
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
  }
}

static void bytes_add_byte(struct test_bytes *bytes, uint8_t byte) {
  test_bytes_add(bytes, &byte, 1);
}

void test_bytes_add_hex(struct test_bytes *bytes, const char *hex) {
  static const char digits[] = "0123456789abcdef";
  unsigned value = 1; /* a one in front of the digits */
  for (; *hex != '\0'; hex++) {
    const char *digit = strchr(digits, *hex);
    if (*hex == ' ') {
      continue;
    }
    ck_assert_ptr_nonnull(digit);
    value = value << 4 | (unsigned)(digit - digits);
    if (value > 0xff) {
      bytes_add_byte(bytes, (uint8_t)value);
      value = 1;
    }
  }
  ck_assert_uint_eq(value, 1);
}

void test_bytes_add_frame(struct test_bytes *bytes, uint8_t first,
                          const void *payload, size_t len) {
  size_t size = len > 65535 ? 8 : len > 125 ? 2 : 0;
  bytes_add_byte(bytes, first);
  bytes_add_byte(bytes, size == 8 ? 127 : size == 2 ? 126 : (uint8_t)len);
  while (size > 0) {
    size--;
    bytes_add_byte(bytes, (uint8_t)((uint64_t)len >> (8 * size)));
  }
  test_bytes_add(bytes, payload, len);
}

void test_bytes_dispose(struct test_bytes *bytes) {
  free(bytes->data);
  memset(bytes, 0, sizeof(*bytes));
}

/* ------------------------------------------------------------------------
 * Masks
 */

static size_t extended_len(uint8_t second) {
  return (second & 0x7f) == 127 ? 8 : (second & 0x7f) == 126 ? 2 : 0;
}

/* True if `byte` completes the header. */
static bool masker_header(struct test_masker *m, uint8_t byte, bool masked) {
  size_t size;
  size_t i;
  m->header[m->header_len++] = byte;
  if (m->header_len < 2) {
    return false;
  }
  size = extended_len(m->header[1]);
  if (m->header_len < 2 + size + (masked ? 4 : 0)) {
    return false;
  }
  m->left = size == 0 ? m->header[1] & 0x7f : 0;
  for (i = 0; i < size; i++) {
    m->left = m->left << 8 | m->header[2 + i];
  }
  if (masked) {
    memcpy(m->key, m->header + 2 + size, 4);
  }
  m->phase = 0;
  m->header_len = 0;
  return true;
}

/* Payload as far as it is there; returns how many bytes. */
static size_t masker_payload(struct test_masker *m, struct test_bytes *out,
                             const uint8_t *data, size_t len) {
  size_t n = len < m->left ? len : (size_t)m->left;
  size_t at = out->len;
  size_t i;
  test_bytes_add(out, data, n);
  for (i = 0; i < n; i++) {
    out->data[at + i] ^= m->key[m->phase++ % 4];
  }
  m->left -= n;
  return n;
}

static void mask_bytes(struct test_masker *m, struct test_bytes *out,
                       const uint8_t *data, size_t len) {
  static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
  size_t i = 0;
  memcpy(m->key, key, sizeof(key));
  while (i < len) {
    if (m->left > 0) {
      i += masker_payload(m, out, data + i, len - i);
    } else if (masker_header(m, data[i++], /* masked = */ false)) {
      m->header[1] |= 0x80;
      test_bytes_add(out, m->header, 2 + extended_len(m->header[1]));
      test_bytes_add(out, key, sizeof(key));
    }
  }
}

static void unmask_bytes(struct test_pipe *pipe, const uint8_t *data,
                         size_t len) {
  struct test_masker *m = &pipe->unmask;
  size_t i = 0;
  while (i < len) {
    if (m->left > 0) {
      i += masker_payload(m, &pipe->out, data + i, len - i);
    } else if (masker_header(m, data[i++], /* masked = */ true)) {
      ck_assert_msg((m->header[1] & 0x80) != 0, "a client sent without mask");
      m->header[1] &= 0x7f;
      test_bytes_add(&pipe->out, m->header, 2 + extended_len(m->header[1]));
      test_bytes_add(&pipe->keys, m->key, sizeof(m->key));
    }
  }
}

/* ------------------------------------------------------------------------
 * HTTP/2 to the connection
 */

/* Each piece is a block of its own, so that overruns are seen. */
static void recv_pieces(struct test_pipe *pipe, const uint8_t *data,
                        size_t len) {
  while (len > 0) {
    size_t n = len < pipe->chunk ? len : pipe->chunk;
    uint8_t *piece = malloc(n);
    if (piece == NULL) { /* no assert: each one writes to check's pipe */
      ck_abort();
    }
    memcpy(piece, data, n);
    (void)h2ws_conn_recv(pipe->conn, piece, n);
    free(piece);
    data += n;
    len -= n;
  }
}

static void send_frame(struct test_pipe *pipe, uint8_t type, uint8_t flags,
                       uint8_t stream, const void *payload, size_t len) {
  struct test_bytes frame = {0};
  uint8_t header[FRAME_HEADER_LEN] = {0};
  header[1] = (uint8_t)(len >> 8);
  header[2] = (uint8_t)len;
  header[3] = type;
  header[4] = flags;
  header[8] = stream;
  test_bytes_add(&frame, header, sizeof(header));
  test_bytes_add(&frame, payload, len);
  recv_pieces(pipe, frame.data, frame.len);
  test_bytes_dispose(&frame);
}

static void put_u32(uint8_t out[4], uint32_t value) {
  out[0] = (uint8_t)(value >> 24);
  out[1] = (uint8_t)(value >> 16);
  out[2] = (uint8_t)(value >> 8);
  out[3] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t in[4]) {
  return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 |
         in[3];
}

static void send_window_update(struct test_pipe *pipe, uint8_t stream,
                               uint32_t len) {
  uint8_t payload[4];
  put_u32(payload, len);
  send_frame(pipe, FRAME_WINDOW_UPDATE, 0, stream, payload, sizeof(payload));
}

static void send_settings(struct test_pipe *pipe) {
  uint8_t payload[12] = {0, 4, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1};
  put_u32(payload + 2, pipe->send_window);
  send_frame(pipe, FRAME_SETTINGS, 0, 0, payload, pipe->server ? 6 : 12);
  send_window_update(pipe, 0, WINDOW_MAX - WINDOW_INITIAL);
}

/* HPACK: a string without Huffman (RFC 7541 sections 5.1 and 5.2). */
static void add_string(struct test_bytes *block, const char *string) {
  size_t len = strlen(string);
  size_t left = len;
  if (left < 127) {
    bytes_add_byte(block, (uint8_t)left);
  } else {
    bytes_add_byte(block, 127);
    for (left -= 127; left >= 128; left /= 128) {
      bytes_add_byte(block, (uint8_t)(left % 128 + 128));
    }
    bytes_add_byte(block, (uint8_t)left);
  }
  test_bytes_add(block, string, len);
}

/* HPACK: literal without indexing, new name. */
static void add_field(struct test_bytes *block, const char *name,
                      const char *value) {
  bytes_add_byte(block, 0);
  add_string(block, name);
  add_string(block, value);
}

static void send_request(struct test_pipe *pipe) {
  struct test_bytes block = {0};
  add_field(&block, ":method", "CONNECT");
  add_field(&block, ":protocol", "websocket");
  add_field(&block, ":scheme", "http");
  add_field(&block, ":authority", "example.com");
  add_field(&block, ":path", "/");
  add_field(&block, "sec-websocket-version", "13");
  if (pipe->extensions != NULL) {
    add_field(&block, "sec-websocket-extensions", pipe->extensions);
  }
  send_frame(pipe, FRAME_HEADERS, FLAG_END_HEADERS, 1, block.data, block.len);
  test_bytes_dispose(&block);
}

/* ------------------------------------------------------------------------
 * HTTP/2 from the connection
 */

static void take_settings(struct test_pipe *pipe, uint8_t flags,
                          const uint8_t *payload, size_t len) {
  size_t i;
  if ((flags & FLAG_ACK) != 0) {
    return;
  }
  for (i = 0; i + 6 <= len; i += 6) {
    if (payload[i] == 0 && payload[i + 1] == 4) {
      pipe->stream_window += (int64_t)get_u32(payload + i + 2) - WINDOW_INITIAL;
    }
  }
  send_frame(pipe, FRAME_SETTINGS, FLAG_ACK, 0, NULL, 0);
}

static void take_data(struct test_pipe *pipe, uint8_t flags,
                      const uint8_t *payload, size_t len) {
  ck_assert_msg(!pipe->ended, "DATA after END_STREAM");
  if (pipe->server) {
    test_bytes_add(&pipe->out, payload, len);
  } else {
    unmask_bytes(pipe, payload, len);
  }
  pipe->ended = (flags & FLAG_END_STREAM) != 0;
}

static void take_frame(struct test_pipe *pipe, const uint8_t *header,
                       size_t len) {
  const uint8_t *payload = header + FRAME_HEADER_LEN;
  uint32_t stream = get_u32(header + 5);
  switch (header[3]) {
  case FRAME_DATA:
    take_data(pipe, header[4], payload, len);
    break;
  case FRAME_RST_STREAM:
    pipe->was_reset = true;
    pipe->reset_code = get_u32(payload);
    break;
  case FRAME_SETTINGS:
    take_settings(pipe, header[4], payload, len);
    break;
  case FRAME_PING:
    if ((header[4] & FLAG_ACK) == 0) {
      send_frame(pipe, FRAME_PING, FLAG_ACK, 0, payload, len);
    }
    break;
  case FRAME_WINDOW_UPDATE:
    *(stream == 0 ? &pipe->conn_window : &pipe->stream_window) +=
      get_u32(payload);
    break;
  default:
    break;
  }
}

/* The first bytes of a client; it sends them in one piece. */
static size_t take_preface(struct test_pipe *pipe) {
  if (pipe->server || pipe->preface_seen) {
    return 0;
  }
  ck_assert_uint_ge(pipe->wire.len, PREFACE_LEN);
  ck_assert_mem_eq(pipe->wire.data, PREFACE, PREFACE_LEN);
  pipe->preface_seen = true;
  return PREFACE_LEN;
}

static void take_frames(struct test_pipe *pipe) {
  struct test_bytes *wire = &pipe->wire;
  size_t done = take_preface(pipe);
  while (wire->len - done >= FRAME_HEADER_LEN) {
    const uint8_t *header = wire->data + done;
    size_t len = (size_t)header[0] << 16 | (size_t)header[1] << 8 | header[2];
    if (wire->len - done < FRAME_HEADER_LEN + len) {
      break;
    }
    take_frame(pipe, header, len);
    done += FRAME_HEADER_LEN + len;
  }
  memmove(wire->data, wire->data + done, wire->len - done);
  wire->len -= done;
}

void test_pipe_pump(struct test_pipe *pipe) {
  static uint8_t buf[65536];
  h2ws_ssize n;
  while ((n = h2ws_conn_send(pipe->conn, buf, sizeof(buf))) > 0) {
    test_bytes_add(&pipe->wire, buf, (size_t)n);
    take_frames(pipe);
  }
}

/* ------------------------------------------------------------------------
 * Events
 */

static void trace(struct test_pipe *pipe, const char *format, ...)
  __attribute__((format(printf, 2, 3)));

static void trace(struct test_pipe *pipe, const char *format, ...) {
  char line[256];
  va_list args;
  int n;
  va_start(args, format);
  n = vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  ck_assert_int_gt(n, 0);
  test_bytes_add(&pipe->trace, line, strlen(line));
}

static void trace_payload(struct test_pipe *pipe, const char *what,
                          const uint8_t *data, size_t len) {
  trace(pipe, "%s %zu %.*s\n", what, len,
        (int)(len < TRACE_SHOWN ? len : TRACE_SHOWN), (const char *)data);
}

static void on_open(h2ws_socket *socket, void *user) {
  struct test_pipe *pipe = user;
  test_socket_callbacks.on_open(socket, &pipe->events);
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct test_pipe *pipe = user;
  test_socket_callbacks.on_message(socket, type, data, len, &pipe->events);
  trace_payload(pipe, type == H2WS_TEXT ? "text" : "binary", data, len);
  if (pipe->echoes) {
    ck_assert_int_eq(h2ws_socket_send(socket, type, data, len), 0);
  }
}

static void on_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, unsigned flags, void *user) {
  struct test_pipe *pipe = user;
  test_chunk_callbacks.on_chunk(socket, type, data, len, flags, &pipe->events);
}

static void on_ping(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  struct test_pipe *pipe = user;
  test_socket_callbacks.on_ping(socket, data, len, &pipe->events);
  trace_payload(pipe, "ping", data, len);
}

static void on_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  struct test_pipe *pipe = user;
  test_socket_callbacks.on_pong(socket, data, len, &pipe->events);
  trace_payload(pipe, "pong", data, len);
}

static void on_writable(h2ws_socket *socket, void *user) {
  struct test_pipe *pipe = user;
  test_socket_callbacks.on_writable(socket, &pipe->events);
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  struct test_pipe *pipe = user;
  test_socket_callbacks.on_close(socket, info, &pipe->events);
  trace(pipe, "close %s %u %s\n", h2ws_close_class_name(info->cls), info->code,
        info->reason);
  pipe->socket = NULL;
}

static const h2ws_socket_callbacks message_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_ping = on_ping,
  .on_pong = on_pong,
  .on_writable = on_writable,
  .on_close = on_close,
};

static const h2ws_socket_callbacks chunk_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_chunk = on_chunk,
  .on_ping = on_ping,
  .on_pong = on_pong,
  .on_writable = on_writable,
  .on_close = on_close,
};

static const h2ws_socket_callbacks *callbacks_of(const struct test_pipe *pipe) {
  return pipe->by_chunk ? &chunk_callbacks : &message_callbacks;
}

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct test_pipe *pipe = user;
  (void)conn;
  ck_assert_int_eq(h2ws_socket_accept(stream, &pipe->socket, NULL, 0,
                                      &pipe->socket_options, callbacks_of(pipe),
                                      pipe),
                   0);
}

static void on_conn_close(h2ws_conn *conn, const h2ws_close_info *info,
                          void *user) {
  struct test_pipe *pipe = user;
  (void)conn;
  (void)info;
  pipe->conn_closed++;
}

static const h2ws_conn_callbacks conn_callbacks = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_request = on_request,
  .on_close = on_conn_close,
};

/* ------------------------------------------------------------------------
 * Life
 */

void test_pipe_init(struct test_pipe *pipe, int way) {
  memset(pipe, 0, sizeof(*pipe));
  test_env_init(&pipe->env);
  test_env_options(&pipe->env, &pipe->mem, &pipe->options);
  h2ws_socket_options_default(&pipe->socket_options,
                              sizeof(pipe->socket_options));
  pipe->server = way < TEST_CHUNKS;
  pipe->chunk = test_chunks[way % TEST_CHUNKS];
  pipe->send_window = WINDOW_MAX;
  pipe->stream_window = WINDOW_INITIAL;
  pipe->conn_window = WINDOW_INITIAL;
}

static void open_server(struct test_pipe *pipe) {
  ck_assert_int_eq(
    h2ws_conn_server_new(&pipe->conn, &pipe->options, &conn_callbacks, pipe),
    0);
  recv_pieces(pipe, (const uint8_t *)PREFACE, PREFACE_LEN);
  send_settings(pipe);
  send_request(pipe);
}

static void open_client(struct test_pipe *pipe) {
  struct test_bytes block = {0};
  h2ws_request request = {0};
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/";
  ck_assert_int_eq(
    h2ws_conn_client_new(&pipe->conn, &pipe->options, &conn_callbacks, pipe),
    0);
  ck_assert_int_eq(h2ws_socket_open(pipe->conn, &pipe->socket, &request,
                                    &pipe->socket_options, callbacks_of(pipe),
                                    pipe),
                   0);
  send_settings(pipe);
  test_pipe_pump(pipe);
  bytes_add_byte(&block, 0x88); /* HPACK: static table, 8: status 200 */
  if (pipe->extensions != NULL) {
    add_field(&block, "sec-websocket-extensions", pipe->extensions);
  }
  send_frame(pipe, FRAME_HEADERS, FLAG_END_HEADERS, 1, block.data, block.len);
  test_bytes_dispose(&block);
}

void test_pipe_open(struct test_pipe *pipe) {
  if (pipe->server) {
    open_server(pipe);
    test_pipe_pump(pipe);
  } else {
    open_client(pipe);
    test_pipe_pump(pipe);
    ck_assert_int_eq(pipe->events.opened, 1);
  }
  ck_assert_int_eq(h2ws_socket_get_state(pipe->socket), H2WS_SOCKET_OPEN);
}

void test_pipe_begin(struct test_pipe *pipe, int way) {
  test_pipe_init(pipe, way);
  test_pipe_open(pipe);
}

void test_pipe_dispose(struct test_pipe *pipe) {
  h2ws_conn_free(pipe->conn);
  ck_assert_int_eq(pipe->events.closed, 1);
  ck_assert_int_eq(pipe->conn_closed, 1);
  ck_assert_uint_eq(pipe->env.live, 0);
  test_events_dispose(&pipe->events);
  test_bytes_dispose(&pipe->trace);
  test_bytes_dispose(&pipe->out);
  test_bytes_dispose(&pipe->keys);
  test_bytes_dispose(&pipe->wire);
}

/* ------------------------------------------------------------------------
 * Feeding
 */

void test_pipe_feed_raw(struct test_pipe *pipe, const void *data, size_t len) {
  const uint8_t *in = data;
  size_t cut = pipe->chunk;
  size_t most = cut > 1 && cut < 16384 ? cut : 16384;
  if (cut > 1) {
    pipe->chunk = SIZE_MAX; /* for the frames themselves */
  }
  while (len > 0) {
    size_t n = len < most ? len : most;
    if ((int64_t)n > pipe->stream_window || (int64_t)n > pipe->conn_window) {
      ck_abort_msg("the socket gave no credit for what it took");
    }
    pipe->stream_window -= (int64_t)n;
    pipe->conn_window -= (int64_t)n;
    send_frame(pipe, FRAME_DATA, 0, 1, in, n);
    test_pipe_pump(pipe);
    in += n;
    len -= n;
  }
  pipe->chunk = cut;
}

void test_pipe_feed(struct test_pipe *pipe, const void *data, size_t len) {
  struct test_bytes masked = {0};
  if (!pipe->server) {
    test_pipe_feed_raw(pipe, data, len);
    return;
  }
  mask_bytes(&pipe->mask, &masked, data, len);
  test_pipe_feed_raw(pipe, masked.data, masked.len);
  test_bytes_dispose(&masked);
}

void test_pipe_feed_hex(struct test_pipe *pipe, const char *hex) {
  struct test_bytes bytes = {0};
  test_bytes_add_hex(&bytes, hex);
  test_pipe_feed(pipe, bytes.data, bytes.len);
  test_bytes_dispose(&bytes);
}

void test_pipe_feed_frame(struct test_pipe *pipe, uint8_t first,
                          const void *payload, size_t len) {
  struct test_bytes bytes = {0};
  test_bytes_add_frame(&bytes, first, payload, len);
  test_pipe_feed(pipe, bytes.data, bytes.len);
  test_bytes_dispose(&bytes);
}

void test_pipe_feed_end(struct test_pipe *pipe) {
  send_frame(pipe, FRAME_DATA, FLAG_END_STREAM, 1, NULL, 0);
  test_pipe_pump(pipe);
}

void test_pipe_open_window(struct test_pipe *pipe, uint32_t len) {
  send_window_update(pipe, 1, len);
  test_pipe_pump(pipe);
}

void test_pipe_advance(struct test_pipe *pipe, uint64_t ms) {
  h2ws_time end = pipe->env.now + ms * H2WS_MS;
  h2ws_time next;
  while ((next = h2ws_conn_deadline(pipe->conn)) <= end) {
    if (next > pipe->env.now) {
      pipe->env.now = next;
    }
    (void)h2ws_conn_tick(pipe->conn);
    test_pipe_pump(pipe);
  }
  pipe->env.now = end;
}

/* ------------------------------------------------------------------------
 * Expecting
 */

static void print_hex(char *out, size_t cap, const uint8_t *data, size_t len) {
  size_t i;
  size_t n = 0;
  out[0] = '\0';
  for (i = 0; i < len && n + 4 < cap; i++) {
    n += (size_t)snprintf(out + n, cap - n, "%02x ", data[i]);
  }
}

void test_pipe_expect_bytes(struct test_pipe *pipe, const void *data,
                            size_t len, const char *what) {
  char want[160];
  char got[160];
  test_pipe_pump(pipe);
  print_hex(want, sizeof(want), data, len);
  print_hex(got, sizeof(got), pipe->out.data, pipe->out.len);
  ck_assert_msg(pipe->out.len == len &&
                  (len == 0 || memcmp(pipe->out.data, data, len) == 0),
                "%s (%s, pieces of %zu): expected %zu bytes %s, got %zu %s",
                what, pipe->server ? "server" : "client", pipe->chunk, len,
                want, pipe->out.len, got);
  pipe->out.len = 0;
}

void test_pipe_expect(struct test_pipe *pipe, const char *hex) {
  struct test_bytes bytes = {0};
  test_bytes_add_hex(&bytes, hex);
  test_pipe_expect_bytes(pipe, bytes.data, bytes.len, "frames");
  test_bytes_dispose(&bytes);
}

void test_pipe_expect_failed(struct test_pipe *pipe, uint16_t code) {
  uint8_t frame[4] = {0x88, 2};
  frame[2] = (uint8_t)(code >> 8);
  frame[3] = (uint8_t)code;
  test_pipe_expect_bytes(pipe, frame, sizeof(frame), "CLOSE");
  ck_assert_msg(pipe->ended, "our side was not ended");
  test_pipe_feed_end(pipe);
  ck_assert_int_eq(pipe->events.closed, 1);
  ck_assert_int_eq(pipe->events.cls, H2WS_CLOSE_PROTOCOL);
  ck_assert_uint_eq(pipe->events.code, code);
}

void test_pipe_expect_trace(const struct test_pipe *pipe, const char *text) {
  size_t len = strlen(text);
  ck_assert_msg(pipe->trace.len == len &&
                  (len == 0 || memcmp(pipe->trace.data, text, len) == 0),
                "expected the events\n%sgot\n%.*s", text, (int)pipe->trace.len,
                (const char *)pipe->trace.data);
}
