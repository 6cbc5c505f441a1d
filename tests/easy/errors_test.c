/* Every way to fail: in time, with its code, and with words that help. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

#define DEADLINE_MS 400

static void expect_words(const char *text, const char *words) {
  ck_assert_msg(strstr(text, words) != NULL, "'%s' is not in: %s", words, text);
}

static void test_options(h2ws_options *o) {
  h2ws_options_default(o, sizeof(*o));
  o->insecure = true;
  o->open_timeout_ms = LONG_MS; /* sanitizers are slow at TLS */
}

/* It fails before the deadline and a bit, says so, and names the URL. */
static void expect_refusal(const char *url, const h2ws_options *o, int error,
                           const char *words) {
  int64_t began = now_ms();
  h2ws *c = h2ws_connect(url, o);
  ck_assert_ptr_null(c);
  ck_assert_int_lt(now_ms() - began, o->open_timeout_ms + 1000);
  ck_assert_msg(h2ws_error_code(NULL) == error, "%d: %s", h2ws_error_code(NULL),
                h2ws_error(NULL));
  expect_words(h2ws_error(NULL), "h2ws_connect: ");
  expect_words(h2ws_error(NULL), url);
  expect_words(h2ws_error(NULL), words);
}

/* A port nobody takes connections from, or one that is silent (listening). */
static int plain_port(char *url, size_t len, const char *scheme,
                      bool listening) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  socklen_t size = sizeof(addr);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)(void *)&addr, size), 0);
  if (listening) {
    ck_assert_int_eq(listen(fd, 16), 0);
  }
  (void)getsockname(fd, (struct sockaddr *)(void *)&addr, &size);
  (void)snprintf(url, len, "%s://127.0.0.1:%u/", scheme,
                 (unsigned)ntohs(addr.sin_port));
  return fd;
}

START_TEST(a_url_that_cannot_be_used) {
  h2ws_options o;
  test_options(&o);
  expect_refusal("gopher://localhost/", &o, H2WS_ERR_URL, "wss://HOST");
  expect_refusal("", &o, H2WS_ERR_URL, "wss://HOST");
  expect_refusal("ws://localhost/#part", &o, H2WS_ERR_URL, "a fragment");
  ck_assert_ptr_null(h2ws_connect(NULL, &o));
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_INVALID);
  o.size = 0;
  ck_assert_ptr_null(h2ws_connect("ws://localhost/", &o));
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_INVALID);
}
END_TEST

static int not_yet(const h2ws_stream *request, void *user) {
  (void)request;
  (void)user;
  return 401;
}

