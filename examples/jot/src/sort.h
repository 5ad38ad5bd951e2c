#ifndef JOT_SORT_H
#define JOT_SORT_H

#include "value.h"

/* sort_members puts the members of all objects in v in the order of their names' bytes. */
void sort_members(value *v);

#endif
