/*
 * Talks to an axum (or node) peer through the public API: what the tool
 * cannot show, such as sizes to 16 MiB, 100 WebSockets on one connection and
 * who closed with what. See README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"

#define MIB ((size_t)1 << 20)
#define SOCKETS_MAX 100
#define DATA_MAX (16 * MIB + SOCKETS_MAX)

/* What ends a case's sockets. */
enum ending {
  WE_CLOSE,    /* h2ws_socket_close(), and the same code back */
  THEY_CLOSE,  /* the peer: 4001 "bye" */
  WE_ABORT,    /* RST_STREAM in a message */
  WE_DRAIN,    /* h2ws_conn_drain() */
  THEY_REFUSE, /* an HTTP status instead of a socket */
};

struct scenario {
  const char *name;
  const char *path;
  unsigned sockets;      /* on one connection, open at the same time */
  const size_t *sizes;   /* messages to be echoed */
  size_t sizes_len;      /* how many */
  const char *greeting;  /* what the peer says first */
  const char *protocols; /* offered; "chat" must be the choice */
  const char *header;    /* the value of x-interop */
  enum ending ending;
  int number;     /* close code, or the status of a refusal */
  h2ws_type type; /* 0: binary */
  bool pieces;    /* send in pieces, receive in chunks */
  bool ping;      /* PING, and the same bytes back */
};

static const size_t small_sizes[] = {0,     1,     125,   126,   127,     16383,
                                     16384, 16385, 65535, 65536, 1048576, 4};
static const size_t large_sizes[] = {16 * MIB, 5};
static const size_t one_size[] = {1000};

#define SIZES(array)                                                           \
  .sizes = (array), .sizes_len = sizeof(array) / sizeof(size_t)

static const struct scenario scenarios[] = {
  {"text", "/echo", 1, SIZES(small_sizes), .type = H2WS_TEXT, .number = 1000},
  {"binary", "/echo", 1, SIZES(small_sizes), .number = 1000},
  {"text-16m", "/echo", 1, SIZES(large_sizes), .type = H2WS_TEXT,
   .number = 1000},
  {"binary-16m", "/echo", 1, SIZES(large_sizes), .number = 1000},
  {"pieces", "/echo", 1, SIZES(small_sizes), .pieces = true, .number = 1000},
  {"pieces-16m", "/echo", 1, SIZES(large_sizes), .pieces = true,
   .number = 1000},
  {"text-pieces-16m", "/echo", 1, SIZES(large_sizes), .type = H2WS_TEXT,
   .pieces = true, .number = 1000},
  {"hundred-at-once", "/echo", 100, SIZES(small_sizes), .number = 1000},
  {"ping", "/echo", 1, SIZES(one_size), .ping = true, .number = 1000},
  {"peer-pings", "/ping", 1, .greeting = "pong came", .number = 1000},
  {"subprotocol", "/protocol", 1, .protocols = "other, chat",
   .greeting = "protocol=chat", .number = 1000},
  {"no-subprotocol", "/protocol", 1, .greeting = "protocol=none",
   .number = 1000},
  {"header", "/header", 1, .header = "a b", .greeting = "a b", .number = 1000},
  {"close-1001", "/echo", 1, .number = 1001},
  {"close-3000", "/echo", 1, .number = 3000},
  {"close-4999", "/echo", 2, .number = 4999},
  {"close-without-code", "/echo", 1, .number = 0},
  {"peer-closes", "/close", 1, .ending = THEY_CLOSE, .number = 4001},
  {"abort", "/echo", 2, .ending = WE_ABORT, .number = 1006},
  {"drain", "/echo", 3, SIZES(one_size), .ending = WE_DRAIN, .number = 1001},
  {"refused-404", "/nowhere", 1, .ending = THEY_REFUSE, .number = 404},
  {"refused-405", "/get-only", 1, .ending = THEY_REFUSE, .number = 405},
};

/* The connection must outlive these cases: another socket proves it. */
static const struct scenario afterwards = {"afterwards", "/echo", 1,
                                           SIZES(one_size), .number = 1000};

