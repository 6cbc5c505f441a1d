#include <fcntl.h>
#include <string.h>

#include "cli/cli.h"

static const char usage[] =
  "usage: h2ws serve [--listen HOST:PORT] [--cert FILE --key FILE | "
  "--cleartext]\n"
  "                  [--http any|2|1.1] [--threads N] [--compress] [-v]\n"
  "       h2ws connect [--http auto|2|1.1] [-H 'Name: value'] "
  "[--protocol NAME]\n"
  "                    [--binary] [--compress] [-k|--insecure] "
  "[--cacert FILE]\n"
  "                    [-x|--proxy URL] [-v] URL\n"
  "       h2ws demo\n"
  "       h2ws --version\n"
  "\n"
  "serve    echoes WebSocket messages on /echo, bytes on /raw (extended\n"
  "         CONNECT with another :protocol), and shows a page on /, which\n"
  "         tries /echo from a browser. /echo?close=CODE is closed at once,\n"
  "         with that code; with 1006, reset. The first subprotocol offered\n"
  "         is taken, with --compress permessage-deflate too. -v tells of\n"
  "         each WebSocket that opens and closes.\n"
  "connect  sends each line of standard input as a text message and prints\n"
  "         each message received as a line. --compress offers\n"
  "         permessage-deflate.\n"
  "demo     does both, and tells what happens.\n";

/*
 * Descriptors 0 to 2 that were closed, as by >&-: else a socket gets the number
 * and is taken for standard input or output. The wrong way round, so that
 * reading and writing still fail.
 */
static void fill_closed_descriptors(void) {
  int fd;
  for (fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) < 0) {
      (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
  }
}

/* `h2ws --help`, and behind a verb. */
static bool asks_for_help(int argc, char **argv) {
  const char *last = argv[argc - 1];
  return (argc == 2 || argc == 3) &&
         (strcmp(last, "--help") == 0 || strcmp(last, "-h") == 0);
}

int main(int argc, char **argv) {
  fill_closed_descriptors();
  if (asks_for_help(argc, argv)) {
    (void)fputs(usage, stdout);
    return CLI_OK;
  }
  if (argc >= 2 && strcmp(argv[1], "serve") == 0) {
    return cli_serve(argc - 1, argv + 1);
  }
  if (argc >= 2 && strcmp(argv[1], "connect") == 0) {
    return cli_connect(argc - 1, argv + 1);
  }
  if (argc == 2 && strcmp(argv[1], "demo") == 0) {
    return cli_demo();
  }
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    printf("h2ws %s\n", h2ws_version());
    return CLI_OK;
  }
  (void)fputs(usage, stderr);
  return CLI_USAGE;
}
