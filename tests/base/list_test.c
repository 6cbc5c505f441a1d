/* The intrusive list. */
#include "lib/base/list.h"

#include "tests/support/suite.h"

struct item {
  int number;
  struct h2ws__link link;
};

static struct h2ws__link list;
static struct item items[4];

static void fill(void) {
  int i;
  h2ws__list_init(&list);
  for (i = 0; i < 4; i++) {
    items[i] = (struct item){i, {NULL, NULL}};
    h2ws__list_push(&list, &items[i].link);
  }
}

static void expect_pop(int number) {
  struct h2ws__link *link = h2ws__list_pop(&list);
  ck_assert_ptr_nonnull(link);
  ck_assert(!h2ws__link_is_in(link));
  ck_assert_int_eq(H2WS__OWNER(link, struct item, link)->number, number);
}

static void expect_empty(void) {
  ck_assert(h2ws__list_is_empty(&list));
  ck_assert_ptr_null(h2ws__list_pop(&list));
}

START_TEST(first_in_first_out) {
  h2ws__list_init(&list);
  expect_empty();
  fill();
  ck_assert(!h2ws__list_is_empty(&list));
  expect_pop(0);
  expect_pop(1);
  expect_pop(2);
  expect_pop(3);
  expect_empty();
}
END_TEST

START_TEST(any_link_can_be_removed) {
  fill();
  h2ws__link_remove(&items[1].link);
  ck_assert(!h2ws__link_is_in(&items[1].link));
  ck_assert(h2ws__link_is_in(&items[2].link));
  h2ws__link_remove(&items[3].link);
  h2ws__link_remove(&items[0].link);
  expect_pop(2);
  expect_empty();
}
END_TEST

START_TEST(removing_twice_does_nothing) {
  struct h2ws__link lonely = {NULL, NULL};
  fill();
  h2ws__link_remove(&lonely);
  h2ws__link_remove(&items[2].link);
  h2ws__link_remove(&items[2].link);
  expect_pop(0);
  expect_pop(1);
  expect_pop(3);
  expect_empty();
}
END_TEST

START_TEST(a_removed_link_can_come_back) {
  fill();
  h2ws__link_remove(&items[0].link);
  h2ws__list_push(&list, &items[0].link);
  expect_pop(1);
  expect_pop(2);
  expect_pop(3);
  expect_pop(0);
  expect_empty();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("base/list");
  TCase *tc = tcase_create("list");
  tcase_add_test(tc, first_in_first_out);
  tcase_add_test(tc, any_link_can_be_removed);
  tcase_add_test(tc, removing_twice_does_nothing);
  tcase_add_test(tc, a_removed_link_can_come_back);
  suite_add_tcase(suite, tc);
  return suite;
}
