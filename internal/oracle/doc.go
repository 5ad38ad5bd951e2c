// Package oracle models a C compiler so closely that a random search can look for wrong objects, thousands of cases a second
// instead of some dozens.
//
// # The model
//
// A Call is one run of the model compiler. It finds files, expands macros and conditionals, resolves #pragma once twins, assembles,
// reads variables and chooses its tools as gcc 12 does. Its object is no code but a dump of everything it consumed:
// the content of each file read, in order, each option that decides code, each variable, the contents of the tools, and
// paths where gcc's objects hold paths. So two calls whose gcc objects could differ have different objects, and what a cache
// serves can be compared byte for byte. Its include search is checked against the real gcc (model_test.go).
//
// The model's tools lie in a directory of their own (WriteToolchain): an ELF header and some text each, since all that matters of them
// is their content. As a program, oraclecc, the model can be that driver itself.
//
// # The search
//
// The tests of this package make a random project in two checkouts and change one thing a step: a file, a link, a variable,
// an option, a tool, also in the middle of a compile. After each step the model alone says what is right, the engine
// answers the same invocation, and outputs, modes, messages and status are compared (package search). What a
// wrong answer would look like is known too: each of a table of deliberate omissions must be caught (omission_test.go).
//
// Known difference: the words of a dependency file are wrapped by width, so one that is restored in a checkout whose path has another
// length may be wrapped elsewhere. The two checkouts of a search have paths of one length.
package oracle
