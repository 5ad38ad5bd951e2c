// Package e2e runs the action as a runner would, by act, on a real CMake and make project, without a network and without
// containers; and checks that actions, workflows and the README agree. It is a module of its own, so that the trees of act and
// actionlint never become ours; both are tools of its go.mod.
//
// Beside it, package bucket runs the product with a bucket, on the real servers that package realm starts: versitygw, with IAM and STS,
// and Toxiproxy, which are tools of the same go.mod.
//
// Package rust builds real workspaces with cargo through the product, and compares what comes out with plain builds.
//
// Package workplace is what they all need first: the programs, built, commands, and directories.
//
// What act does not do as a runner does: it kills no process at the end of a job, gives `run` steps variables that a runner
// keeps to actions, and has no limit on summaries. No test here depends on these.
package e2e
