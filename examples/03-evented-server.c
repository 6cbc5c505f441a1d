/* 3. New: no thread for a connection; messages come to a callback. */
#include <h2ws/easy.h>

static void echo(h2ws *c, const h2ws_msg *m, void *user) {
  (void)user;
  h2ws_send(c, m->type, m->data, m->len);
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "wss://localhost:8443/";
  return -h2ws_serve_messages(url, echo, NULL, NULL);
}
