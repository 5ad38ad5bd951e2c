//go:build !amd64

package rustc

func processorSays() string { return "" }
