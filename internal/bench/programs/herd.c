/* herd N PROGRAM ARGS...: N processes that wait until all are there, and then become PROGRAM at once. An @ in an
 * argument becomes the process's number. Prints how many did not end with status 0, and the nanoseconds from the start of
 * all to the end of the last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *numbered(const char *arg, int n) {
	const char *at = strchr(arg, '@');
	char *out = malloc(strlen(arg) + 16);
	if (!at)
		return strcpy(out, arg);
	sprintf(out, "%.*s%d%s", (int)(at - arg), arg, n, at + 1);
	return out;
}

int main(int argc, char **argv) {
	int gate[2], n, started = 0, failed = 0, status;
	struct timespec began, ended;
	if (argc < 3 || (n = atoi(argv[1])) < 1 || pipe(gate))
		return 2;
	for (; started < n; started++) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		if (pid == 0) {
			char byte;
			close(gate[1]);
			while (read(gate[0], &byte, 1) > 0)
				;
			close(gate[0]);
			for (int i = 2; i < argc; i++)
				argv[i] = numbered(argv[i], started);
			execv(argv[2], argv + 2);
			_exit(127);
		}
	}
	close(gate[0]);
	clock_gettime(CLOCK_MONOTONIC, &began);
	close(gate[1]);
	while (wait(&status) > 0)
		if (status != 0)
			failed++;
	clock_gettime(CLOCK_MONOTONIC, &ended);
	printf("%d %d %lld\n", started, failed, (ended.tv_sec - began.tv_sec) * 1000000000LL + ended.tv_nsec - began.tv_nsec);
	return 0;
}
