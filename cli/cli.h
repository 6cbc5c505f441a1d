/* The tool h2ws: its verbs, and what they share. */
#ifndef H2WS_CLI_H
#define H2WS_CLI_H

#include <h2ws/h2ws.h>
#include <stdio.h>

/* Exit codes follow curl where it has one. */
enum cli_exit {
  CLI_OK = 0,
  CLI_USAGE = 2,
  CLI_RESOLVE = 6,
  CLI_CONNECT = 7,
  CLI_REFUSED = 22,
  CLI_TIMEOUT = 28,
  CLI_TLS = 35,
  CLI_RECEIVE = 56,
  CLI_CERTIFICATE = 60,
  CLI_PROXY = 97,
};

int cli_serve(int argc, char **argv);
int cli_connect(int argc, char **argv);
int cli_demo(void);

/* What `h2ws serve` does with a request. */
void cli_serve_request(h2ws_conn *conn, h2ws_stream *stream, void *user);

/* The exit code for the way a connection or a socket ended. */
int cli_exit_code(const h2ws_close_info *info);

/* The lines of trace for -v, -vv, -vvv; level 0: none. */
void cli_set_verbose(int level);
void cli_trace(h2ws_conn *conn, h2ws_trace_level level, const char *text,
               void *user);

#endif
