// Package daemon is the resident process: it listens on a private socket, answers wrappers by the engine, leaves when
// nobody has needed it for a while, and drains before it goes.
//
// # Life
//
// `compile-cache daemon` is run by ccwrap, `run` and `start` (Detach): it starts its real self in a session of its own, without
// any inherited descriptor, waits until that one listens, and exits. The real one (Serve) holds the lock of its place while it
// lives, so there is one per instance, protocol version, mount namespace, job and trust class. It listens under a temporary name
// that it renames, so a socket that is found can be dialled. It ends on SIGTERM, on `stop`, when idle for the time-out, and
// when its socket is no longer its own.
//
// # Trust
//
// The directory of the socket must be ours alone; both ends check the other's user id on the open connection; the daemon runs no
// program that a client names. wire.go and far.go build everything; of the rest of the program only
// "clear" opens a store, the one on disk.
package daemon
