/*
 * Two endpoints driven by a list of operations. world.c checks what must hold
 * whatever happens. Each operation is two bytes: which one and on which
 * object, then an argument.
 */
#include "tests/support/world.h"

#define OBJECTS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct play {
  struct world world;
  struct world_handle *objects[OBJECTS];
  size_t opened;
};

static void play_open(struct play *p, uint8_t arg) {
  struct world_handle *h = (arg & 1) != 0 ? world_post(&p->world, "/raw")
                                          : world_open(&p->world, "/echo");
  p->objects[p->opened++ % OBJECTS] = h;
}

static void play_end(struct play *p, uint8_t arg) {
  h2ws_conn *conn = p->world.conn[arg & 1];
  if ((arg & 2) != 0) {
    (void)h2ws_conn_drain(conn);
  } else {
    (void)h2ws_conn_shutdown(conn, arg);
  }
}

static void play_memory(struct play *p, uint8_t arg) {
  p->world.env.fail_at = p->world.env.allocations + arg + 1;
  p->world.env.fail_after = (arg & 0x80) != 0;
}

static void play_object(struct world_handle *h, uint8_t op, uint8_t arg) {
  size_t len = (size_t)arg * arg;
  switch (op) {
  case 0:
    world_send(h, H2WS_TEXT, len);
    break;
  case 1:
    world_send(h, H2WS_BINARY, len);
    break;
  case 2:
    world_stream(h, len);
    break;
  case 3:
    world_ping(h);
    break;
  case 4:
    world_close(h, arg == 0 ? 0 : 1000);
    break;
  case 5:
    world_abort(h);
    break;
  case 6:
    world_write(h, len);
    break;
  default:
    world_shutdown(h);
    break;
  }
}

static void play_world(struct play *p, uint8_t op, uint8_t arg) {
  switch (op) {
  case 8:
  case 9:
    play_open(p, arg);
    break;
  case 10:
    (void)world_step(&p->world, WORLD_CLIENT, (size_t)arg + 1);
    break;
  case 11:
    (void)world_step(&p->world, WORLD_SERVER, (size_t)arg + 1);
    break;
  case 12:
    world_pump(&p->world);
    break;
  case 13:
    world_advance(&p->world, (uint64_t)arg * arg);
    break;
  case 14:
    play_end(p, arg);
    break;
  default:
    play_memory(p, arg);
    break;
  }
}

static void play_all(struct play *p, const uint8_t *data, size_t len) {
  size_t i;
  for (i = 0; i + 1 < len; i += 2) {
    uint8_t op = data[i] & 15;
    if (op < 8) {
      play_object(p->objects[data[i] >> 4], op, data[i + 1]);
    } else {
      play_world(p, op, data[i + 1]);
    }
  }
  world_pump(&p->world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static struct play p;
  if (len < 1 || len > 400) {
    return 0;
  }
  p = (struct play){0};
  world_init(&p.world, data[0] < 8 ? 7 : 65536);
  p.world.chunked = (data[0] & 1) != 0;
  p.world.compressed = (data[0] & 2) != 0;
  if (world_start(&p.world)) {
    play_all(&p, data + 1, len - 1);
  }
  world_end(&p.world);
  return 0;
}
