/*
 * 9. New: header fields. The server lets in only pages of its own (Origin) that
 * know the password; the client sends both, or is told why not.
 * Arguments: serve URL, or: connect URL ORIGIN PASSWORD.
 */
#include <h2ws/easy.h>
#include <stdio.h>
#include <string.h>

#define OUR_ORIGIN "https://example.com"
#define OUR_SECRET "Bearer sesame"

static int is(const char *value, const char *wanted) {
  return value != NULL && strcmp(value, wanted) == 0;
}

static int allow(const h2ws_stream *request, void *user) {
  (void)user;
  if (!is(h2ws_stream_header(request, "origin"), OUR_ORIGIN)) {
    return 403;
  }
  return is(h2ws_stream_header(request, "authorization"), OUR_SECRET) ? 0 : 401;
}

static void greet(h2ws *c, void *user) {
  char text[128];
  (void)user;
  (void)snprintf(text, sizeof(text), "welcome, %s", h2ws_field(c, "origin"));
  (void)h2ws_send_text(c, text);
}

static int serve(const char *url) {
  h2ws_serve_options options;
  h2ws_serve_options_default(&options, sizeof(options));
  options.allow = allow;
  return -h2ws_serve(url, greet, NULL, &options);
}

int main(int argc, char **argv) {
  char secret[128];
  h2ws_header headers[] = {{"origin", ""}, {"authorization", secret}};
  h2ws_options options;
  h2ws_msg m;
  h2ws *c;
  if (argc == 3 && strcmp(argv[1], "serve") == 0) {
    return serve(argv[2]);
  }
  if (argc != 5) {
    return 2;
  }
  headers[0].value = argv[3];
  (void)snprintf(secret, sizeof(secret), "Bearer %s", argv[4]);
  h2ws_options_default(&options, sizeof(options));
  options.headers = headers;
  options.headers_len = 2;
  c = h2ws_connect(argv[2], &options);
  if (h2ws_recv(c, &m, 5000) == 0) {
    printf("%s\n", m.data);
  } else {
    (void)fprintf(stderr, "%s\n", h2ws_error(c));
  }
  return -h2ws_close(c);
}
