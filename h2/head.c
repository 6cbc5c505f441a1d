#include <string.h>

#include "h2/session.h"

/* Fields in one block beyond which the connection ends (hostile row LM-01). */
#define FIELDS_FATAL 1000
/* Times max_header_list: the same. References cost the peer one byte each. */
#define LIST_FATAL 16

int h2ws__h2_begin_head(struct h2ws__h2 *h2, struct h2ws__h2_stream *stream) {
  h2->rx.head_fields = 0;
  h2->rx.head_bytes = 0;
  h2ws__head_dispose(&h2->rx.head, &h2->env->mem);
  if (stream != NULL) {
    stream->head_too_big = false;
  }
  return 0;
}

/* Where a pseudo field is kept; NULL for one that is not. */
static char **head_slot(struct h2ws__head *head, const char *name) {
  static const struct {
    const char *name;
    size_t offset;
  } slots[] = {
    {":method", offsetof(struct h2ws__head, method)},
    {":scheme", offsetof(struct h2ws__head, scheme)},
    {":authority", offsetof(struct h2ws__head, authority)},
    {":path", offsetof(struct h2ws__head, path)},
    {":protocol", offsetof(struct h2ws__head, protocol)},
  };
  size_t i;
  for (i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
    if (strcmp(name, slots[i].name) == 0) {
      return (char **)(void *)((char *)head + slots[i].offset);
    }
  }
  return NULL;
}

/* RFC 9113 section 8.3.2; nghttp2 has checked that it is three digits. */
static int head_parse_status(const char *value) {
  return (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
}

static int head_add_pseudo(struct h2ws__h2 *h2, const h2ws_header *field,
                           size_t value_len) {
  struct h2ws__head *head = &h2->rx.head;
  char **slot = head_slot(head, field->name);
  if (slot != NULL && *slot == NULL) {
    *slot = h2ws__mem_strndup(&h2->env->mem, field->value, value_len);
    return *slot == NULL ? H2WS_ERR_NOMEM : 0;
  }
  if (slot == NULL && strcmp(field->name, ":status") == 0 && value_len == 3) {
    head->status = head_parse_status(field->value);
  }
  return 0;
}

int h2ws__h2_add_field(struct h2ws__h2 *h2, struct h2ws__h2_stream *stream,
                       const h2ws_header *field, const size_t lens[2]) {
  const h2ws_mem *mem = &h2->env->mem;
  h2->rx.head_fields++;
  h2->rx.head_bytes += lens[0] + lens[1] + H2WS__HEADER_OVERHEAD;
  if (h2->rx.head_fields > FIELDS_FATAL ||
      h2->rx.head_bytes / LIST_FATAL > h2->options.max_header_list) {
    return H2WS_ERR_LIMIT;
  }
  if (h2->rx.head_fields > h2->options.max_header_fields ||
      h2->rx.head_bytes > h2->options.max_header_list) {
    /* The rest of the block only keeps the compression state right. */
    stream->head_too_big = true;
    h2ws__head_dispose(&h2->rx.head, mem);
    return 0;
  }
  if (stream->head_too_big) {
    return 0;
  }
  if (field->name[0] == ':') {
    return head_add_pseudo(h2, field, lens[1]);
  }
  if (strcmp(field->name, "cookie") == 0) { /* RFC 9113 section 8.2.3 */
    return h2ws__headers_join(&h2->rx.head.fields, mem, field->name, lens[0],
                              field->value, lens[1], "; ");
  }
  return h2ws__headers_add(&h2->rx.head.fields, mem, field->name, lens[0],
                           field->value, lens[1]);
}