/* RFC 9110 section 15.5.2: it goes with every 401. */
START_TEST(a_401_carries_its_challenge) {
  static const char ask[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
  struct sockaddr_in addr = {.sin_family = AF_INET};
  char answer[1024] = "";
  size_t len = 0;
  h2ws_serve_options so;
  h2ws *s;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  h2ws_serve_options_default(&so, sizeof(so));
  so.allow = not_yet;
  so.challenge = "Bearer realm=\"x\"";
  s = h2ws_listen("ws://127.0.0.1:0/", echo, NULL, &so);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  addr.sin_port =
    htons((uint16_t)strtoul(strrchr(url_of(s, "ws", ""), ':') + 1, NULL, 10));
  ck_assert_int_eq(connect(fd, (struct sockaddr *)(void *)&addr, sizeof(addr)),
                   0);
  ck_assert_int_eq(send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL),
                   sizeof(ask) - 1);
  while (strstr(answer, "\r\n\r\n") == NULL) {
    ssize_t n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
    ck_assert_int_gt(n, 0);
    len += (size_t)n;
  }
  expect_words(answer, " 401 ");
  expect_words(answer, "www-authenticate: Bearer realm=\"x\"\r\n");
  (void)close(fd);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void expect_no_password(const char *call) {
  const char *text = h2ws_error(NULL);
  ck_assert_msg(strstr(text, "secret") == NULL, "a password in: %s", text);
  expect_words(text, call);
  expect_words(text, "***@");
}

START_TEST(what_waits_in_vain_says_for_what) {
  static const char bytes[100000];
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws_options o;
  h2ws_msg m;
  h2ws *c;
  int rv;
  test_options(&o);
  o.send_timeout_ms = 1;
  o.close_timeout_ms = 1;
  c = h2ws_connect(url_of(s, "ws", "/"), &o);
  expect_error(h2ws_recv(c, &m, 0), H2WS_ERR_TIMEOUT);
  expect_words(h2ws_error(c), "nothing came in time");
  do { /* its answers are not read either */
    rv = h2ws_try_send(c, H2WS_BINARY, bytes, sizeof(bytes));
  } while (rv == 0);
  expect_error(rv, H2WS_ERR_AGAIN);
  expect_words(h2ws_error(c), "the send queue is full");
  (void)h2ws_close(c);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* Wherever it is thought to begin and to end. */
START_TEST(a_password_is_not_shown) {
  static const char *const urls[] = {
    "ws://ann:secret@localhost:1/",  "wss://secret@localhost/",
    "ws://a@b:secret@localhost:1/",  "ws://ann:sec ret:secret@localhost:1/",
    "ws://ann:x/secret@localhost/",  "ann:secret@localhost:1",
    "gopher://ann:secret@localhost", "ws://ann:secret@localhost:99999/"};
  size_t i;
  h2ws_options o;
  test_options(&o);
  for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
    ck_assert_ptr_null(h2ws_connect(urls[i], &o));
    expect_no_password("h2ws_connect: ");
    ck_assert_ptr_null(h2ws_listen(urls[i], echo, NULL, NULL));
    expect_no_password("h2ws_listen: ");
    o.size = 0;
    ck_assert_ptr_null(h2ws_connect(urls[i], &o));
    expect_no_password("h2ws_connect: ");
    o.size = sizeof(o);
  }
  ck_assert_ptr_null(h2ws_connect("ws://127.0.0.1:1/@name", &o));
  expect_words(h2ws_error(NULL), "ws://127.0.0.1:1/@name: ");
}
END_TEST

/* They are shorter than a scheme, or say more than where to listen. */
START_TEST(urls_that_nobody_can_listen_on) {
  static const char *const urls[] = {
    "", "w", "ws://", "ws:///path", "ws://127.0.0.1:0/a?b", "ws://h:0/#part"};
  size_t i;
  for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
    ck_assert_ptr_null(h2ws_listen(urls[i], echo, NULL, NULL));
    ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_URL);
    expect_words(h2ws_error(NULL), urls[i]);
  }
}
END_TEST

START_TEST(what_is_wrong_with_files_and_proxies) {
  h2ws_client_options client;
  h2ws_options o;
  test_options(&o);
  h2ws_client_options_default(&client, sizeof(client));
  o.ca_file = "/nowhere/ca.pem";
  expect_refusal("wss://localhost:1/", &o, H2WS_ERR_TLS,
                 "CA file /nowhere/ca.pem: No such file or directory");
  o.ca_file = NULL;
  o.client = &client;
  client.cert_file = "/nowhere/me.pem";
  expect_refusal("wss://localhost:1/", &o, H2WS_ERR_TLS,
                 "/nowhere/me.pem: No such file or directory");
  client.cert_file = NULL;
  client.proxy = "ftp://127.0.0.1/";
  expect_refusal("ws://localhost:1/", &o, H2WS_ERR_URL, "the proxy's URL");
  client.proxy = NULL;
  client.fd = 1 << 20;
  expect_refusal("ws://localhost:1/", &o, H2WS_ERR_CONNECT,
                 "descriptor 1048576: Bad file descriptor");
}
END_TEST

START_TEST(a_key_wants_its_certificate) {
  h2ws_serve_options o;
  h2ws_serve_options_default(&o, sizeof(o));
  o.key_file = "/nowhere/key.pem";
  ck_assert_ptr_null(h2ws_listen("wss://127.0.0.1:0/", echo, NULL, &o));
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_TLS);
  expect_words(h2ws_error(NULL), "no certificate file");
}
END_TEST

START_TEST(nobody_listens) {
  char url[64];
  int fd = plain_port(url, sizeof(url), "ws", false);
  h2ws_options o;
  test_options(&o);
  expect_refusal(url, &o, H2WS_ERR_CONNECT, "Check that the server runs");
  (void)close(fd);
}
END_TEST

