#ifndef JOT_ERROR_H
#define JOT_ERROR_H

#include <stddef.h>

/* An error says what is wrong in a document and where. */
typedef struct {
	char message[160];
	size_t line, column; /* from 1; 0 where there is no place */
} error;

/* error_set fills in an error, unless e is NULL or holds one already: the first is what people want to read. */
void error_set(error *e, size_t line, size_t column, const char *format, ...)
#if defined(__GNUC__)
	__attribute__((format(printf, 4, 5)))
#endif
	;

#endif
