#include "test.h"

#include "../src/equal.h"
#include "../src/patch.h"

void test_patch(void)
{
	/* From RFC 7396, appendix A: original, patch, result. */
	static const char *const cases[][3] = {
		{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
		{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
		{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
		{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
		{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
		{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
		{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
		{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};
	arena *a = arena_new();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const value *from = test_read(a, cases[i][0]), *patch = test_read(a, cases[i][1]);
		const value *to = patch_apply(a, from, patch);
		same(test_show(a, to), cases[i][2]);
		same(test_show(a, from), cases[i][0]);
		const value *diff = patch_diff(a, from, to);
		check(diff != NULL);
		if (diff != NULL)
			check(value_equal(patch_apply(a, from, diff), to));
	}
	check(patch_diff(a, test_read(a, "{\"a\":1}"), test_read(a, "{\"a\":null}")) == NULL);
	check(patch_diff(a, test_read(a, "[]"), test_read(a, "{\"a\":{\"b\":null}}")) == NULL);
	check(value_equal(test_read(a, "{\"a\":1,\"b\":[2]}"), test_read(a, "{\"b\":[2.0],\"a\":1}")));
	check(!value_equal(test_read(a, "[1,2]"), test_read(a, "[2,1]")));
	check(!value_equal(test_read(a, "{\"a\":1}"), test_read(a, "{\"b\":1}")));
	arena_free(a);
}
