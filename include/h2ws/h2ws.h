/* h2ws/h2ws.h: all public headers. */
#ifndef H2WS_H2WS_H
#define H2WS_H2WS_H

#include <h2ws/core.h>
#include <h2ws/easy.h>
#include <h2ws/event.h>

#endif /* H2WS_H2WS_H */
