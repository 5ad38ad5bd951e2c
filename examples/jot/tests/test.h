#ifndef JOT_TEST_H
#define JOT_TEST_H

#include "../src/arena.h"
#include "../src/value.h"

#include <stdbool.h>

/* check counts a failure, with its place, where ok is false. */
#define check(ok) test_check((ok), #ok, __FILE__, __LINE__)

/* same is check for two texts. */
#define same(got, want) test_same((got), (want), __FILE__, __LINE__)

void test_check(bool ok, const char *what, const char *file, int line);
void test_same(const char *got, const char *want, const char *file, int line);

/* test_read parses a document that has no error; test_show is its text, on one line. */
value *test_read(arena *a, const char *document);
const char *test_show(arena *a, const value *v);

void test_memory(void);
void test_number(void);
void test_parser(void);
void test_patch(void);
void test_pointer(void);
void test_utf8(void);
void test_writer(void);

#endif
