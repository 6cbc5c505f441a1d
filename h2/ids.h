/*
 * Stream ids that a client skipped. RFC 9113 section 5.1.1 closes them, so
 * HEADERS there are an error of the connection, unlike late HEADERS on an id
 * that was in use.
 */
#ifndef H2WS_H2_IDS_H
#define H2WS_H2_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H2WS__ID_GAPS 8 /* the newest ones are remembered */

struct h2ws__ids {
  int32_t last; /* highest id seen, 0 none */
  struct {
    int32_t first;
    int32_t last;
  } gaps[H2WS__ID_GAPS];
  size_t next_gap;
};

/* HEADERS on this odd id. False if the id had been skipped. */
bool h2ws__ids_see(struct h2ws__ids *ids, int32_t id);

#endif
