/* What a server sends, into a client with two requests. Byte 0: the cut. */
#include "fuzz/common.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct fuzz f;
  h2ws_socket *socket = NULL;
  h2ws_socket_options options;
  h2ws_request request = {0};
  int i;
  if (len == 0) {
    return 0;
  }
  fuzz_begin(&f, /* server = */ false, H2WS_HTTP_2);
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = FUZZ_MESSAGE_MAX;
  options.protocols = "chat, other";
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/echo";
  for (i = 0; i < 2; i++) {
    fuzz_check(h2ws_socket_open(f.conn, &socket, &request, &options,
                                &fuzz_socket, &f) == 0);
    f.handed_out++;
  }
  fuzz_drain_output(&f);
  fuzz_feed(&f, data + 1, len - 1, fuzz_chunk(data[0]));
  fuzz_end(&f);
  return 0;
}
