/* Through an HTTP proxy: the tunnel, and all that can go wrong with it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

static struct edge edge;
static struct guest guest;
static struct raw proxy;
static char proxy_url[128];

/* ------------------------------------------------------------------------
 * The proxy
 */

/* Reads the request's head into proxy.buf: step 1. */
static void read_head(struct raw *raw) {
  raw_accept(raw);
  while (memmem(raw->buf, raw->len, "\r\n\r\n", 4) == NULL &&
         raw_read(raw) > 0) {
  }
  raw->step = 1;
}

static void answer_and_wait(struct raw *raw) {
  read_head(raw);
  (void)raw_write(raw, raw->input, raw->input_len);
  raw_read_all(raw);
}

static void hang_up(struct raw *raw) {
  read_head(raw);
  raw_hang_up(raw);
}

static bool copy(int from, int to) {
  char buf[16384];
  ssize_t n = read(from, buf, sizeof(buf));
  return n > 0 && write(to, buf, (size_t)n) == n;
}

static void relay(int a, int b) {
  struct pollfd fds[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
  bool going = true;
  while (going && poll(fds, 2, 5000) > 0) {
    if (fds[0].revents != 0) {
      going = copy(a, b);
    }
    if (going && fds[1].revents != 0) {
      going = copy(b, a);
    }
  }
}

/* Opens the tunnel to the edge's server, whatever host was asked for. */
static void serve_tunnel(struct raw *raw) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  read_head(raw);
  addr.sin_port = htons((uint16_t)edge_port(&edge));
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
    (void)raw_write(raw, raw->input, raw->input_len);
    relay(raw->fd, fd);
  }
  (void)close(fd);
  raw_hang_up(raw);
}

/* ------------------------------------------------------------------------
 * The client
 */

static void begin(void (*script)(struct raw *raw), const char *answer,
                  const char *user) {
  memset(&proxy, 0, sizeof(proxy));
  edge_begin(&edge);
  guest_init(&guest, &edge);
  proxy.input = answer;
  proxy.input_len = strlen(answer);
  raw_start_server(&proxy, script);
  (void)snprintf(proxy_url, sizeof(proxy_url), "http://%s127.0.0.1:%d", user,
                 proxy.port);
  guest.options.proxy = proxy_url;
}

static void end(void) {
  h2ws_client_free(guest.client);
  guest.client = NULL;
  raw_join(&proxy, &edge);
  edge_end(&edge);
}

static void expect_failure(int error, const char *text) {
  guest_connect(&guest, "wss://target.test:8443/echo");
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_msg(guest.error == error, "%s: %s", h2ws_error_name(guest.error),
                guest.detail);
  ck_assert_msg(strstr(guest.detail, text) != NULL, "%s", guest.detail);
  ck_assert(guest.retryable);
  ck_assert_int_eq(guest.connected, 0);
}

static bool asked_for(const char *text) {
  return memmem(proxy.buf, proxy.len, text, strlen(text)) != NULL;
}

/* ------------------------------------------------------------------------
 * Rows
 */

START_TEST(W_46_a_tunnel_carries_tls_to_the_target) {
  begin(serve_tunnel, "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n",
        "");
  edge_serve(&edge);
  guest.options.insecure = true;
  guest_connect(&guest, "wss://target.test:8443/echo");
  guest_echo(&guest, "through");
  guest_leave(&guest);
  end();
  ck_assert(asked_for("CONNECT target.test:8443 HTTP/1.1\r\n"));
  ck_assert(asked_for("Host: target.test:8443\r\n"));
  ck_assert(!asked_for("Proxy-Authorization"));
}
END_TEST

/* In cleartext the server's SETTINGS may come right behind the head. */
START_TEST(W_46_bytes_behind_the_answer_belong_to_the_tunnel) {
  begin(serve_tunnel, "HTTP/1.0 200 OK\r\n\r\n", "");
  edge.options.cleartext = true;
  edge_serve(&edge);
  guest_connect(&guest, "ws://target.test/echo");
  guest_echo(&guest, "through");
  guest_leave(&guest);
  end();
  ck_assert(asked_for("CONNECT target.test:80 HTTP/1.1\r\n"));
}
END_TEST

START_TEST(an_interim_answer_is_not_the_last) {
  begin(serve_tunnel,
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "");
  edge.options.cleartext = true;
  edge_serve(&edge);
  guest_connect(&guest, "ws://[::1]:99/echo");
  guest_echo(&guest, "through");
  guest_leave(&guest);
  end();
  ck_assert(asked_for("CONNECT [::1]:99 HTTP/1.1\r\n"));
}
END_TEST

