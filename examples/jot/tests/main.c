#include "test.h"

#include "../src/buf.h"
#include "../src/parser.h"
#include "../src/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks, failures;

void test_check(bool ok, const char *what, const char *file, int line)
{
	checks++;
	if (!ok) {
		failures++;
		printf("%s:%d: false: %s\n", file, line, what);
	}
}

void test_same(const char *got, const char *want, const char *file, int line)
{
	checks++;
	if (strcmp(got, want) != 0) {
		failures++;
		printf("%s:%d: got  %s\n%s:%d: want %s\n", file, line, got, file, line, want);
	}
}

value *test_read(arena *a, const char *document)
{
	error e = {.line = 0};
	value *v = parse(a, document, strlen(document), &e);
	if (v == NULL) {
		printf("%s: %s\n", document, e.message);
		exit(1);
	}
	return v;
}

const char *test_show(arena *a, const value *v)
{
	buf out = {0};
	write_value(&out, v, 0);
	const char *shown = arena_copy(a, out.bytes, out.size);
	buf_free(&out);
	return shown;
}

int main(void)
{
	test_memory();
	test_number();
	test_utf8();
	test_parser();
	test_writer();
	test_pointer();
	test_patch();
	printf("%d checks, %d failures\n", checks, failures);
	return failures ? 1 : 0;
}
