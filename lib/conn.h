/* What lib/websocket.c needs of a connection beyond the public header. */
#ifndef H2WS_LIB_CONN_H
#define H2WS_LIB_CONN_H

#include "lib/base/env.h"

struct h2ws__env *h2ws__conn_env(h2ws_conn *conn);

#endif
