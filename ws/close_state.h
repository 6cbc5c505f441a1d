/*
 * The closing handshake (RFC 6455 section 7) as one table. It does not know
 * which side it is; what a step does on the wire is in ws/close.c.
 */
#ifndef H2WS_WS_CLOSE_STATE_H
#define H2WS_WS_CLOSE_STATE_H

enum h2ws__close_state {
  H2WS__CLOSE_CONNECTING, /* no WebSocket yet */
  H2WS__CLOSE_OPEN,
  H2WS__CLOSE_EXPECT_PEER, /* our CLOSE is queued; expect theirs */
  H2WS__CLOSE_EXPECT_END,  /* both CLOSEs; our end queued; expect theirs */
  H2WS__CLOSE_FAILED,      /* their fault: CLOSE and end queued */
  H2WS__CLOSE_ABORTED,     /* reset on this side */
  H2WS__CLOSE_DONE,
};
#define H2WS__CLOSE_STATES 7

enum h2ws__close_event {
  H2WS__CLOSE_EV_START, /* the opening handshake succeeded */
  H2WS__CLOSE_EV_LOCAL, /* h2ws_socket_close() */
  H2WS__CLOSE_EV_PEER,  /* CLOSE received */
  H2WS__CLOSE_EV_END,   /* END_STREAM received */
  H2WS__CLOSE_EV_FAIL,  /* the peer broke a rule or a limit */
  H2WS__CLOSE_EV_ABORT, /* h2ws_socket_abort(), or a deadline */
  H2WS__CLOSE_EV_GONE,  /* the stream is closed */
};
#define H2WS__CLOSE_EVENTS 7

enum h2ws__close_state h2ws__close_next(enum h2ws__close_state state,
                                        enum h2ws__close_event event);

#endif
