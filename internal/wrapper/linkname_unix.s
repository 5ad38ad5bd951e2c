//go:build unix

// This file lets environ_unix.go declare a function without a body.
