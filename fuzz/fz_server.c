/* What a client sends, into a server. Byte 0: how the input is cut. */
#include "fuzz/common.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  struct fuzz f;
  if (len == 0) {
    return 0;
  }
  fuzz_begin(&f, /* server = */ true, H2WS_HTTP_2);
  if ((data[0] & 0x80) == 0) { /* else the input has its own */
    fuzz_feed(&f, (const uint8_t *)preface, sizeof(preface) - 1, 65536);
  }
  fuzz_feed(&f, data + 1, len - 1, fuzz_chunk(data[0] & 0x7f));
  fuzz_end(&f);
  return 0;
}
