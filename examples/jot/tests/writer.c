#include "test.h"

#include "../src/buf.h"
#include "../src/flatten.h"
#include "../src/sort.h"
#include "../src/stats.h"
#include "../src/writer.h"

void test_writer(void)
{
	arena *a = arena_new();
	value *v = test_read(a, "{\"b\":[1,{}],\"a\":{\"z\":\"\\u0001\\t\\\"\",\"y\":[]}}");
	buf out = {0};
	write_value(&out, v, 2);
	same(out.bytes, "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": {\n    \"z\": \"\\u0001\\t\\\"\",\n    \"y\": []\n  }\n}");
	buf_free(&out);

	flatten(&out, v);
	same(out.bytes, "/b/0 = 1\n/b/1 = {}\n/a/z = \"\\u0001\\t\\\"\"\n/a/y = []\n");
	buf_free(&out);

	stats s;
	stats_count(&s, v);
	check(s.kinds[V_OBJECT] == 3 && s.kinds[V_ARRAY] == 2 && s.kinds[V_NUMBER] == 1 && s.depth == 3 && s.widest == 2 && s.characters == 3);
	stats_write(&s, &out);
	check(out.size > 0);
	buf_free(&out);

	sort_members(v);
	same(test_show(a, v), "{\"a\":{\"y\":[],\"z\":\"\\u0001\\t\\\"\"},\"b\":[1,{}]}");
	v = test_read(a, "{\"b\":0,\"ab\":1,\"\":2,\"a\":3,\"c\":4}");
	sort_members(v);
	same(test_show(a, v), "{\"\":2,\"a\":3,\"ab\":1,\"b\":0,\"c\":4}");
	value_set(a, v, (text){"d", 1}, value_number(a, 0.5));
	same(test_show(a, v), "{\"\":2,\"a\":3,\"ab\":1,\"b\":0,\"c\":4,\"d\":0.5}");
	arena_free(a);
}
