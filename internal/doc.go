// Package internal is a tour of the packages, from the bottom up. It holds nothing but this text and deps_test.go, which is the
// import policy: a package imports only what comes before it here.
//
// # Words
//
//   - digest names content: SHA-256 and size. Everything that is stored has one.
//   - protocol is what ccwrap and the daemon agree on: frames, limits, the names of sockets. It is types and prose, and imports
//     next to nothing, since every compile pays for it.
//   - config reads the settings that count when a daemon starts, each with its source.
//   - ar reads archives, as libraries are.
//   - recent remembers what was found out once, up to a limit.
//   - compile holds the nouns that all others share: an Invocation came in, a Compilation is what it means, a Result is what it
//     made, an Event is what is told of it, and Reasons is the one table of why things were not hits.
//
// # The wrapper
//
//   - wrapper is ccwrap: it is called in the compiler's place, asks the daemon, and replays a result, runs the compiler, or
//     becomes it. It shares only protocol with the rest.
//
// # Contracts
//
//   - cache is the contract of a store. cache/cachetest is the suite that every store passes, a store in memory, and one that
//     fails as planned.
//   - cache/bucket/objects is the contract of a store of immutable objects, which a bucket is; objects/objectstest is its suite.
//   - cache/bucket/pack is the bytes of what lies in a bucket: packs, indexes, profiles, and their names.
//   - credentials chooses one provider of credentials, and says which and why.
//   - frontend is the contract of a compiler family; frontend/frontendtest lends its tests the disk.
//   - recheck keeps records of hits that were compiled again and differed.
//   - report makes numbers and text of events; the spool file of events is its only source.
//
// # One thing each
//
//   - frontend/toolchain finds out what a compiler is made of and knows it until that changes, for every front-end.
//   - frontend/cc is gcc and clang: what arguments mean, what a toolchain is, what a compile has read.
//   - frontend/rustc is rustc and clippy-driver, as cargo calls them; frontend/rustc/linker finds out what a link of these runs, and
//     frontend/rustc/procmacro what a procedural macro could read, from the code of its library.
//   - key is the law: the recipe of a compilation, the state of files, and the key made of both.
//   - cache/disk is the store in a directory.
//   - cache/bucket is the store that machines share: what is where, fetching ahead, publishing. objects/s3 and objects/dir are the
//     places that it can lie in; s3/s3test is a strict server for tests.
//   - cache/tiers is the order: disk first, what is far behind it, with a deadline, a breaker and writes behind the build.
//   - github speaks to the runner of a workflow, and tells a job's scopes from its event.
//
// # The whole
//
//   - engine is the data path. Handle in handle.go reads top to bottom: parse, identify, lookup, restore or run and store, record.
//   - daemon listens, limits, idles out and drains; wire.go and far.go are the one place where tiers and engine are built.
//   - oracle and fakecc are compilers for tests: a model of gcc that can tell a wrong object, and one that fails on command.
//     oracle/rustoracle is the same of rustc and its linker. oracle/search looks with them for wrong answers of the engine, at random.
//   - bench measures the whole against the plain compiler and ccache, and cargo builds against other caches of Rust.
//
// The programs, in ../cmd, come last. e2e is a module of its own: the action as GitHub would run it, the bucket on real servers, cargo on
// real crates.
package internal
