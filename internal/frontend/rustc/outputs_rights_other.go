//go:build !linux

package rustc

func givesRights(string) bool { return false }
