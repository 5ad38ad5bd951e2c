#ifndef JOT_VALUE_H
#define JOT_VALUE_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum { V_NULL, V_BOOL, V_NUMBER, V_STRING, V_ARRAY, V_OBJECT } kind;

typedef struct value value;
typedef struct member member;

typedef struct {
	const char *bytes; /* followed by a 0, and may hold others */
	size_t size;
} text;

/* A value is one node of a document. Arrays and objects are lists of members, in the order of the document. */
struct value {
	kind kind;
	bool truth;
	double number;
	text string; /* of a string; of a number as it was written, where it was read */
	member *first, *last;
	size_t count;
};

struct member {
	text name; /* empty in arrays */
	value *value;
	member *next;
};

value *value_null(arena *a);
value *value_bool(arena *a, bool truth);
value *value_number(arena *a, double number);
value *value_string(arena *a, const char *bytes, size_t size);
value *value_array(arena *a);
value *value_object(arena *a);

/* value_append adds to an array. */
void value_append(arena *a, value *array, value *v);

/* value_set adds to an object, or replaces the member of that name. The name's bytes are shared. */
void value_set(arena *a, value *object, text name, value *v);

/* value_get returns the member of an object, or NULL. */
value *value_get(const value *object, text name);

/* value_remove takes a member out of an object and reports whether it was there. */
bool value_remove(value *object, text name);

/* value_at returns an element of an array, or NULL. */
value *value_at(const value *array, size_t index);

/* value_copy returns a deep copy. */
value *value_copy(arena *a, const value *v);

bool text_equal(text a, text b);
const char *kind_name(kind k);

#endif
