#include "sort.h"

#include <string.h>

static int compare(text a, text b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	int order = shorter ? memcmp(a.bytes, b.bytes, shorter) : 0;
	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

static member *merge(member *a, member *b)
{
	member head = {.next = NULL}, *last = &head;
	while (a != NULL && b != NULL) {
		member **lesser = compare(a->name, b->name) <= 0 ? &a : &b;
		last->next = *lesser;
		last = *lesser;
		*lesser = last->next;
	}
	last->next = a != NULL ? a : b;
	return head.next;
}

/* merge_sort sorts the first count members of a list and cuts it behind them. */
static member *merge_sort(member *list, size_t count)
{
	if (count < 2) {
		if (list != NULL)
			list->next = NULL;
		return list;
	}
	size_t half = count / 2;
	member *second = list;
	for (size_t i = 0; i < half; i++)
		second = second->next;
	second = merge_sort(second, count - half);
	return merge(merge_sort(list, half), second);
}

void sort_members(value *v)
{
	for (member *m = v->first; m != NULL; m = m->next)
		sort_members(m->value);
	if (v->kind != V_OBJECT)
		return;
	v->first = merge_sort(v->first, v->count);
	for (member *m = v->first; m != NULL; m = m->next)
		v->last = m;
}
