#include "checksum.h"

uint32_t large_checksum(const unsigned char *bytes, size_t n) {
	uint32_t h = START;
	while (n-- > 0)
		h = h * 33u + *bytes++;
	return h;
}
