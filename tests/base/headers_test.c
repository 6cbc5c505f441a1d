/* Header fields: lists of them, and what may stand in them. */
#include "lib/base/headers.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/clock.h"
#include "tests/support/suite.h"

static struct test_env env;
static h2ws_mem mem;
static struct h2ws__headers h;

static void begin(void) {
  h2ws_conn_options options;
  test_env_init(&env);
  test_env_options(&env, &mem, &options);
  memset(&h, 0, sizeof(h));
}

static void end(void) {
  h2ws__headers_dispose(&h, &mem);
  ck_assert_uint_eq(h.len, 0);
  ck_assert_uint_eq(env.live, 0);
}

static int add(const char *name, const char *value) {
  return h2ws__headers_add(&h, &mem, name, strlen(name), value, strlen(value));
}

static int join(const char *name, const char *value) {
  return h2ws__headers_join(&h, &mem, name, strlen(name), value, strlen(value),
                            ", ");
}

START_TEST(names_become_lower_case) {
  begin();
  ck_assert_int_eq(add("X-Some-NAME", "Value"), 0);
  ck_assert_str_eq(h.fields[0].name, "x-some-name");
  ck_assert_str_eq(h2ws__headers_get(&h, "x-some-name"), "Value");
  ck_assert_ptr_null(h2ws__headers_get(&h, "x-some"));
  ck_assert_ptr_null(h2ws__headers_get(&h, "x-some-name-more"));
  end();
}
END_TEST

START_TEST(the_first_of_a_name_is_found) {
  begin();
  ck_assert_int_eq(add("a", "1"), 0);
  ck_assert_int_eq(add("b", "2"), 0);
  ck_assert_int_eq(add("A", "3"), 0);
  ck_assert_str_eq(h2ws__headers_get(&h, "a"), "1");
  ck_assert_uint_eq(h2ws__headers_count(&h, "a"), 2);
  ck_assert_uint_eq(h2ws__headers_count(&h, "b"), 1);
  ck_assert_uint_eq(h2ws__headers_count(&h, "c"), 0);
  end();
}
END_TEST

START_TEST(bytes_are_counted_with_the_overhead) {
  begin();
  ck_assert_int_eq(add("name", "value"), 0);
  ck_assert_uint_eq(h.bytes, 4 + 5 + 32);
  ck_assert_int_eq(add("", ""), 0);
  ck_assert_uint_eq(h.bytes, 41 + 32);
  ck_assert_int_eq(join("name", "more"), 0);
  ck_assert_uint_eq(h.bytes, 41 + 32 + 2 + 4);
  end();
}
END_TEST

START_TEST(many_fields) {
  char name[16];
  int i;
  begin();
  for (i = 0; i < 1000; i++) {
    (void)snprintf(name, sizeof(name), "n-%d", i);
    ck_assert_int_eq(add(name, name), 0);
  }
  ck_assert_uint_eq(h.len, 1000);
  ck_assert_str_eq(h2ws__headers_get(&h, "n-0"), "n-0");
  ck_assert_str_eq(h2ws__headers_get(&h, "n-999"), "n-999");
  end();
}
END_TEST

START_TEST(lines_of_one_name_are_joined) {
  begin();
  ck_assert_int_eq(join("list", "a"), 0);
  ck_assert_int_eq(join("other", "x"), 0);
  ck_assert_int_eq(join("list", ""), 0);
  ck_assert_int_eq(join("list", "b"), 0);
  ck_assert_uint_eq(h.len, 2);
  ck_assert_str_eq(h2ws__headers_get(&h, "list"), "a, , b");
  ck_assert_str_eq(h.fields[0].name, "list");
  end();
}
END_TEST

