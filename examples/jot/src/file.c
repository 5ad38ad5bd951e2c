#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool file_read(const char *name, buf *out)
{
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
	if (f == NULL)
		return false;
	char part[16 * 1024];
	size_t n;
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_add(out, part, n);
	bool ok = !ferror(f);
	int why = errno;
	if (f != stdin)
		fclose(f);
	errno = why;
	return ok;
}
