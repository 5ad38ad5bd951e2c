#ifndef JOT_UTF8_H
#define JOT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* utf8_decode reads one code point and returns its length in bytes, or 0 where the bytes are no UTF-8 (overlong forms
 * and surrogates included). */
size_t utf8_decode(const char *bytes, size_t size, uint32_t *point);

/* utf8_encode writes a code point to out and returns its length in bytes, or 0 for what is none. */
size_t utf8_encode(uint32_t point, char out[4]);

/* utf8_length counts code points; bytes that are no UTF-8 count as one each. */
size_t utf8_length(const char *bytes, size_t size);

#endif
