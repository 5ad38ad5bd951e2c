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
	above, below, numbered := directory(getenv, shimInstance)
	p.Dir = above + below
	if numbered {
		p.Dir += strconv.Itoa(uid)
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

// directory returns the two parts of an instance's path, and whether the user's number comes behind them.
func directory(getenv func(string) string, shimInstance string) (above, below string, numbered bool) {
	if dir := getenv("COMPILE_CACHE_DIR"); dir != "" {
		return dir, "", false
	}
	if shimInstance != "" {
		return shimInstance, "", false
	}
	if dir := getenv("XDG_CACHE_HOME"); absolute(dir) {
		return dir, "/compile-cache", false
	}
	if dir := getenv("HOME"); absolute(dir) {
		return dir, "/.cache/compile-cache", false
	}
	if dir := getenv("TMPDIR"); absolute(dir) {
		return dir, "/compile-cache-", true
	}
	return "/tmp", "/compile-cache-", true
}

// AppendSocket appends to b what Socket returns for an environment, and tells how long the Run in it is. It uses no heap, and is for
// the usual place only: where the instance is not named by an absolute path, or is numbered, or Run is elsewhere, or b has no room
// for maxSocketPath bytes, ok is false.
func AppendSocket(b []byte, getenv func(string) string, shimInstance, namespace string) (path []byte, run int, ok bool) {
	above, below, numbered := directory(getenv, shimInstance)
	length := len(above) + len(below) + len("/run/p-") + 2 + len(namespace) + len("-01234567-") + len(ClassTrusted) + len(".sock")
	if numbered || !absolute(above) || length > maxSocketPath || cap(b)-len(b) < maxSocketPath {
		return b, 0, false
	}
	job := emptySum // of Place.Job
	for _, name := range jobVariables {
		if v := getenv(name); v != "" {
			job = job.add(name).add("=").add(v).add("\n")
		}
	}
	start := len(b)
	b = append(append(append(b, above...), below...), "/run"...)
	run = len(b) - start
	b = appendName(append(b, '/'), namespace, job, class(getenv))
	return append(b, ".sock"...), run, true
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
	return string(appendName(nil, namespace, emptySum.add(p.Job), p.Class))
}

// appendName appends what the names of a daemon's files begin with. A version of two digits would need another form.
func appendName(b []byte, namespace string, job sum, class string) []byte {
	b = append(append(append(b, 'p', '0'+Version, '-'), namespace...), '-')
	return append(append(job.append(b), '-'), class...)
}

// Version has one digit.
const _ = uint(9 - Version)

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
func hash(s string) string { return string(emptySum.add(s).append(nil)) }

// A sum is FNV-1a so far.
type sum uint32

const emptySum sum = 2166136261

func (h sum) add(s string) sum {
	for i := range len(s) {
		h = (h ^ sum(s[i])) * 16777619
	}
	return h
}

// append appends h in hex.
func (h sum) append(b []byte) []byte {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[h>>shift&15])
	}
	return b
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