START_TEST(a_name_that_does_not_resolve) {
  h2ws_options o;
  test_options(&o); /* who knows how long a resolver thinks */
  ck_assert_ptr_null(h2ws_connect("ws://no-such-host.invalid/", &o));
  ck_assert(h2ws_error_code(NULL) == H2WS_ERR_RESOLVE ||
            h2ws_error_code(NULL) == H2WS_ERR_TIMEOUT);
  expect_words(h2ws_error(NULL), "no-such-host.invalid");
}
END_TEST

START_TEST(a_server_that_says_nothing) {
  static const char *const schemes[] = {"ws", "wss", "https"};
  h2ws_options o;
  size_t i;
  test_options(&o);
  o.open_timeout_ms = DEADLINE_MS;
  for (i = 0; i < 3; i++) {
    char url[64];
    int fd = plain_port(url, sizeof(url), schemes[i], true);
    expect_refusal(url, &o, H2WS_ERR_TIMEOUT, "open_timeout_ms");
    (void)close(fd);
  }
}
END_TEST

START_TEST(tls_where_there_is_none) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws_options o;
  test_options(&o);
  expect_refusal(url_of(s, "wss", "/"), &o, H2WS_ERR_TLS, "use ws:");
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(cleartext_where_there_is_tls) {
  h2ws *s = listen_on("wss://127.0.0.1:0/", echo, NULL);
  h2ws_options o;
  test_options(&o);
  ck_assert_ptr_null(h2ws_connect(url_of(s, "ws", "/"), &o));
  ck_assert_int_lt(h2ws_error_code(NULL), 0);
  expect_words(h2ws_error(NULL), "TLS");
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(a_certificate_of_nobody) {
  h2ws *s = listen_on("wss://127.0.0.1:0/", echo, NULL);
  h2ws_options o;
  test_options(&o);
  o.insecure = false;
  expect_refusal(url_of(s, "wss", "/"), &o, H2WS_ERR_CERTIFICATE,
                 "(--insecure). In options: ca_file, insecure.");
  o.ca_file = "/no/such/file.pem";
  expect_refusal(url_of(s, "wss", "/"), &o, H2WS_ERR_TLS, "certificate files");
  expect_error(h2ws_close(s), 0);
}
END_TEST

static int refuse(const h2ws_stream *request, void *user) {
  (void)request;
  return *(int *)user;
}

static void expect_status(const char *text, int status) {
  char words[32];
  (void)snprintf(words, sizeof(words), "request (status %d)", status);
  expect_words(text, words);
}

START_TEST(a_server_that_refuses) {
  static const struct {
    int status;
    const char *words;
  } cases[] = {
    {401, "credentials"},     {403, "Origin"},  {405, "any(handler)"},
    {503, "try again later"}, {418, "refused"},
  };
  h2ws_serve_options so;
  h2ws_server_options server;
  h2ws_options o;
  int status = 0;
  h2ws *s;
  size_t i;
  serve_options(&so, &server);
  so.allow = refuse;
  s = h2ws_listen("ws://127.0.0.1:0/only", echo, &status, &so);
  ck_assert_ptr_nonnull(s);
  test_options(&o);
  for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    status = cases[i].status;
    expect_refusal(url_of(s, "ws", "/only"), &o, H2WS_ERR_REFUSED,
                   cases[i].words);
    expect_status(h2ws_error(NULL), status);
  }
  expect_refusal(url_of(s, "ws", "/other"), &o, H2WS_ERR_REFUSED,
                 "it says: \"nothing is served on this path\". Check the path");
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* A server that answers one request in these words, and may leave. */
struct speaker {
  int listener;
  const char *words;
  bool leaves;
};

static void *speak(void *arg) {
  struct speaker *s = arg;
  char buf[4096];
  int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd >= 0 && recv(fd, buf, sizeof(buf), 0) > 0) {
    (void)send(fd, s->words, strlen(s->words), MSG_NOSIGNAL);
    while (!s->leaves && recv(fd, buf, sizeof(buf), 0) > 0) {
    }
  }
  (void)close(fd);
  return NULL;
}

static void expect_printable(const char *text) {
  const char *at;
  ck_assert(h2ws_is_utf8(text, strlen(text)));
  ck_assert_ptr_null(strstr(text, "\xc2\x9b"));
  for (at = text; *at != '\0'; at++) {
    ck_assert_msg((unsigned char)*at >= ' ' && *at != 0x7f, "%d", *at);
  }
}

