#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static int verbose;

void cli_set_verbose(int level) {
  verbose = level;
}

void cli_trace(h2ws_conn *conn, h2ws_trace_level level, const char *text,
               void *user) {
  (void)conn;
  (void)user;
  if ((int)level <= verbose) {
    (void)fprintf(stderr, "* %s\n", text);
  }
}

static int exit_of_error(int error) {
  switch (error) {
  case H2WS_ERR_URL:
    return CLI_USAGE;
  case H2WS_ERR_RESOLVE:
    return CLI_RESOLVE;
  case H2WS_ERR_CONNECT:
    return CLI_CONNECT;
  case H2WS_ERR_REFUSED:
  case H2WS_ERR_MISDIRECTED:
  case H2WS_ERR_HANDSHAKE:
  case H2WS_ERR_UNSUPPORTED:
    return CLI_REFUSED;
  case H2WS_ERR_TIMEOUT:
    return CLI_TIMEOUT;
  case H2WS_ERR_TLS:
  case H2WS_ERR_ALPN:
    return CLI_TLS;
  case H2WS_ERR_CERTIFICATE:
    return CLI_CERTIFICATE;
  case H2WS_ERR_PROXY:
    return CLI_PROXY;
  default:
    return CLI_RECEIVE;
  }
}

int cli_exit_code(const h2ws_close_info *info) {
  return info->cls == H2WS_CLOSE_CLEAN ? CLI_OK : exit_of_error(info->error);
}

void cli_print_words(FILE *to, const char *text, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    bool c1 = c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0;
    i += c1 ? 1 : 0;
    (void)fputc(c1 || c < 0x20 || c == 0x7f ? ' ' : c, to);
  }
}

void cli_print_stream(FILE *to, h2ws_stream *stream) {
  if (h2ws_conn_http(h2ws_stream_conn(stream)) == H2WS_HTTP_1_1) {
    (void)fputs("HTTP/1.1", to);
  } else {
    (void)fprintf(to, "HTTP/2 stream %" PRId64, h2ws_stream_id(stream));
  }
}

void cli_print_agreed(FILE *to, h2ws_socket *socket) {
  h2ws_link_info info = {.size = sizeof(info)};
  const char *protocol = h2ws_socket_protocol(socket);
  (void)h2ws_conn_link_info(h2ws_stream_conn(h2ws_socket_stream(socket)),
                            &info);
  (void)fputs(info.tls_version == NULL ? ", cleartext" : ", TLS", to);
  if (info.tls_version != NULL) { /* OpenSSL writes TLSv1.3 */
    (void)fprintf(to, " %s",
                  strncmp(info.tls_version, "TLSv", 4) == 0
                    ? info.tls_version + 4
                    : info.tls_version);
  }
  if (protocol != NULL) {
    (void)fprintf(to, ", subprotocol %s", protocol);
  }
  if (h2ws_socket_has_compression(socket)) {
    (void)fputs(", permessage-deflate", to);
  }
}
