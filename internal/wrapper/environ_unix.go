//go:build unix

package wrapper

import _ "unsafe" // for go:linkname

// runtimeEnvs returns the environment as execve passed it. syscall.Environ is not used because it drops repeated names and
// strings without "=", and the compiler must get exactly what we got.
//
//go:linkname runtimeEnvs syscall.runtime_envs
func runtimeEnvs() []string

// sets reports whether kv is "NAME=..." of this name.
func sets(kv, name string) bool {
	return len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name
}

// lookupEnv returns the value of the first variable of this name.
func lookupEnv(env []string, name string) (string, bool) {
	for _, kv := range env {
		if sets(kv, name) {
			return kv[len(name)+1:], true
		}
	}
	return "", false
}

// getenv is lookupEnv where unset and empty are the same.
func getenv(env []string, name string) string {
	v, _ := lookupEnv(env, name)
	return v
}

// setenv returns env with a variable replaced or added; env is not changed.
func setenv(env []string, name, value string) []string {
	out := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if !sets(kv, name) {
			out = append(out, kv)
		}
	}
	return append(out, name+"="+value)
}
