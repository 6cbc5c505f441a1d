/*
 * HTTP/1.1: what a client sends into a server, or a server into a client that
 * asked for a WebSocket. Byte 0: bit 7 a client, bit 6 a server that also
 * takes HTTP/2, the rest how the input is cut.
 */
#include "fuzz/common.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(struct fuzz *f) {
  h2ws_socket *socket = NULL;
  h2ws_socket_options options;
  h2ws_request request = {0};
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = FUZZ_MESSAGE_MAX;
  options.protocols = "chat, other";
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/echo";
  fuzz_check(h2ws_socket_open(f->conn, &socket, &request, &options,
                              &fuzz_socket, f) == 0);
  f->handed_out++;
  fuzz_drain_output(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct fuzz f;
  bool server;
  bool any;
  if (len == 0) {
    return 0;
  }
  server = (data[0] & 0x80) == 0;
  any = server && (data[0] & 0x40) != 0;
  fuzz_begin(&f, server, any ? H2WS_HTTP_ANY : H2WS_HTTP_1_1);
  if (!server) {
    ask(&f);
  }
  fuzz_feed(&f, data + 1, len - 1, fuzz_chunk(data[0] & 0x3f));
  fuzz_end(&f);
  return 0;
}
