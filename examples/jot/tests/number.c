#include "test.h"

#include "../src/number.h"

#include <math.h>
#include <string.h>

void test_number(void)
{
	static const struct {
		const char *text;
		size_t length;
	} scans[] = {
		{"0", 1}, {"-0", 2}, {"12,", 2}, {"1.5e-3]", 6}, {"2E+8", 4}, {"01", 0}, {"-", 0}, {".5", 0}, {"1.", 0}, {"1e", 0}, {"1e+", 0}, {"", 0},
	};
	for (size_t i = 0; i < sizeof scans / sizeof *scans; i++)
		check(number_scan(scans[i].text, strlen(scans[i].text)) == scans[i].length);

	static const struct {
		double number;
		const char *text;
	} formats[] = {
		{0, "0"}, {-0.0, "0"}, {-17, "-17"}, {0.1, "0.1"}, {1e100, "1e+100"}, {1.0 / 3, "0.3333333333333333"}, {123456789012345, "123456789012345"},
	};
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		char out[40];
		size_t n = number_format(formats[i].number, out, sizeof out);
		same(out, formats[i].text);
		check(number_parse(out, n) == formats[i].number);
	}
	char out[40];
	number_format(INFINITY, out, sizeof out);
	same(out, "null");
}
