/*
 * 4. New: many threads on one handle. Three send, one receives, and Ctrl-C
 * cancels from a signal handler. Argument: the URL of an echo server.
 */
#include <h2ws/easy.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define SENDERS 3
#define MESSAGES 100

static h2ws *volatile shared;

static void on_interrupt(int number) {
  (void)number;
  /* Wakes all that wait. Made for signal handlers, as h2ws_stop() is. */
  (void)h2ws_cancel(shared); /* NOLINT(bugprone-signal-handler,cert-sig30-c) */
}

static void *sender(void *arg) {
  const char *name = arg;
  char text[64];
  int i;
  for (i = 0; i < MESSAGES; i++) {
    (void)snprintf(text, sizeof(text), "%s %d", name, i);
    if (h2ws_send_text(shared, text) != 0) {
      (void)fprintf(stderr, "%s: %s\n", name, h2ws_error(shared));
      break;
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  static char names[SENDERS][8] = {"ann", "bob", "cat"};
  pthread_t threads[SENDERS];
  h2ws_msg m;
  int received = 0;
  int i;
  shared = h2ws_connect(argc > 1 ? argv[1] : "wss://localhost:8443/", NULL);
  if (shared == NULL) {
    (void)fprintf(stderr, "%s\n", h2ws_error(NULL));
    return 1;
  }
  (void)signal(SIGINT, on_interrupt);
  for (i = 0; i < SENDERS; i++) {
    (void)pthread_create(&threads[i], NULL, sender, names[i]);
  }
  while (received < SENDERS * MESSAGES &&
         h2ws_recv(shared, &m, H2WS_FOREVER) == 0) {
    received++;
  }
  for (i = 0; i < SENDERS; i++) {
    (void)pthread_join(threads[i], NULL);
  }
  printf("%d messages came back\n", received);
  return -h2ws_close(shared);
}
