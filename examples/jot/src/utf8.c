#include "utf8.h"

static int is_surrogate(uint32_t point)
{
	return point >= 0xD800 && point <= 0xDFFF;
}

size_t utf8_decode(const char *bytes, size_t size, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (size == 0)
		return 0;
	unsigned char first = (unsigned char)bytes[0];
	size_t length = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
	if (length == 0 || length > size)
		return 0;
	if (length == 1) {
		*point = first;
		return 1;
	}
	uint32_t p = first & (0x7Fu >> length);
	for (size_t i = 1; i < length; i++) {
		unsigned char next = (unsigned char)bytes[i];
		if ((next & 0xC0) != 0x80)
			return 0;
		p = p << 6 | (next & 0x3F);
	}
	if (p < least[length] || p > 0x10FFFF || is_surrogate(p))
		return 0;
	*point = p;
	return length;
}

size_t utf8_encode(uint32_t point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xC0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3F));
		return 2;
	}
	if (is_surrogate(point) || point > 0x10FFFF)
		return 0;
	if (point < 0x10000) {
		out[0] = (char)(0xE0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3F));
		out[2] = (char)(0x80 | (point & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3F));
	out[2] = (char)(0x80 | (point >> 6 & 0x3F));
	out[3] = (char)(0x80 | (point & 0x3F));
	return 4;
}

size_t utf8_length(const char *bytes, size_t size)
{
	size_t count = 0;
	for (size_t at = 0; at < size; count++) {
		uint32_t point;
		size_t length = utf8_decode(bytes + at, size - at, &point);
		at += length ? length : 1;
	}
	return count;
}
