// Package objectstest checks stores of objects and stands in for them: Run is the conformance suite, Memory a store within the
// process, Faulty a store that goes wrong as planned.
package objectstest
