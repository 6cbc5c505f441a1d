/*
 * 10. New: a client that comes back. It waits longer after each failure, and
 * by chance a bit longer still, so that many clients do not come at once.
 * Arguments: a URL, how many messages to receive.
 */
#include <h2ws/easy.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_WAIT_MS 50
#define LONGEST_WAIT_MS 30000

static void wait_a_while(int *ms) {
  (void)poll(NULL, 0, *ms / 2 + (int)(random() % *ms));
  *ms = *ms * 2 < LONGEST_WAIT_MS ? *ms * 2 : LONGEST_WAIT_MS;
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "wss://localhost:8443/";
  long wanted = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
  int wait = FIRST_WAIT_MS;
  h2ws_msg m;
  srandom((unsigned)getpid());
  while (wanted > 0) {
    h2ws *c = h2ws_connect(url, NULL);
    /* What the server must know is said again on each connection. */
    (void)h2ws_send_text(c, "subscribe");
    while (wanted > 0 && h2ws_recv(c, &m, H2WS_FOREVER) == 0) {
      printf("%s\n", m.data);
      (void)fflush(stdout);
      wanted--;
      wait = FIRST_WAIT_MS; /* it works: be quick again */
    }
    if (wanted > 0) {
      (void)fprintf(stderr, "%s\n", h2ws_error(c));
    }
    (void)h2ws_close(c);
    if (wanted > 0) {
      wait_a_while(&wait);
    }
  }
  return 0;
}
