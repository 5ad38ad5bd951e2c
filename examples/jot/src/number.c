#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t digits(const char *bytes, size_t at, size_t size)
{
	size_t from = at;
	while (at < size && bytes[at] >= '0' && bytes[at] <= '9')
		at++;
	return at - from;
}

size_t number_scan(const char *bytes, size_t size)
{
	size_t at = 0;
	if (at < size && bytes[at] == '-')
		at++;
	size_t whole = digits(bytes, at, size);
	if (whole == 0 || (whole > 1 && bytes[at] == '0'))
		return 0;
	at += whole;
	if (at < size && bytes[at] == '.') {
		size_t fraction = digits(bytes, at + 1, size);
		if (fraction == 0)
			return 0;
		at += 1 + fraction;
	}
	if (at < size && (bytes[at] == 'e' || bytes[at] == 'E')) {
		size_t sign = at + 1 < size && (bytes[at + 1] == '+' || bytes[at + 1] == '-');
		size_t exponent = digits(bytes, at + 1 + sign, size);
		if (exponent == 0)
			return 0;
		at += 1 + sign + exponent;
	}
	return at;
}

double number_parse(const char *bytes, size_t size)
{
	char small[64];
	if (size < sizeof small) {
		memcpy(small, bytes, size);
		small[size] = 0;
		return strtod(small, NULL);
	}
	char *large = malloc(size + 1);
	if (large == NULL)
		return NAN;
	memcpy(large, bytes, size);
	large[size] = 0;
	double number = strtod(large, NULL);
	free(large);
	return number;
}

size_t number_format(double number, char *out, size_t room)
{
	if (!isfinite(number))
		return (size_t)snprintf(out, room, "null");
	if (number == floor(number) && fabs(number) < 1e15)
		return (size_t)snprintf(out, room, "%.0f", number == 0 ? 0.0 : number);
	int length = 0;
	for (int precision = 15; precision <= 17; precision++) {
		length = snprintf(out, room, "%.*g", precision, number);
		if (strtod(out, NULL) == number)
			break;
	}
	return (size_t)length;
}
