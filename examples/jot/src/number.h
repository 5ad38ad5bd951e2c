#ifndef JOT_NUMBER_H
#define JOT_NUMBER_H

#include <stddef.h>

/* number_scan returns the length of the JSON number at the start of bytes, or 0 where there is none. */
size_t number_scan(const char *bytes, size_t size);

/* number_parse returns the value of what number_scan found. */
double number_parse(const char *bytes, size_t size);

/* number_format writes the shortest text that reads back as the same number. Infinities and NaN become null: JSON has none. */
size_t number_format(double number, char *out, size_t room);

#endif
