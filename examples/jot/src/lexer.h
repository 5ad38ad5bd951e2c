#ifndef JOT_LEXER_H
#define JOT_LEXER_H

#include "arena.h"
#include "error.h"
#include "value.h"

typedef enum {
	T_END, T_ERROR,
	T_OPEN_OBJECT, T_CLOSE_OBJECT, T_OPEN_ARRAY, T_CLOSE_ARRAY, T_COLON, T_COMMA,
	T_NULL, T_TRUE, T_FALSE, T_NUMBER, T_STRING
} token_kind;

typedef struct {
	token_kind kind;
	text text; /* of a string, decoded; of a number, as written */
	size_t line, column;
} token;

/* A lexer cuts a document into tokens. */
typedef struct {
	arena *arena;
	const char *bytes;
	size_t size, at, line, line_start;
	error *error;
} lexer;

void lexer_init(lexer *l, arena *a, const char *bytes, size_t size, error *e);

/* lexer_next returns the next token; T_ERROR after it has set the error. */
token lexer_next(lexer *l);

const char *token_name(token_kind k);

#endif