/* Over HTTP/1.1, where a test can write the answer by hand. */
static void expect_answer(const char *scheme, const char *head, bool leaves,
                          int status, const char *words) {
  struct speaker speaker = {-1, head, leaves};
  h2ws_options o;
  pthread_t thread;
  char url[64];
  speaker.listener = plain_port(url, sizeof(url), scheme, true);
  ck_assert_int_eq(pthread_create(&thread, NULL, speak, &speaker), 0);
  test_options(&o);
  o.http = H2WS_HTTP_1_1;
  o.open_timeout_ms = leaves ? LONG_MS : DEADLINE_MS;
  expect_refusal(url, &o, H2WS_ERR_REFUSED, words);
  expect_status(h2ws_error(NULL), status);
  expect_printable(h2ws_error(NULL));
  (void)pthread_join(thread, NULL);
  (void)close(speaker.listener);
}

#define EVIL "\033[2Jno \xc2\x9b\xff\x7f\xc3\xa4\r\n"
#define TAMED "it says: \" [2Jno  ? \xc3\xa4\""

START_TEST(refusals_name_their_status) {
  static const char *const schemes[] = {"ws", "http"};
  const char *scheme = schemes[_i];
  expect_answer(scheme, "HTTP/1.1 403 No\r\nContent-Length: 15\r\n\r\n" EVIL,
                true, 403, TAMED);
  expect_answer(scheme, "HTTP/1.1 301 Go\r\nContent-Length: 0\r\n\r\n", true,
                301, "refused");
  /* Its words are announced and do not come. */
  expect_answer(scheme, "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\n", true,
                503, "try again later");
  expect_answer(scheme, "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\n", false,
                503, "try again later");
}
END_TEST

/* As long as a character: none is cut in two. */
START_TEST(the_words_of_a_refusal_are_bounded) {
  char head[1024] = "HTTP/1.1 403 No\r\nContent-Length: 600\r\n\r\nx";
  size_t len = strlen(head);
  size_t i;
  for (i = 0; i < 300; i++) {
    head[len + i * 2] = '\xc3';
    head[len + i * 2 + 1] = '\xa4';
  }
  expect_answer("http", head, true, 403, "credentials");
  ck_assert_uint_lt(strlen(h2ws_error(NULL)), 600);
}
END_TEST

START_TEST(messages_and_bytes_do_not_meet) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws_options o;
  test_options(&o);
  expect_refusal(url_of(s, "http", "/"), &o, H2WS_ERR_REFUSED,
                 "it says: \"a WebSocket is served on this path\"");
  expect_error(h2ws_close(s), 0);
  s = listen_on("http://127.0.0.1:0/", echo, NULL);
  expect_refusal(url_of(s, "ws", "/"), &o, H2WS_ERR_REFUSED, "byte stream");
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(text_that_is_not_utf8) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  expect_error(h2ws_send(c, H2WS_TEXT, "\xff", 1), H2WS_ERR_UTF8);
  expect_words(h2ws_error(c), "UTF-8");
  expect_error(h2ws_send(c, H2WS_BINARY, NULL, 1), H2WS_ERR_INVALID);
  expect_error(h2ws_send(c, (h2ws_type)7, "x", 1), H2WS_ERR_INVALID);
  expect_error(h2ws_send_text(c, "fine"), 0);
  expect_text(c, "fine");
  expect_error(h2ws_close_with(c, 1005, NULL), H2WS_ERR_INVALID);
  expect_error(h2ws_close_with(c, 1000, "\xff"), H2WS_ERR_UTF8);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(a_message_beyond_the_limit) {
  h2ws_serve_options so;
  h2ws_server_options server;
  char data[2000] = {0};
  h2ws_msg m;
  h2ws *s;
  h2ws *c;
  serve_options(&so, &server);
  so.max_message = 1000;
  s = h2ws_listen("ws://127.0.0.1:0/", echo, NULL, &so);
  c = connect_to(url_of(s, "ws", "/"));
  expect_error(h2ws_send(c, H2WS_BINARY, data, 2000), 0);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_words(h2ws_error(c), "1009");
  expect_words(h2ws_error(c), "max_message");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void vanish(h2ws *c, void *user) {
  h2ws_msg m;
  (void)user;
  (void)h2ws_recv(c, &m, LONG_MS);
  (void)h2ws_cancel(c);
}

START_TEST(a_server_that_cannot_start) {
  h2ws_serve_options so;
  h2ws_server_options server;
  char url[64];
  int fd = plain_port(url, sizeof(url), "ws", true);
  serve_options(&so, &server);
  ck_assert_ptr_null(h2ws_listen(url, echo, NULL, &so));
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_IO);
  expect_words(h2ws_error(NULL), "another program");
  (void)close(fd);
  expect_error(h2ws_serve("localhost:80", echo, NULL, &so), H2WS_ERR_URL);
  expect_words(h2ws_error(NULL), "wss://HOST:PORT");
  so.cert_file = "/no/such/file.pem";
  ck_assert_ptr_null(h2ws_listen("wss://127.0.0.1:0/", echo, NULL, &so));
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_TLS);
  expect_words(h2ws_error(NULL), "/no/such/file.pem");
  so.cert_file = NULL;
  so.threads = 0;
  expect_error(h2ws_serve("ws://127.0.0.1:0/", echo, NULL, &so),
               H2WS_ERR_INVALID);
  expect_error(h2ws_serve("ws://127.0.0.1:0/", NULL, NULL, NULL),
               H2WS_ERR_INVALID);
  expect_error(h2ws_serve(NULL, echo, NULL, NULL), H2WS_ERR_INVALID);
}
END_TEST

