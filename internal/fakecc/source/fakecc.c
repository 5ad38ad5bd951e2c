// A compiler that compiles nothing. What is asked of it (-v, -E, -print-..., -M) it passes on to the real gcc, REAL, so that it is
// taken for one; with -c it does what the variables below say, and then writes an object that is a header and the source's bytes.
//
//	FAKECC_LOG=file      append a line with the source's name: how often the compiler really ran
//	FAKECC_STDOUT=text   print text, FAKECC_STDERR likewise
//	FAKECC_STARTED=file  create file: now the compiler runs
//	FAKECC_GATE=fifo     wait until somebody has opened fifo for writing and closed it again
//	FAKECC_HALF=1        write half of the object before the gate
//	FAKECC_ENV=name      put the variable's value into the object
//	FAKECC_FDS=file      write the numbers of the open descriptors into file
//	FAKECC_CHILD=fifo    leave a child behind that holds all descriptors until fifo was opened for writing
//	FAKECC_SIGNAL=n      end by signal n
//	FAKECC_EXIT=n        exit with n and without an object
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// want returns a variable's value, and 0 where it is empty.
static const char *want(const char *name)
{
	const char *v = getenv(name);
	return v && *v ? v : 0;
}

static void put(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			perror("fakecc: write");
			exit(4);
		}
		p += w;
		n -= w;
	}
}

static void text(int fd, const char *s) { put(fd, s, strlen(s)); }

static int create(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0666);
	if (fd < 0) {
		fprintf(stderr, "fakecc: %s: %s\n", path, strerror(errno));
		exit(4);
	}
	return fd;
}

static void gate(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY);
	if (fd < 0) {
		fprintf(stderr, "fakecc: %s: %s\n", path, strerror(errno));
		exit(4);
	}
	while (read(fd, &c, 1) > 0)
		;
	close(fd);
}

static void depend(const char *path, const char *object, const char *source)
{
	int fd = create(path, O_TRUNC);
	text(fd, object);
	text(fd, ": ");
	text(fd, source);
	text(fd, "\n");
	close(fd);
}

int main(int argc, char **argv)
{
	const char *object = 0, *source = 0, *deps = 0, *assembler = 0, *v;
	static char buf[1 << 16], name[4096];
	int compile = 0, question = 0, md = 0;
	for (int i = 1; i < argc; i++) {
		char *a = argv[i];
		if (!strcmp(a, "-c"))
			compile = 1;
		else if (!strcmp(a, "-E") || !strcmp(a, "-M") || !strcmp(a, "-MM") || !strcmp(a, "-v") || !strcmp(a, "-###") ||
		         !strncmp(a, "-print", 6) || !strncmp(a, "-dump", 5) || !strcmp(a, "--version"))
			question = 1;
		else if (!strcmp(a, "-MD") || !strcmp(a, "-MMD"))
			md = 1;
		else if (!strncmp(a, "-Wa,--MD,", 9))
			assembler = a + 9;
		else if (!strcmp(a, "-o") && i + 1 < argc)
			object = argv[++i];
		else if (!strcmp(a, "-MF") && i + 1 < argc)
			deps = argv[++i];
		else if (a[0] != '-')
			source = a;
	}
	if (question || !compile || !source) {
		argv[0] = REAL;
		execv(REAL, argv);
		perror("fakecc: " REAL);
		return 127;
	}
	if ((v = want("FAKECC_LOG"))) {
		int fd = create(v, O_APPEND);
		snprintf(name, sizeof name, "compile %s\n", source);
		text(fd, name);
		close(fd);
	}
	if ((v = want("FAKECC_STDOUT")))
		text(1, v);
	if ((v = want("FAKECC_STDERR")))
		text(2, v);
	if ((v = want("FAKECC_FDS"))) {
		int fd = create(v, O_TRUNC);
		for (int i = 0; i < 256; i++)
			if (i != fd && fcntl(i, F_GETFD) >= 0) {
				snprintf(name, sizeof name, "%d\n", i);
				text(fd, name);
			}
		close(fd);
	}
	if ((v = want("FAKECC_CHILD")) && fork() == 0) {
		setsid();
		gate(v);
		_exit(0);
	}
	if (!object) {
		const char *base = strrchr(source, '/');
		snprintf(name, sizeof name, "%s", base ? base + 1 : source);
		char *dot = strrchr(name, '.');
		if (dot)
			strcpy(dot, ".o");
		object = strdup(name);
	}
	if (want("FAKECC_HALF")) {
		int fd = create(object, O_TRUNC);
		text(fd, "fake ob");
		close(fd);
	}
	if ((v = want("FAKECC_STARTED")))
		close(create(v, 0));
	if ((v = want("FAKECC_GATE")))
		gate(v);
	if ((v = want("FAKECC_SIGNAL"))) {
		raise(atoi(v));
		return 4;
	}
	if ((v = want("FAKECC_EXIT")))
		return atoi(v);

	int in = open(source, O_RDONLY);
	if (in < 0) {
		fprintf(stderr, "fakecc: %s: %s\n", source, strerror(errno));
		return 1;
	}
	unlink(object);
	int out = create(object, O_TRUNC);
	text(out, "fake object\n");
	if ((v = want("FAKECC_ENV")) && (v = getenv(v))) {
		text(out, v);
		text(out, "\n");
	}
	for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
		put(out, buf, n);
	close(out);
	if (md) {
		if (!deps) {
			snprintf(name, sizeof name, "%s", object);
			char *dot = strrchr(name, '.');
			strcpy(dot ? dot : name + strlen(name), ".d");
			deps = name;
		}
		depend(deps, object, source);
	}
	if (assembler)
		depend(assembler, object, source);
	return 0;
}
