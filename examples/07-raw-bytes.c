/*
 * 7. New: bytes instead of messages, and half-close. Sends standard input,
 * says that this was all, and prints what comes until the server is done too.
 * Argument: an https or http URL.
 */
#include <h2ws/easy.h>
#include <stdio.h>

int main(int argc, char **argv) {
  h2ws *c = h2ws_connect(argc > 1 ? argv[1] : "https://localhost:8443/", NULL);
  char buf[4096];
  h2ws_ssize n = 0;
  size_t len;
  while ((len = fread(buf, 1, sizeof(buf), stdin)) > 0 && n == 0) {
    n = h2ws_write(c, buf, len);
  }
  n = n == 0 ? h2ws_shutdown(c) : n;
  while (n >= 0 && (n = h2ws_read(c, buf, sizeof(buf), 5000)) > 0) {
    (void)fwrite(buf, 1, (size_t)n, stdout);
  }
  if (n != H2WS_ERR_EOF) {
    (void)fprintf(stderr, "%s\n", h2ws_error(c));
  }
  return -h2ws_close(c);
}
