#include "test.h"

#include "../src/utf8.h"

#include <string.h>

void test_utf8(void)
{
	static const uint32_t points[] = {0, 'a', 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		char bytes[4];
		uint32_t point = 0;
		size_t n = utf8_encode(points[i], bytes);
		check(n > 0 && utf8_decode(bytes, n, &point) == n && point == points[i]);
		check(n == 1 || utf8_decode(bytes, n - 1, &point) == 0);
	}
	static const char *const wrong[] = {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\xC3(", ""};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		uint32_t point;
		check(utf8_decode(wrong[i], strlen(wrong[i]), &point) == 0);
	}
	char bytes[4];
	check(utf8_encode(0xD800, bytes) == 0 && utf8_encode(0x110000, bytes) == 0);
	check(utf8_length("h\xC3\xA9llo \xF0\x9F\x8C\x8D", 11) == 7);
	check(utf8_length("a\xFF\xFF", 3) == 3);
}
