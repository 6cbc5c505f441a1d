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
  CLI_WRITE = 23,
  CLI_TIMEOUT = 28,
  CLI_TLS = 35,
  CLI_SEND = 55,
  CLI_RECEIVE = 56,
  CLI_CERTIFICATE = 60,
  CLI_PROXY = 97,
};

int cli_serve(int argc, char **argv);
int cli_connect(int argc, char **argv);
int cli_demo(void);

/* What `h2ws serve` does with a request, and with those for /echo. */
void cli_serve_request(h2ws_conn *conn, h2ws_stream *stream, void *user);
void cli_serve_echo(h2ws_stream *stream);

/* Of the whole run, so before anything is served. `report`: to stderr. */
void cli_echo_set(bool compress, bool report);

/* cli/page.html, by cmake/Page.cmake. */
extern const char cli_page_policy[];
extern const uint8_t cli_page[];
extern const size_t cli_page_len;

/* UTF-8 of the peer's, without what a terminal would obey: C0, DEL, C1. */
void cli_print_words(FILE *to, const char *text, size_t len);

/* "HTTP/2 stream 1" or "HTTP/1.1"; then ", TLS 1.3" and what was agreed on. */
void cli_print_stream(FILE *to, h2ws_stream *stream);
void cli_print_agreed(FILE *to, h2ws_socket *socket);

/* The exit code for the way a connection or a socket ended. */
int cli_exit_code(const h2ws_close_info *info);

/* The lines of trace for -v, -vv, -vvv; level 0: none. */
void cli_set_verbose(int level);
void cli_trace(h2ws_conn *conn, h2ws_trace_level level, const char *text,
               void *user);

#endif
