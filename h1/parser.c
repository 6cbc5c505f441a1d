/*
 * The parser is llhttp where it was found, else http_parser, its ancestor.
 * Debian builds that one with its lenient tables: what it lets pass and the
 * RFC does not, is checked here and in intake.c.
 */
#include "h1/parser.h"

#include <string.h>

#ifdef H2WS_USE_LLHTTP
#include <llhttp.h>
typedef llhttp_t parser_t;
typedef llhttp_settings_t settings_t;
#else
#include <http_parser.h>
typedef http_parser parser_t;
typedef http_parser_settings settings_t;
#endif

#define VERSION_LEN 8 /* "HTTP/1.1" */

struct text {
  const char *at;
  size_t len;
};

/* What is known while the parser runs. */
struct parse {
  struct h2ws__h1_message *out;
  const h2ws_mem *mem;
  size_t max_fields;
  struct text target;
  struct text name;
  struct text value;
  bool whole; /* the empty line was reached */
  int error;
};

/* The parser may give a string in pieces that lie side by side. */
static void text_extend(struct text *text, const char *at, size_t len) {
  if (text->at == NULL) {
    text->at = at;
  }
  text->len += len;
}

static bool is_space(char c) {
  return c == ' ' || c == '\t';
}

static void text_trim(struct text *text) {
  while (text->len > 0 && is_space(text->at[0])) {
    text->at++;
    text->len--;
  }
  while (text->len > 0 && is_space(text->at[text->len - 1])) {
    text->len--;
  }
}

/* The field that has just ended. */
static int parse_flush_field(struct parse *p) {
  struct h2ws__headers *fields = &p->out->head.fields;
  if (p->name.at == NULL) {
    return 0;
  }
  text_trim(&p->value);
  if (!h2ws__is_token(p->name.at, p->name.len)) {
    p->error = 400;
  } else if (fields->len == p->max_fields) {
    p->error = 431;
  } else {
    p->error = h2ws__headers_add(fields, p->mem, p->name.at, p->name.len,
                                 p->value.at, p->value.len);
  }
  p->name = (struct text){0};
  p->value = (struct text){0};
  return p->error != 0;
}

static int on_url(parser_t *parser, const char *at, size_t len) {
  struct parse *p = parser->data;
  text_extend(&p->target, at, len);
  return 0;
}

static int on_field(parser_t *parser, const char *at, size_t len) {
  struct parse *p = parser->data;
  if (p->value.at != NULL && parse_flush_field(p) != 0) {
    return -1;
  }
  text_extend(&p->name, at, len);
  return 0;
}

static int on_value(parser_t *parser, const char *at, size_t len) {
  struct parse *p = parser->data;
  text_extend(&p->value, at, len);
  return 0;
}

static int on_headers_complete(parser_t *parser) {
  struct parse *p = parser->data;
  p->whole = parse_flush_field(p) == 0;
  return p->whole ? 1 : -1; /* 1: heads only, no body */
}

/* The status that answers what the parser does not take. */
static int status_of(const parser_t *parser) {
#ifdef H2WS_USE_LLHTTP
  int error = (int)llhttp_get_errno(parser);
#else
  int error = (int)HTTP_PARSER_ERRNO(parser);
#endif
  if (error == HPE_INVALID_METHOD) {
    return 501;
  }
  return error == HPE_INVALID_VERSION ? 505 : 400;
}

static int run_parser(struct parse *p, const char *text, size_t len,
                      bool request) {
  settings_t settings;
  parser_t parser;
  memset(&settings, 0, sizeof(settings));
  settings.on_url = on_url;
  settings.on_header_field = on_field;
  settings.on_header_value = on_value;
  settings.on_headers_complete = on_headers_complete;
#ifdef H2WS_USE_LLHTTP
  llhttp_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
  parser.data = p;
  (void)llhttp_execute(&parser, text, len);
#else
  http_parser_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE);
  parser.data = p;
  (void)http_parser_execute(&parser, &settings, text, len);
#endif
  if (p->error != 0) {
    return p->error;
  }
  p->out->head.status = request ? 0 : (int)parser.status_code;
  return p->whole ? 0 : status_of(&parser);
}

/* 0, or the status; sets out->http10. `at` is where the version stands. */
static int check_version(struct parse *p, const char *at) {
  if (memcmp(at, "HTTP/", 5) != 0) {
    return 400;
  }
  p->out->http10 = memcmp(at, "HTTP/1.0", VERSION_LEN) == 0;
  return p->out->http10 || memcmp(at, "HTTP/1.1", VERSION_LEN) == 0 ? 0 : 505;
}

static char *copy(const h2ws_mem *mem, const char *at, size_t len) {
  return h2ws__mem_strndup(mem, at, len);
}

/* RFC 9112 section 3: method SP target SP version, and nothing else. */
static int read_request_line(struct parse *p, const char *line, size_t len) {
  const char *end = memchr(line, ' ', len);
  size_t method_len = end == NULL ? 0 : (size_t)(end - line);
  struct h2ws__head *head = &p->out->head;
  int status;
  if (p->target.len == 0 ||
      len != method_len + 1 + p->target.len + 1 + VERSION_LEN ||
      p->target.at != line + method_len + 1 ||
      line[len - VERSION_LEN - 1] != ' ') {
    return 400;
  }
  status = check_version(p, line + len - VERSION_LEN);
  if (status != 0) {
    return status;
  }
  head->method = copy(p->mem, line, method_len);
  head->path = copy(p->mem, p->target.at, p->target.len);
  return head->method == NULL || head->path == NULL ? H2WS_ERR_NOMEM : 0;
}

/* RFC 9112 section 4: version SP three digits SP reason. */
static int read_status_line(struct parse *p, const char *line, size_t len) {
  size_t i;
  if (len < VERSION_LEN + 4 || line[VERSION_LEN] != ' ' ||
      (len > VERSION_LEN + 4 && line[VERSION_LEN + 4] != ' ')) {
    return 400;
  }
  for (i = VERSION_LEN + 1; i < VERSION_LEN + 4; i++) {
    if (line[i] < '0' || line[i] > '9') {
      return 400;
    }
  }
  return p->out->head.status < 100 ? 400 : check_version(p, line);
}

int h2ws__h1_parse(struct h2ws__h1_message *out, const h2ws_mem *mem,
                   const char *text, size_t len, bool request,
                   size_t max_fields) {
  const char *line_end = memchr(text, '\r', len);
  struct parse p = {0};
  int rv;
  *out = (struct h2ws__h1_message){0};
  p.out = out;
  p.mem = mem;
  p.max_fields = max_fields;
  rv = run_parser(&p, text, len, request);
  if (rv == 0) {
    size_t line_len = line_end == NULL ? 0 : (size_t)(line_end - text);
    rv = request ? read_request_line(&p, text, line_len)
                 : read_status_line(&p, text, line_len);
  }
  if (rv != 0) {
    h2ws__head_dispose(&out->head, mem);
  }
  return rv;
}