struct peer {
  struct run *run;
  h2ws_socket *socket;
  const uint8_t *sent; /* of the message under way */
  size_t step;         /* messages echoed */
  size_t queued;       /* bytes of the message handed over, in pieces */
  bool sending;        /* the message is not handed over whole yet */
  size_t came;         /* bytes of its echo, in chunks */
  bool greeted;
  bool ponged;
};

struct run {
  struct drive_run base;
  const struct scenario *scenario;
  struct peer peers[SOCKETS_MAX];
  unsigned opened;
  int64_t last_id;
};

static uint8_t binary_data[DATA_MAX];
static uint8_t text_data[DATA_MAX];

/* Two-byte characters; in front of an odd number of bytes, an ASCII one. */
static const uint8_t *text_of(size_t len) {
  return len % 2 == 1 ? text_data : text_data + 1;
}

static void make_data(void) {
  uint32_t state = 1;
  size_t i;
  text_data[0] = 'x';
  for (i = 0; i < DATA_MAX; i++) {
    state = state * 1664525u + 1013904223u;
    binary_data[i] = (uint8_t)(state >> 24);
    if (i > 0) {
      text_data[i] = i % 2 == 1 ? 0xc3 : (uint8_t)(0x80 | (state >> 26));
    }
  }
}

static size_t wanted_len(const struct peer *peer) {
  return peer->run->scenario->sizes[peer->step];
}

static h2ws_type type_of(const struct scenario *scenario) {
  return scenario->type != 0 ? scenario->type : H2WS_BINARY;
}

/* ------------------------------------------------------------------------
 * What a socket does next
 */

static void send_pieces(struct peer *peer) {
  size_t len = wanted_len(peer);
  int rv = 0;
  while (peer->queued < len && rv == 0) {
    size_t piece = len - peer->queued < 50000 ? len - peer->queued : 50000;
    rv = h2ws_socket_send_piece(peer->socket, peer->sent + peer->queued, piece);
    if (rv == 0) {
      peer->queued += piece;
    }
  }
  if (rv == 0) {
    rv = h2ws_socket_send_end(peer->socket);
  }
  if (rv != H2WS_ERR_AGAIN) { /* else on_writable goes on */
    drive_check(&peer->run->base, rv, "send_piece, send_end");
    peer->sending = false;
  }
}

static void send_message(struct peer *peer) {
  const struct scenario *scenario = peer->run->scenario;
  h2ws_type type = type_of(scenario);
  size_t len = wanted_len(peer);
  /* Every socket sends other bytes, so that none can take another's echo. */
  peer->sent =
    type == H2WS_TEXT ? text_of(len) : binary_data + (peer - peer->run->peers);
  peer->came = 0;
  peer->queued = 0;
  if (scenario->pieces) {
    peer->sending = true;
    drive_check(&peer->run->base, h2ws_socket_send_begin(peer->socket, type),
                "send_begin");
    send_pieces(peer);
  } else {
    drive_check(&peer->run->base,
                h2ws_socket_send(peer->socket, type, peer->sent, len), "send");
  }
}

static void end_socket(struct peer *peer) {
  struct run *run = peer->run;
  switch (run->scenario->ending) {
  case WE_CLOSE:
    drive_check(&run->base,
                h2ws_socket_close(peer->socket, (uint16_t)run->scenario->number,
                                  "done", run->scenario->number == 0 ? 0 : 4),
                "close");
    break;
  case WE_ABORT:
    drive_check(&run->base,
                h2ws_socket_send(peer->socket, H2WS_BINARY, binary_data, MIB),
                "send");
    drive_check(&run->base, h2ws_socket_abort(peer->socket), "abort");
    break;
  case WE_DRAIN:
    if (peer == run->peers) {
      drive_check(&run->base,
                  h2ws_conn_drain(h2ws_client_conn(run->base.client)), "drain");
    }
    break;
  case THEY_CLOSE:
  case THEY_REFUSE:
    break;
  }
}

