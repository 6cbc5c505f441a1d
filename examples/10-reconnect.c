/*
 * 10. New: a client that comes back. The library opens a WebSocket that was
 * lost again, waits longer after each failure, and by chance a bit longer
 * still, so that many clients do not come at once.
 * Arguments: a URL, how many messages to receive.
 */
#include <h2ws/easy.h>
#include <stdio.h>
#include <stdlib.h>

/* What the server must know is said again on each connection. */
static void subscribe(h2ws *c, void *user) {
  (void)user;
  (void)h2ws_send_text(c, "subscribe");
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "wss://localhost:8443/";
  long wanted = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
  h2ws_backoff backoff;
  h2ws_options options;
  h2ws_msg m;
  h2ws *c;
  h2ws_backoff_default(&backoff, sizeof(backoff));
  backoff.first_ms = 500;
  h2ws_options_default(&options, sizeof(options));
  options.reconnect = &backoff;
  options.on_reconnect = subscribe;
  c = h2ws_connect(url, &options);
  subscribe(c, NULL);
  while (wanted > 0 && h2ws_recv(c, &m, H2WS_FOREVER) == 0) {
    printf("%s\n", m.data);
    (void)fflush(stdout);
    wanted--;
  }
  if (wanted > 0) {
    (void)fprintf(stderr, "%s\n", h2ws_error(c));
  }
  (void)h2ws_close(c);
  return wanted > 0;
}
