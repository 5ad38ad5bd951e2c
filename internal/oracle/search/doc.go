// Package search looks at random for wrong answers of the engine. It is what the tests of packages oracle and rustoracle share.
//
// A World is a project with an engine that serves it (Served). A Step changes something there and compiles; a model compiler says what is right,
// and whatever differs is Wrong. Explore plays the steps that a world chooses, all of which follow from its seed, until one is
// wrong. Since steps are data that can be played again on the world of the same seed, Shrink can leave out whatever is not needed.
//
// That a search can fail is shown by omissions: a front-end that is Forgetful of one thing must be found (Find).
//
// A search is one goroutine's. Of its world nothing is left behind but the directory given to it, which it removes.
package search
