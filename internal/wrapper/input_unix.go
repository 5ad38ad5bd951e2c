//go:build unix

package wrapper

// readsInput reports whether a compiler of this name surely reads its source from standard input. Where it would not, waiting for the
// end of a pipe that nobody closes would hang the build: so "-" must come last, and cannot be an option's value.
func readsInput(name string, args []string) bool {
	last := len(args) - 1
	if name != "rustc" || last < 0 || args[last] != "-" {
		return false
	}
	if last == 0 {
		return true
	}
	before := args[last-1]
	if len(before) < 2 || before[0] != '-' {
		return true
	}
	if before[1] != '-' {
		return len(before) > 2 // -Dwarnings has its value, -o waits for it
	}
	for i := range len(before) {
		if before[i] == '=' {
			return true
		}
	}
	return false
}
