#include "test.h"

#include "../src/parser.h"

#include <string.h>

static void refused(const char *document, size_t line, size_t column, const char *message)
{
	arena *a = arena_new();
	error e = {.line = 0};
	check(parse(a, document, strlen(document), &e) == NULL);
	same(e.message, message);
	check(e.line == line && e.column == column);
	arena_free(a);
}

void test_parser(void)
{
	arena *a = arena_new();
	same(test_show(a, test_read(a, " { \"a\" : [ 1 , true , null ] , \"b\" : { } } ")), "{\"a\":[1,true,null],\"b\":{}}");
	same(test_show(a, test_read(a, "\xEF\xBB\xBF\"\\u00e9\\ud83c\\udf0d\\/\\n\"")), "\"\xC3\xA9\xF0\x9F\x8C\x8D/\\n\"");
	same(test_show(a, test_read(a, "{\"a\":1,\"b\":2,\"a\":3}")), "{\"a\":3,\"b\":2}");
	same(test_show(a, test_read(a, "[1.10,123456789012345678901234567890]")), "[1.10,123456789012345678901234567890]");

	char deep[1100];
	memset(deep, '[', 550);
	memset(deep + 550, ']', 550);
	error e = {.line = 0};
	check(parse(a, deep, sizeof deep, &e) == NULL);
	same(e.message, "more than 512 levels");
	arena_free(a);

	refused("", 1, 1, "a value is expected, not the end");
	refused("[1 2]", 1, 4, "\",\" or \"]\" is expected, not a number");
	refused("{\n  a: 1\n}", 2, 3, "a value is expected");
	refused("{\"a\" 1}", 1, 6, "\":\" is expected, not a number");
	refused("{1: 2}", 1, 2, "a name in quotes is expected, not a number");
	refused("[1]\n]", 2, 1, "the end is expected, not \"]\"");
	refused("[01]", 1, 2, "the number is not written as JSON wants it");
	refused("\"a\nb\"", 1, 3, "a control character in a string must be escaped");
	refused("\"\\ud83c\"", 1, 2, "\\u is not followed by a character");
	refused("\"\\x\"", 1, 2, "no such escape");
	refused("\"\xFF\"", 1, 2, "the string is not UTF-8");
	refused("\"abc", 1, 5, "the string has no end");
}
