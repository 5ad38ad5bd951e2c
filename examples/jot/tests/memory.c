#include "test.h"

#include "../src/buf.h"

#include <stdint.h>
#include <string.h>

void test_memory(void)
{
	arena *a = arena_new();
	for (size_t size = 1; size < 200000; size *= 3) {
		unsigned char *p = arena_alloc(a, size);
		check((uintptr_t)p % sizeof(double) == 0);
		check(p[0] == 0 && p[size - 1] == 0);
		memset(p, 0xAA, size);
	}
	same(arena_copy(a, "copied", 4), "copi");
	check(arena_used(a) > 170000);
	arena_free(a);

	buf b = {0};
	buf_add(&b, NULL, 0);
	same(b.bytes, "");
	for (int i = 0; i < 1000; i++)
		buf_char(&b, (char)('a' + i % 26));
	buf_fill(&b, '.', 3);
	check(b.size == 1003 && strcmp(b.bytes + 998, "kl...") == 0);
	buf_free(&b);
	check(b.bytes == NULL && b.size == 0);
}
