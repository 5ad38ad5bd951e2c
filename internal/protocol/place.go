package protocol

import "strconv"

// A Place is where an instance and its daemon are found. It is computed by ccwrap at every compile, so it asks
// nothing but the environment.
type Place struct {
	Dir       string // the instance: COMPILE_CACHE_DIR or its default; "" where none can be named
	Run       string // directory of sockets: Dir/run, or elsewhere where that path is too long for a socket
	Namespace string // of mounts
	Job       string // the CI job, "" outside
	Class     string // trust class: "trusted", "pr" or "local"
}

// Trust classes.
const (
	ClassTrusted = "trusted"
	ClassPR      = "pr"
	ClassLocal   = "local"
)

// maxSocketPath is the longest path used for a socket: sun_path holds 107 bytes and a terminator on Linux, 103 on macOS.
const maxSocketPath = 100

// jobVariables name a CI job together. The runner's name keeps apart two runners of one user on one machine that work on
// the same matrix.
var jobVariables = []string{
	"GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME",
	"CI_JOB_ID", "BUILDKITE_JOB_ID", "CIRCLE_WORKFLOW_JOB_ID", "BUILD_TAG",
}

// FindPlace returns the place for an environment. shimInstance is the instance of the shim that was called, "" for none; uid
// the numeric user; namespace comes from NamespaceID.
func FindPlace(getenv func(string) string, shimInstance string, uid int, namespace string) Place {
	p := Place{Namespace: namespace, Class: class(getenv)}
	for _, name := range jobVariables {
		if v := getenv(name); v != "" {
			p.Job += name + "=" + v + "\n"
		}
	}
	switch dir := getenv("COMPILE_CACHE_DIR"); {
	case dir != "":
		p.Dir = dir
	case shimInstance != "":
		p.Dir = shimInstance
	case absolute(getenv("XDG_CACHE_HOME")):
		p.Dir = getenv("XDG_CACHE_HOME") + "/compile-cache"
	case absolute(getenv("HOME")):
		p.Dir = getenv("HOME") + "/.cache/compile-cache"
	default:
		tmp := getenv("TMPDIR")
		if !absolute(tmp) {
			tmp = "/tmp"
		}
		p.Dir = tmp + "/compile-cache-" + strconv.Itoa(uid)
	}
	p.Run = p.Dir + "/run"
	if base := getenv("XDG_RUNTIME_DIR"); len(p.Socket()) > maxSocketPath && absolute(base) {
		p.Run = base + "/compile-cache/" + hash(p.Dir)
	}
	if len(p.Socket()) > maxSocketPath {
		p.Run = "/tmp/compile-cache-" + strconv.Itoa(uid) + "/" + hash(p.Dir)
	}
	return p
}

// Socket returns the path of the daemon's socket. One daemon belongs to one instance, protocol version, mount
// namespace, job and trust class, and all are in the name.
func (p Place) Socket() string { return p.Run + "/" + p.name(p.Namespace) + ".sock" }

// SocketIn returns the path of the socket of the daemon in another namespace.
func (p Place) SocketIn(namespace string) string { return p.Run + "/" + p.name(namespace) + ".sock" }

// Lock returns the path of the file whose lock the daemon of this place holds while it lives.
func (p Place) Lock() string { return p.Run + "/" + p.name(p.Namespace) + ".lock" }

// LockIn is Lock of the daemon in another namespace.
func (p Place) LockIn(namespace string) string { return p.Run + "/" + p.name(namespace) + ".lock" }

// StartLock returns the path of the file that a wrapper locks while it starts the daemon, so that one is started
// however many wrappers race.
func (p Place) StartLock() string { return p.Run + "/" + p.name(p.Namespace) + ".start" }

// Home returns the path of the file that names the instance's first namespace: only there ccwrap starts a daemon.
func (p Place) Home() string { return p.Run + "/namespace" }

// Unrecorded returns the path of the file to which a wrapper that reached no daemon appends one byte.
func (p Place) Unrecorded() string { return p.Dir + "/spool/unrecorded" }

func (p Place) name(namespace string) string {
	return "p" + strconv.Itoa(Version) + "-" + namespace + "-" + hash(p.Job) + "-" + p.Class
}

// class chooses the trust class from the workflow's event: trusted are only protected refs, and of them only events
// whose code is the ref's own.
func class(getenv func(string) string) string {
	if getenv("GITHUB_ACTIONS") != "true" {
		return ClassLocal
	}
	switch getenv("GITHUB_EVENT_NAME") {
	case "push", "schedule", "workflow_dispatch":
		if getenv("GITHUB_REF_PROTECTED") == "true" {
			return ClassTrusted
		}
	}
	return ClassPR
}

func absolute(path string) bool { return len(path) > 0 && path[0] == '/' }

// hash is 32 bits of FNV-1a in hex: it keeps names short; the daemon compares the whole job.
func hash(s string) string {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	const digits = "0123456789abcdef"
	var b [8]byte
	for i := range b {
		b[i] = digits[h>>(28-4*i)&15]
	}
	return string(b[:])
}

// NamespaceID returns the Namespace of a Place from the text of the link /proc/self/ns/mnt, "mnt:[4026531841]"; "0" where
// there is no such link.
func NamespaceID(link string) string {
	const prefix = "mnt:["
	n := len(link) - 1
	if n <= len(prefix) || link[:len(prefix)] != prefix || link[n] != ']' {
		return "0"
	}
	for _, c := range link[len(prefix):n] {
		if c < '0' || c > '9' {
			return "0"
		}
	}
	return link[len(prefix):n]
}
