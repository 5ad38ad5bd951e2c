#include "error.h"

#include <stdarg.h>
#include <stdio.h>

void error_set(error *e, size_t line, size_t column, const char *format, ...)
{
	if (e == NULL || e->message[0] != 0)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(e->message, sizeof e->message, format, args);
	va_end(args);
	e->line = line;
	e->column = column;
}
