/* 2. New: a server. Each connection has a thread of its own. */
#include <h2ws/easy.h>

static void echo(h2ws *c, void *user) {
  (void)user;
  h2ws_msg m;
  while (h2ws_recv(c, &m, H2WS_FOREVER) == 0) {
    h2ws_send(c, m.type, m.data, m.len);
  }
}

int main(int argc, char **argv) {
  return -h2ws_serve(argc > 1 ? argv[1] : "wss://localhost:8443/", echo, 0, 0);
}
