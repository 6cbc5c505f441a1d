/* How a client connects. */
#ifndef H2WS_EASY_DIAL_H
#define H2WS_EASY_DIAL_H

#include "lib/easy/channel.h"

/* Copies what `options` (not NULL) say. H2WS_ERR_NOMEM */
int h2ws__dial_new(struct h2ws__dial **out, const char *url,
                   const h2ws_options *options);
/* Before it was started. */
void h2ws__dial_free(struct h2ws__dial *dial);

#endif
