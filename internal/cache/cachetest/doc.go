// Package cachetest holds what tests of stores and of their users share: Run, the conformance suite that every cache.Store
// passes; Memory, the simplest store that passes it; and Faulty, a store that fails as planned.
package cachetest
