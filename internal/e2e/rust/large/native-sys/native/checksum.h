#include <stddef.h>
#include <stdint.h>

#define START 5381u
uint32_t large_checksum(const unsigned char *bytes, size_t n);
