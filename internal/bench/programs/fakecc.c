/* A compiler that costs nothing: it writes an object and the dependency file it is asked for. What else it is asked (which
 * version, which programs) the real compiler REAL_COMPILER answers. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int put(const char *path, const char *format, const char *a, const char *b) {
	FILE *f = fopen(path, "w");
	return f && fprintf(f, format, a, b) > 0 && fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
	const char *object = 0, *deps = 0, *source = 0;
	int compile = 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-c"))
			compile = 1;
		else if (!strcmp(argv[i], "-o") && i + 1 < argc)
			object = argv[++i];
		else if (!strcmp(argv[i], "-MF") && i + 1 < argc)
			deps = argv[++i];
		else if (argv[i][0] != '-')
			source = argv[i];
	}
	if (!compile || !object || !source) {
		argv[0] = REAL_COMPILER;
		execv(REAL_COMPILER, argv);
		return 127;
	}
	return put(object, "object of %s as %s\n", source, object) || (deps && put(deps, "%s: %s\n", object, source));
}
