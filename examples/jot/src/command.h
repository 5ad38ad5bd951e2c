#ifndef JOT_COMMAND_H
#define JOT_COMMAND_H

#include "arena.h"
#include "buf.h"
#include "value.h"

/* A command turns documents, and maybe a further argument, into text. */
typedef struct {
	const char *name, *arguments, *help;
	int documents; /* how many it reads */
	int further;   /* arguments before the documents */
	/* run returns the status to exit with; on failure it has said why. */
	int (*run)(arena *a, value **documents, const char *further, buf *out);
} command;

extern const command commands[];

#endif