START_TEST(a_peer_that_is_cancelled_still_closes_well) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", vanish, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws_msg m;
  expect_error(h2ws_send_text(c, "go"), 0);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* A peer that does not end its side: it has other things to do. */
static void sit(h2ws *c, void *user) {
  (void)c;
  while (h2ws_recv(user, &(h2ws_msg){0}, LONG_MS) == 0) {
  }
}

START_TEST(close_is_in_time) {
  h2ws *gate_server = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *gate = connect_to(url_of(gate_server, "ws", "/"));
  h2ws *s = listen_on("http://127.0.0.1:0/", sit, gate);
  h2ws_options o;
  int64_t began;
  h2ws *c;
  test_options(&o);
  o.close_timeout_ms = DEADLINE_MS;
  c = h2ws_connect(url_of(s, "http", "/"), &o);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  began = now_ms();
  expect_error(h2ws_close(c), H2WS_ERR_ABORTED);
  ck_assert_int_ge(now_ms() - began, DEADLINE_MS - 1);
  ck_assert_int_lt(now_ms() - began, DEADLINE_MS + 1000);
  expect_error(h2ws_cancel(gate), 0);
  expect_error(h2ws_close(s), 0);
  expect_error(h2ws_close(gate), 0);
  expect_error(h2ws_close(gate_server), 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy errors");
  TCase *tc = tcase_create("errors");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_url_that_cannot_be_used);
  tcase_add_test(tc, a_401_carries_its_challenge);
  tcase_add_test(tc, what_waits_in_vain_says_for_what);
  tcase_add_test(tc, a_password_is_not_shown);
  tcase_add_test(tc, urls_that_nobody_can_listen_on);
  tcase_add_test(tc, what_is_wrong_with_files_and_proxies);
  tcase_add_test(tc, a_key_wants_its_certificate);
  tcase_add_test(tc, nobody_listens);
  tcase_add_test(tc, a_name_that_does_not_resolve);
  tcase_add_test(tc, a_server_that_says_nothing);
  tcase_add_test(tc, tls_where_there_is_none);
  tcase_add_test(tc, cleartext_where_there_is_tls);
  tcase_add_test(tc, a_certificate_of_nobody);
  tcase_add_test(tc, a_server_that_refuses);
  tcase_add_loop_test(tc, refusals_name_their_status, 0, 2);
  tcase_add_test(tc, the_words_of_a_refusal_are_bounded);
  tcase_add_test(tc, messages_and_bytes_do_not_meet);
  tcase_add_test(tc, text_that_is_not_utf8);
  tcase_add_test(tc, a_message_beyond_the_limit);
  tcase_add_test(tc, a_server_that_cannot_start);
  tcase_add_test(tc, a_peer_that_is_cancelled_still_closes_well);
  tcase_add_test(tc, close_is_in_time);
  suite_add_tcase(suite, tc);
  return suite;
}
