// Package bucket tests the whole product with a bucket: the real programs build a real C project with gcc on "machines" that have
// nothing in common but a bucket, and what comes out is compared with a plain build, byte for byte. The servers are of package realm.
//
// A machine is a home, an instance directory and a copy of the programs; where a test needs it, also a network and a mount namespace.
// What a test knows of the product is what outsiders rely on: exit status, outputs, messages, stats --json, doctor, and what the
// server was asked. Times are printed, never asserted.
package bucket
