#include "tests/support/scenarios.h"

static void echo(struct world *w) {
  struct world_handle *h = world_open(w, "/echo");
  world_pump(w);
  world_send(h, H2WS_TEXT, 32);
  world_send(h, H2WS_BINARY, 1000);
  world_ping(h);
  world_pump(w);
  world_close(h, 1000);
  world_pump(w);
}

static void large(struct world *w) {
  struct world_handle *h = world_open(w, "/echo");
  world_pump(w);
  world_send(h, H2WS_TEXT, 300000);
  world_pump(w);
  world_close(h, 0);
  world_pump(w);
}

static void streamed(struct world *w) {
  struct world_handle *h = world_open(w, "/echo");
  world_pump(w);
  world_stream(h, 3000);
  world_ping(h);
  world_pump(w);
  world_close(h, 3000);
  world_pump(w);
}

/* Longer than a step of the inflater; the second refers to the first. */
static void compressed(struct world *w) {
  struct world_handle *h = world_open(w, "/echo");
  world_pump(w);
  world_send(h, H2WS_TEXT, 20000);
  world_send(h, H2WS_TEXT, 200);
  world_pump(w);
  world_close(h, 1000);
  world_pump(w);
}

static void refused(struct world *w) {
  (void)world_open(w, "/nowhere");
  (void)world_open(w, "/echo?x");
  world_pump(w);
}

static void bytes(struct world *w) {
  struct world_handle *h = world_post(w, "/raw");
  world_pump(w);
  world_write(h, 5000);
  world_pump(w);
  world_shutdown(h);
  world_pump(w);
}

static void neighbours(struct world *w) {
  struct world_handle *a = world_open(w, "/echo");
  struct world_handle *b = world_open(w, "/echo");
  struct world_handle *c = world_post(w, "/raw");
  world_pump(w);
  world_send(a, H2WS_TEXT, 100);
  world_send(b, H2WS_TEXT, 200);
  world_write(c, 300);
  world_abort(b);
  world_pump(w);
  world_send(a, H2WS_BINARY, 20000);
  world_pump(w);
  world_close(a, 1000);
  world_shutdown(c);
  world_pump(w);
}

static void drained(struct world *w) {
  struct world_handle *h = world_open(w, "/echo");
  world_pump(w);
  world_send(h, H2WS_TEXT, 10);
  (void)h2ws_conn_drain(w->conn[WORLD_SERVER]);
  world_pump(w);
  world_advance(w, 40000);
}

static void dropped(struct world *w) {
  (void)world_open(w, "/echo");
  (void)world_post(w, "/raw");
  world_pump(w);
  (void)h2ws_conn_shutdown(w->conn[WORLD_CLIENT], H2WS_H2_NO_ERROR);
  world_pump(w);
}

const struct scenario scenarios[] = {
  {"echo", echo, false, false},
  {"echo in chunks", echo, true, false},
  {"large", large, false, false},
  {"streamed", streamed, false, false},
  {"streamed in chunks", streamed, true, false},
  {"echo compressed", echo, false, true},
  {"compressed", compressed, false, true},
  {"streamed compressed", streamed, true, true},
  {"refused", refused, false, false},
  {"bytes", bytes, false, false},
  {"neighbours", neighbours, false, false},
  {"drained", drained, false, false},
  {"dropped", dropped, false, false},
};
const int scenarios_len = sizeof(scenarios) / sizeof(scenarios[0]);

void scenario_run(const struct scenario *scenario, struct world *w) {
  w->chunked = scenario->chunked;
  w->compressed = scenario->compressed;
  scenario->run(w);
}
