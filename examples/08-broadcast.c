/*
 * 8. New: a chat. What one says, all get; who is too slow is skipped, and holds
 * up nobody. Argument: where to serve.
 */
#include <h2ws/easy.h>
#include <pthread.h>
#include <stdio.h>

#define ROOM 1000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static h2ws *members[ROOM];
static size_t members_len;

static void enter(h2ws *c, void *user) {
  (void)user;
  (void)pthread_mutex_lock(&mutex);
  if (members_len < ROOM) {
    members[members_len++] = c;
  }
  (void)pthread_mutex_unlock(&mutex);
}

static void leave(h2ws *c, void *user) {
  size_t i;
  (void)user;
  (void)pthread_mutex_lock(&mutex);
  for (i = 0; i < members_len; i++) {
    if (members[i] == c) {
      members[i] = members[--members_len];
    }
  }
  (void)pthread_mutex_unlock(&mutex);
}

static void say(h2ws *c, const h2ws_msg *m, void *user) {
  (void)c;
  (void)user;
  (void)pthread_mutex_lock(&mutex);
  (void)h2ws_send_many(members, members_len, m->type, m->data, m->len, NULL);
  (void)pthread_mutex_unlock(&mutex);
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "wss://localhost:8443/";
  h2ws_serve_options options;
  h2ws_serve_options_default(&options, sizeof(options));
  options.on_open = enter;
  options.on_close = leave;
  if (h2ws_serve_messages(url, say, NULL, &options) != 0) {
    (void)fprintf(stderr, "%s\n", h2ws_error(NULL));
    return 1;
  }
  return 0;
}