START_TEST(without_memory_the_list_stays_as_it_was) {
  size_t k;
  for (k = 1; k <= 2; k++) {
    begin();
    env.fail_at = k;
    ck_assert_int_eq(add("a", "1"), H2WS_ERR_NOMEM);
    ck_assert_uint_eq(h.len, 0);
    ck_assert_uint_eq(h.bytes, 0);
    ck_assert_int_eq(add("a", "1"), 0);
    env.fail_at = env.allocations + 1;
    ck_assert_int_eq(join("a", "2"), H2WS_ERR_NOMEM);
    ck_assert_str_eq(h2ws__headers_get(&h, "a"), "1");
    ck_assert_uint_eq(h.bytes, 34);
    end();
  }
}
END_TEST

START_TEST(token_characters) {
  static const char others[] = "!#$%&'*+-.^_`|~";
  int c;
  ck_assert(!h2ws__is_token("", 0));
  for (c = 0; c < 256; c++) {
    char text[3] = {'a', (char)c, 'z'};
    bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                 (c >= 'a' && c <= 'z');
    bool other = memchr(others, c, sizeof(others) - 1) != NULL;
    ck_assert_msg(h2ws__is_token(text, 3) == (alnum || other), "%d", c);
    ck_assert_msg(h2ws__is_token(text + 1, 1) == (alnum || other), "%d", c);
  }
}
END_TEST

START_TEST(value_characters) {
  int c;
  ck_assert(h2ws__is_field_value("", 0));
  for (c = 0; c < 256; c++) {
    char text[3] = {'a', (char)c, 'z'};
    bool never = (c < ' ' && c != '\t') || c == 0x7f;
    bool inside = c == ' ' || c == '\t';
    ck_assert_msg(h2ws__is_field_value(text, 3) == !never, "%d", c);
    ck_assert_msg(h2ws__is_field_value(text, 2) == !(never || inside), "%d", c);
    ck_assert_msg(h2ws__is_field_value(text + 1, 2) == !(never || inside), "%d",
                  c);
  }
}
END_TEST

START_TEST(letters_compare_without_case) {
  ck_assert(h2ws__equal_nocase("WebSocket", "websocket"));
  ck_assert(h2ws__equal_nocase("", ""));
  ck_assert(!h2ws__equal_nocase("websocket", "websockets"));
  ck_assert(!h2ws__equal_nocase("websockets", "websocket"));
  ck_assert(!h2ws__equal_nocase("a", ""));
  ck_assert(!h2ws__equal_nocase("[", "{")); /* no letters, 32 apart */
  ck_assert(!h2ws__equal_nocase("@", "`"));
}
END_TEST

START_TEST(comma_lists) {
  static const struct {
    const char *list;
    const char *items; /* with a bar behind each */
  } rows[] = {
    {"a", "a|"},         {"a,b", "a|b|"},      {" a , b ", "a|b|"},
    {"", "|"},           {",", "||"},          {"a,,b", "a||b|"},
    {"\ta\t,\t", "a||"}, {"a b, c", "a b|c|"}, {"a,", "a||"},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char got[64] = "";
    const char *pos = rows[i].list;
    const char *item;
    size_t len;
    size_t n = 0;
    while (h2ws__list_next(&pos, &item, &len)) {
      n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s|", (int)len, item);
    }
    ck_assert_str_eq(got, rows[i].items);
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("base/headers");
  TCase *tc = tcase_create("headers");
  tcase_add_test(tc, names_become_lower_case);
  tcase_add_test(tc, the_first_of_a_name_is_found);
  tcase_add_test(tc, bytes_are_counted_with_the_overhead);
  tcase_add_test(tc, many_fields);
  tcase_add_test(tc, lines_of_one_name_are_joined);
  tcase_add_test(tc, without_memory_the_list_stays_as_it_was);
  tcase_add_test(tc, token_characters);
  tcase_add_test(tc, value_characters);
  tcase_add_test(tc, letters_compare_without_case);
  tcase_add_test(tc, comma_lists);
  suite_add_tcase(suite, tc);
  return suite;
}
