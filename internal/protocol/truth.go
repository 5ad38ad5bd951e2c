package protocol

// Bool reads a boolean setting: 1, true and yes are true; 0, false, no and empty are false; ok is false for anything else,
// which counts as the default, false.
func Bool(s string) (value, ok bool) {
	switch s {
	case "1", "true", "yes", "TRUE", "True", "YES", "Yes":
		return true, true
	case "", "0", "false", "no", "FALSE", "False", "NO", "No":
		return false, true
	}
	return false, false
}
