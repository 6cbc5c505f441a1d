/*
 * sec-websocket-extensions, as a server and as a client. Byte 0: the options.
 * What the server answers must be an answer that a client takes.
 */
#include <stdlib.h>
#include <string.h>

#include "ws/extension.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool ok) {
  if (!ok) {
    abort();
  }
}

static bool bits_are_right(uint8_t bits, uint8_t low) {
  return bits == 0 || (bits >= low && bits <= H2WS__BITS_MAX);
}

static void options_by(h2ws_socket_options *options, uint8_t byte) {
  h2ws_socket_options_default(options, sizeof(*options));
  options->compress = (byte & 1) == 0;
  options->compress_send_takeover = (byte & 2) == 0;
  options->compress_recv_takeover = (byte & 4) == 0;
  options->compress_send_bits = (uint8_t)(15 - (byte >> 3) % 7);
  options->compress_recv_bits = (uint8_t)(15 - (byte >> 5) % 7);
  check(h2ws__terms_allowed(options));
}

static void as_server(const char *text, const h2ws_socket_options *options) {
  /* The most liberal of offers. */
  static const struct h2ws__terms any = {.on = true,
                                         .client_bits = H2WS__BITS_BARE};
  struct h2ws__terms terms;
  struct h2ws__terms again;
  char answer[H2WS__TERMS_TEXT_MAX];
  bool wrong = h2ws__terms_choose(&terms, text, options) != NULL;
  if (!terms.on) {
    return;
  }
  check(!wrong && options->compress);
  check(bits_are_right(terms.server_bits, 9));
  check(bits_are_right(terms.client_bits, 8));
  check(h2ws__terms_window(terms.server_bits) <= options->compress_send_bits);
  check(options->compress_send_takeover || terms.server_no_takeover);
  check(options->compress_recv_takeover || terms.client_no_takeover);
  check(h2ws__terms_judge(&again, h2ws__terms_write(&terms, answer), &any) ==
        NULL);
  check(memcmp(&again, &terms, sizeof(terms)) == 0);
}

static void as_client(const char *text, const h2ws_socket_options *options) {
  struct h2ws__terms offer;
  struct h2ws__terms terms;
  h2ws__terms_offer(&offer, options);
  if (h2ws__terms_judge(&terms, text, &offer) != NULL || !terms.on) {
    check(!terms.on);
    return;
  }
  check(offer.on);
  check(bits_are_right(terms.server_bits, 8));
  check(bits_are_right(terms.client_bits, 8));
  check(h2ws__terms_window(terms.server_bits) <= options->compress_recv_bits);
  check(options->compress_recv_takeover || terms.server_no_takeover);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  h2ws_socket_options options;
  char *text;
  if (len == 0) {
    return 0;
  }
  text = malloc(len);
  check(text != NULL);
  memcpy(text, data + 1, len - 1);
  text[len - 1] = '\0';
  options_by(&options, data[0]);
  as_server(text, &options);
  as_client(text, &options);
  free(text);
  return 0;
}
