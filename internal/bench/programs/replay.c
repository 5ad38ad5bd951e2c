/* replay RUSTC ARGS...: what remains of a cache of rustc when all its logic is taken away. The first time it runs rustc
 * and keeps what came out below STORE, under a hash of arguments, directory and standard input; after that it copies it back.
 * It looks at no input, so it is a floor to measure against and nothing to build with. Called as RUSTC_WRAPPER it finds its
 * store in REPLAY_STORE.
 *
 * A result is a directory: status, stdout, stderr, and files: a line "MODE NAME" for each, metadata first, with its bytes in
 * the file of that number. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t one = 0xcbf29ce484222325, two = 0x9ae16a3b2f90404f;

static void hash(const char *p, size_t n) {
	for (size_t i = 0; i < n; i++) {
		one = (one ^ (unsigned char)p[i]) * 0x100000001b3;
		two = (two ^ (unsigned char)p[i]) * 0x9e3779b97f4a7c15;
	}
}

static void die(const char *what, const char *name) {
	fprintf(stderr, "replay: %s %s: %s\n", what, name, strerror(errno));
	exit(125);
}

/* copy copies between two files that are open, to the end of the first. */
static void copy(int from, int to, const char *name) {
	static char buffer[1 << 17];
	ssize_t n;
	while ((n = copy_file_range(from, 0, to, 0, 1 << 30, 0)) > 0)
		;
	if (n == 0)
		return;
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		for (ssize_t done = 0, m; done < n; done += m)
			if ((m = write(to, buffer + done, n - done)) < 0)
				die("write", name);
	if (n < 0)
		die("read", name);
}

static int copyFile(const char *from, const char *to, mode_t mode) {
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	if (in < 0)
		return -1;
	unlink(to);
	if ((out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
		die("create", to);
	copy(in, out, to);
	if (fchmod(out, mode) || close(out))
		die("finish", to);
	close(in);
	return 0;
}

static void say(const char *dir, const char *name, int fd) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		die("open", path);
	copy(in, fd, name);
	close(in);
}

/* replayed puts back what is kept in dir, if anything is. */
static void replayed(const char *dir) {
	char path[4096], name[4096], from[4200];
	unsigned mode;
	int status, n = 0, said = 0;
	snprintf(path, sizeof path, "%s/files", dir);
	FILE *files = fopen(path, "re");
	if (!files)
		return;
	if (fscanf(files, "%d\n", &status) != 1)
		die("read", path);
	for (; fscanf(files, "%o %4095[^\n]\n", &mode, name) == 2; n++) {
		size_t length = strlen(name);
		if (!said && !(length > 6 && !strcmp(name + length - 6, ".rmeta"))) {
			/* Metadata are there: cargo may start what depends on them. */
			say(dir, "stderr", 2);
			said = 1;
		}
		snprintf(from, sizeof from, "%s/%d", dir, n);
		if (copyFile(from, name, mode))
			die("open", from);
	}
	if (!said)
		say(dir, "stderr", 2);
	say(dir, "stdout", 1);
	exit(status);
}

static const char *option(char **argv, const char *name) {
	for (; *argv; argv++)
		if (!strcmp(*argv, name) && argv[1])
			return argv[1];
	return 0;
}

/* kept copies the files named stem, stem.* and libstem.* in out, metadata alone or all others. */
static int kept(const char *dir, const char *out, const char *stem, FILE *files, int metadata, int n) {
	char from[4096], to[4200];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(out);
	if (!d)
		die("open", out);
	while ((e = readdir(d))) {
		const char *name = e->d_name;
		size_t length = strlen(name), s = strlen(stem);
		if (!strncmp(name, "lib", 3) && !strncmp(name + 3, stem, s))
			name += 3;
		if (strncmp(name, stem, s) || (name[s] && name[s] != '.') || metadata != (length > 6 && !strcmp(e->d_name + length - 6, ".rmeta")))
			continue;
		snprintf(from, sizeof from, "%s/%s", out, e->d_name);
		if (stat(from, &st) || !S_ISREG(st.st_mode))
			continue;
		snprintf(to, sizeof to, "%s/%d", dir, n);
		if (copyFile(from, to, 0600))
			die("open", from);
		fprintf(files, "%o %s\n", st.st_mode & 07777, from);
		n++;
	}
	closedir(d);
	return n;
}

static int opened(const char *dir, const char *name) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die("create", path);
	return fd;
}

int main(int argc, char **argv) {
	char cwd[4096], dir[4096], work[4200], stem[1024], path[4300], *text = 0;
	const char *store = getenv("REPLAY_STORE");
	size_t size = 0;
	int status, usesInput = 0, asks = 0;
	if (!store || argc < 2)
		return 125;
	argv++;
	if (!getcwd(cwd, sizeof cwd))
		die("find", "the working directory");
	hash(cwd, strlen(cwd) + 1);
	for (char **a = argv; *a; a++) {
		hash(*a, strlen(*a) + 1);
		usesInput |= !strcmp(*a, "-");
		asks |= !strncmp(*a, "--print", 7);
	}
	if (usesInput && !asks) {
		ssize_t n;
		do {
			if (!(text = realloc(text, size + 65536)))
				die("read", "standard input");
			if ((n = read(0, text + size, 65536)) < 0)
				die("read", "standard input");
			size += n;
		} while (n > 0);
		hash(text, size);
	}
	snprintf(dir, sizeof dir, "%s/%016llx%016llx", store, (unsigned long long)one, (unsigned long long)two);
	replayed(dir);

	snprintf(work, sizeof work, "%s.%d", dir, getpid());
	if (mkdir(work, 0700))
		die("make", work);
	int out = opened(work, "stdout"), err = opened(work, "stderr"), in = -1;
	if (text) {
		in = opened(work, "stdin");
		if (write(in, text, size) != (ssize_t)size)
			die("write", "stdin");
		lseek(in, 0, SEEK_SET);
	}
	pid_t pid = fork();
	if (pid < 0)
		die("fork", argv[0]);
	if (pid == 0) {
		if (in >= 0)
			dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("wait for", argv[0]);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	snprintf(path, sizeof path, "%s/files", work);
	FILE *files = fopen(path, "we");
	if (!files)
		die("create", path);
	fprintf(files, "%d\n", status);
	const char *to = option(argv, "--out-dir"), *name = option(argv, "--crate-name"), *extra = "";
	for (char **a = argv; *a; a++)
		if (!strncmp(*a, "extra-filename=", 15))
			extra = *a + 15;
		else if (!strncmp(*a, "-Cextra-filename=", 17))
			extra = *a + 17;
	if (to && name && status == 0) {
		snprintf(stem, sizeof stem, "%s%s", name, extra);
		kept(work, to, stem, files, 0, kept(work, to, stem, files, 1, 0));
	}
	if (fclose(files))
		die("write", path);
	lseek(out, 0, SEEK_SET);
	lseek(err, 0, SEEK_SET);
	copy(err, 2, "stderr");
	copy(out, 1, "stdout");
	/* Another process may have kept the same, which is as good. */
	rename(work, dir);
	return status;
}