static void next_step(struct peer *peer) {
  const struct scenario *scenario = peer->run->scenario;
  if (scenario->greeting != NULL && !peer->greeted) {
    return; /* the peer speaks first */
  }
  if (peer->step < scenario->sizes_len) {
    send_message(peer);
  } else if (scenario->ping && !peer->ponged) {
    drive_check(&peer->run->base,
                h2ws_socket_ping(peer->socket, binary_data, 125), "ping");
  } else {
    end_socket(peer);
  }
}

/* ------------------------------------------------------------------------
 * Events of a socket
 */

static void on_open(h2ws_socket *socket, void *user) {
  struct peer *peer = user;
  struct run *run = peer->run;
  const char *protocol = h2ws_socket_protocol(socket);
  int64_t id = h2ws_stream_id(h2ws_socket_stream(socket));
  unsigned i;
  if (run->scenario->ending == THEY_REFUSE) {
    drive_fail(&run->base, "it opened");
    return;
  }
  if (id <= 0 || id % 2 != 1) {
    drive_fail(&run->base, "stream id %lld", (long long)id);
  }
  if (run->scenario->protocols != NULL &&
      (protocol == NULL || strcmp(protocol, "chat") != 0)) {
    drive_fail(&run->base, "subprotocol %s",
               protocol != NULL ? protocol : "(none)");
  }
  run->opened++;
  if (run->opened == run->scenario->sockets) {
    for (i = 0; i < run->scenario->sockets; i++) {
      next_step(&run->peers[i]);
    }
  }
}

static void on_greeting(struct peer *peer, h2ws_type type, const uint8_t *data,
                        size_t len) {
  const char *greeting = peer->run->scenario->greeting;
  if (type != H2WS_TEXT || len != strlen(greeting) ||
      memcmp(data, greeting, len) != 0) {
    drive_fail(&peer->run->base, "the peer said \"%.*s\", not \"%s\"", (int)len,
               (const char *)data, greeting);
    return;
  }
  peer->greeted = true;
  next_step(peer);
}

static void on_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, unsigned flags, void *user) {
  struct peer *peer = user;
  const struct scenario *scenario = peer->run->scenario;
  (void)socket;
  if (peer->step >= scenario->sizes_len) {
    drive_fail(&peer->run->base, "a message that nobody sent");
    return;
  }
  if (((flags & H2WS_CHUNK_FIRST) != 0) != (peer->came == 0) &&
      wanted_len(peer) > 0 && len > 0) {
    drive_fail(&peer->run->base, "H2WS_CHUNK_FIRST at %zu", peer->came);
  }
  if (type != type_of(scenario) || len > wanted_len(peer) - peer->came ||
      (len > 0 && memcmp(data, peer->sent + peer->came, len) != 0)) {
    drive_fail(&peer->run->base,
               "the echo of %zu bytes differs within %zu from %zu on",
               wanted_len(peer), len, peer->came);
    return;
  }
  peer->came += len;
  if ((flags & H2WS_CHUNK_LAST) == 0) {
    return;
  }
  if (peer->came != wanted_len(peer)) {
    drive_fail(&peer->run->base, "%zu bytes sent, %zu came", wanted_len(peer),
               peer->came);
    return;
  }
  peer->step++;
  next_step(peer);
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct peer *peer = user;
  if (peer->run->scenario->greeting != NULL && !peer->greeted) {
    on_greeting(peer, type, data, len);
  } else {
    on_chunk(socket, type, data, len, H2WS_CHUNK_FIRST | H2WS_CHUNK_LAST, user);
  }
}

static void on_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  struct peer *peer = user;
  (void)socket;
  if (len != 125 || memcmp(data, binary_data, len) != 0) {
    drive_fail(&peer->run->base, "a PONG of %zu other bytes", len);
    return;
  }
  peer->ponged = true;
  next_step(peer);
}

static void on_writable(h2ws_socket *socket, void *user) {
  struct peer *peer = user;
  (void)socket;
  if (peer->sending) {
    send_pieces(peer);
  }
}

