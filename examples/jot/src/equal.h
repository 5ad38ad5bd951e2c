#ifndef JOT_EQUAL_H
#define JOT_EQUAL_H

#include "value.h"

/* value_equal reports whether two documents mean the same: the order of members does not count, that of elements does. */
bool value_equal(const value *a, const value *b);

#endif
