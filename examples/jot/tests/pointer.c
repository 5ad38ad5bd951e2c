#include "test.h"

#include "../src/pointer.h"

void test_pointer(void)
{
	/* The examples of RFC 6901, section 5. */
	static const struct {
		const char *pointer, *want;
	} found[] = {
		{"/foo", "[\"bar\",\"baz\"]"}, {"/foo/0", "\"bar\""}, {"/", "0"}, {"/a~1b", "1"}, {"/c%d", "2"}, {"/k\"l", "6"}, {"/m~0n", "8"},
	};
	arena *a = arena_new();
	value *v = test_read(a, "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"k\\\"l\":6,\"m~n\":8}");
	check(pointer_get(a, v, "", NULL) == v);
	for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
		const value *got = pointer_get(a, v, found[i].pointer, NULL);
		check(got != NULL);
		if (got != NULL)
			same(test_show(a, got), found[i].want);
	}
	static const struct {
		const char *pointer, *message;
	} refused[] = {
		{"foo", "the pointer \"foo\" does not begin with /"}, {"/foo/2", "there is no \"2\""}, {"/foo/01", "\"01\" is no index of an array"},
		{"/foo/-", "\"-\" is no index of an array"}, {"/none", "there is no \"none\""}, {"/foo/0/x", "a string has no member \"x\""},
		{"/m~2n", "~ is followed by 0 or 1 in a pointer"}, {"/m~", "~ is followed by 0 or 1 in a pointer"},
	};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		error e = {.line = 0};
		check(pointer_get(a, v, refused[i].pointer, &e) == NULL);
		same(e.message, refused[i].message);
	}
	arena_free(a);
}