static void check_ending(struct run *run, const h2ws_close_info *info) {
  static const h2ws_close_class classes[] = {
    [WE_CLOSE] = H2WS_CLOSE_CLEAN,      [THEY_CLOSE] = H2WS_CLOSE_CLEAN,
    [WE_ABORT] = H2WS_CLOSE_ABORTED,    [WE_DRAIN] = H2WS_CLOSE_CLEAN,
    [THEY_REFUSE] = H2WS_CLOSE_REFUSED,
  };
  const struct scenario *scenario = run->scenario;
  bool refused = scenario->ending == THEY_REFUSE;
  int code = scenario->number == 0 ? 1005 : scenario->number;
  if (info->cls != classes[scenario->ending]) {
    drive_fail(&run->base, "closed as %s: %s", h2ws_close_class_name(info->cls),
               info->detail);
  }
  if ((refused ? info->status : info->code) != code) {
    drive_fail(&run->base, "%s %d, not %d", refused ? "status" : "close code",
               refused ? info->status : info->code, code);
  }
  if (scenario->ending == THEY_CLOSE &&
      (!info->by_peer || strcmp(info->reason, "bye") != 0)) {
    drive_fail(&run->base, "by_peer %d, reason \"%s\"", info->by_peer,
               info->reason);
  }
  if (scenario->ending == WE_CLOSE && info->by_peer) {
    drive_fail(&run->base, "by_peer is set, but we closed");
  }
}

static void start(struct run *run, const struct scenario *scenario);

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  struct peer *peer = user;
  struct run *run = peer->run;
  (void)socket;
  peer->socket = NULL;
  if (!run->base.failed) {
    check_ending(run, info);
  }
  run->base.closed++;
  if (run->base.failed || run->base.closed < run->base.wanted) {
    return;
  }
  if (run->scenario->ending == WE_ABORT ||
      run->scenario->ending == THEY_REFUSE) {
    start(run, &afterwards);
  } else if (run->scenario->ending != WE_DRAIN) {
    drive_check(&run->base, h2ws_conn_drain(h2ws_client_conn(run->base.client)),
                "drain");
  }
}

/* ------------------------------------------------------------------------
 * A case: one connection with its sockets
 */

static const h2ws_socket_callbacks whole = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_pong = on_pong,
  .on_close = on_close,
};

static const h2ws_socket_callbacks chunked = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_chunk = on_chunk,
  .on_writable = on_writable,
  .on_close = on_close,
};

/* Opens the sockets of a scenario on the connection there is. */
static void start(struct run *run, const struct scenario *scenario) {
  h2ws_conn *conn = h2ws_client_conn(run->base.client);
  h2ws_header header = {"x-interop", scenario->header};
  h2ws_request request = {
    .size = sizeof(request),
    .authority = h2ws_client_authority(run->base.client),
    .path = scenario->path,
    .headers = &header,
    .headers_len = scenario->header != NULL ? 1 : 0,
  };
  h2ws_socket_options options;
  unsigned i;
  h2ws_socket_options_default(&options, sizeof(options));
  options.protocols = scenario->protocols;
  run->scenario = scenario;
  run->opened = 0;
  run->base.closed = 0;
  run->base.wanted = scenario->sockets;
  for (i = 0; i < scenario->sockets && !run->base.failed; i++) {
    struct peer *peer = &run->peers[i];
    *peer = (struct peer){.run = run};
    drive_check(&run->base,
                h2ws_socket_open(conn, &peer->socket, &request, &options,
                                 scenario->pieces ? &chunked : &whole, peer),
                "open");
  }
}

static void on_connect(struct drive_run *base, h2ws_conn *conn) {
  struct run *run = (struct run *)base; /* its first member */
  (void)conn;
  start(run, run->scenario);
}

static const char *case_name(size_t i) {
  return scenarios[i].name;
}

static struct drive_run *case_begin(size_t i) {
  static struct run run;
  run = (struct run){.scenario = &scenarios[i]};
  run.base.name = scenarios[i].name;
  return &run.base;
}

static const struct drive drive = {
  .cases_len = sizeof(scenarios) / sizeof(scenarios[0]),
  .case_name = case_name,
  .case_begin = case_begin,
  .connected = on_connect,
};

int main(int argc, char **argv) {
  make_data();
  return drive_main(&drive, argc, argv);
}
