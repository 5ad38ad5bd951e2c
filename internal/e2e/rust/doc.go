// Package rust builds real workspaces with real cargo through the built programs, and compares what comes out with a plain build:
// every file of the target directory by bytes and mode, messages, status, and that the next cargo build has nothing to do.
//
// testdata/small is a workspace of six members and some thirty crates of the registry, which its Cargo.lock names; they are fetched once.
// The traps are workspaces of a few lines without the registry, written by the tests. large holds a workspace of some 260 packages
// that only a build tag brings in:
//
//	go test -tags large -run Large -timeout 2h -v ./rust
//
// What a test knows of the product is what outsiders rely on: exit status, outputs, messages, and stats --json. Times are printed, never
// asserted. All plain and cached builds that are compared happen in the same place, one after the other, since compilers write
// paths into what they make.
package rust
