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