START_TEST(credentials_are_sent) {
  begin(serve_tunnel, "HTTP/1.1 200 OK\r\n\r\n", "Aladdin:open%20sesame@");
  edge.options.cleartext = true;
  edge_serve(&edge);
  guest_connect(&guest, "ws://target.test/echo");
  guest_echo(&guest, "through");
  guest_leave(&guest);
  end();
  /* RFC 7617 section 2 */
  ck_assert(
    asked_for("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
}
END_TEST

START_TEST(a_refusal_is_reported) {
  begin(answer_and_wait, "HTTP/1.1 502 Bad Gateway\r\n\r\n", "");
  expect_failure(H2WS_ERR_PROXY, "502 Bad Gateway");
  end();
  begin(answer_and_wait, "HTTP/1.1 502 Bad\033[2J\x9bGateway\r\n\r\n", "");
  expect_failure(H2WS_ERR_PROXY, "502 Bad?[2J?Gateway");
  end();
}
END_TEST

START_TEST(a_proxy_that_wants_a_password_is_reported) {
  begin(answer_and_wait, "HTTP/1.1 407 Who are you\r\n\r\n", "");
  expect_failure(H2WS_ERR_PROXY, "407");
  end();
}
END_TEST

START_TEST(what_is_no_proxy_is_reported) {
  static const char *const answers[] = {
    "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/1.1 2x0 OK\r\n\r\n",     "HTTP/1.1\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
  };
  begin(answer_and_wait, answers[_i], "");
  expect_failure(H2WS_ERR_PROXY, "does not answer as HTTP/1.1");
  end();
}
END_TEST

START_TEST(a_head_without_end_is_cut_off) {
  static const char start[] = {"HTTP/1.1 200 OK\r\nA: "};
  static char endless[20000];
  memset(endless, 'x', sizeof(endless) - 1);
  memcpy(endless, start, sizeof(start) - 1);
  begin(answer_and_wait, endless, "");
  expect_failure(H2WS_ERR_PROXY, "too long");
  end();
}
END_TEST

START_TEST(a_proxy_that_hangs_up_is_reported) {
  begin(hang_up, "", "");
  expect_failure(H2WS_ERR_PROXY, "closed");
  end();
}
END_TEST

START_TEST(the_deadline_covers_the_proxy) {
  begin(answer_and_wait, "HTTP/1.1 200", "");
  guest.options.connect_timeout_ms = 100;
  expect_failure(H2WS_ERR_TIMEOUT, "proxy 127.0.0.1:");
  end();
}
END_TEST

START_TEST(a_client_can_be_freed_on_the_way) {
  begin(answer_and_wait, "HTTP/1.1 200", "");
  guest_connect(&guest, "wss://target.test/echo");
  EDGE_UNTIL(&edge, proxy.step == 1);
  h2ws_client_free(guest.client);
  guest.client = NULL;
  ck_assert_int_eq(guest.closed, 1);
  ck_assert_int_eq(guest.error, H2WS_ERR_CANCELLED);
  end();
}
END_TEST

static void never_closed(h2ws_client *client, const h2ws_close_info *info,
                         void *user) {
  (void)client;
  (void)user;
  ck_abort_msg("%s", info->detail);
}

START_TEST(a_wrong_url_of_a_proxy_is_refused) {
  static const h2ws_client_callbacks callbacks = {.size = sizeof(callbacks),
                                                  .on_close = never_closed};
  static const char *const wrong[] = {
    "https://proxy.test",
    "proxy.test:3128",
    "http://",
    "http://p/path",
    "",
    "socks5://p:1080",
    "http://proxy:0",
    "http://proxy:65536",
  };
  h2ws_client *client = NULL;
  size_t i;
  edge_begin(&edge);
  guest_init(&guest, &edge);
  for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    guest.options.proxy = wrong[i];
    ck_assert_int_eq(h2ws_client_connect(&client, edge.loop, "ws://h.test/",
                                         &guest.options, &callbacks, NULL),
                     H2WS_ERR_URL);
  }
  edge_end(&edge);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/proxy");
  TCase *tc = tcase_create("proxy");
  tcase_add_test(tc, W_46_a_tunnel_carries_tls_to_the_target);
  tcase_add_test(tc, W_46_bytes_behind_the_answer_belong_to_the_tunnel);
  tcase_add_test(tc, an_interim_answer_is_not_the_last);
  tcase_add_test(tc, credentials_are_sent);
  tcase_add_test(tc, a_refusal_is_reported);
  tcase_add_test(tc, a_proxy_that_wants_a_password_is_reported);
  tcase_add_loop_test(tc, what_is_no_proxy_is_reported, 0, 5);
  tcase_add_test(tc, a_head_without_end_is_cut_off);
  tcase_add_test(tc, a_proxy_that_hangs_up_is_reported);
  tcase_add_test(tc, the_deadline_covers_the_proxy);
  tcase_add_test(tc, a_client_can_be_freed_on_the_way);
  tcase_add_test(tc, a_wrong_url_of_a_proxy_is_refused);
  suite_add_tcase(suite, tc);
  return suite;
}
