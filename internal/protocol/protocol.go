// Package protocol is what ccwrap and the daemon agree on: frames, limits, and the names of places.
//
// # Conversation
//
// Over a Unix stream socket, little-endian, every frame is
//
//	length uint32 (of type and payload) | type uint8 | payload
//
// Numbers in payloads are uint32 or uint64, strings and byte slices are a uint32 length and bytes, lists a uint32 count
// and elements. The wrapper begins; one connection may carry any number of conversations, one after another:
//
//	wrapper                        daemon
//	Request                   ->
//	                          <-   Early    write this now: what waits for it may go on
//	                          <-   Away     the answer is being fetched from afar; others may use the processor until it comes
//	                          <-   Replay   a hit: outputs are in place; write this, exit so             (end)
//	                          <-   Exec     become the compiler, nothing more is wanted                 (end)
//	                                        (also after a Run with other arguments that failed by them)
//	                          <-   Probe    run this and tell what it printed
//	Answer                    ->            (any number of times, also after Ran)
//	                          <-   Run      run the compiler as a child, perhaps with these arguments
//	Ran                       ->            how it went; after a quiet Run the conversation goes on as if there had been none
//	                          <-   Done     all is collected and recorded; exit as the compiler did       (end)
//	                          <-   Wait     still at work; sent every WaitEvery at least
//
// A wrapper that hears nothing for Patience, nothing but Waits for MaxWait, or anything but this, becomes the plain compiler: no fault on this page is an
// error of the build. The protocol's version is in the socket's name and in each Request; a daemon that gets another
// version answers Exec.
//
// The package imports the standard library's smallest parts only, because every compile pays for its start.
package protocol

import "time"

// Version is bumped with every change of frames or of their meaning.
const Version = 2

// Limits of a conversation.
const (
	// MaxFrame bounds one frame. The largest is a Request whose environment and arguments fill what execve allows
	// (6 MB on Linux), or a Ran with MaxCapture of messages.
	MaxFrame = 40 << 20
	// MaxCapture bounds the captured stdout, and stderr, of one compile; beyond it they are only passed through.
	MaxCapture = 16 << 20
	// MaxInput bounds the standard input that a Request tells. Sources that build scripts write into a pipe are a few lines.
	MaxInput = 64 << 10
	// WaitEvery is the longest silence of a daemon that is at work.
	WaitEvery = 200 * time.Millisecond
	// Patience is the longest silence that a wrapper bears: ten missed Waits.
	Patience = 2 * time.Second
	// MaxWait is how long a wrapper is put off by Waits alone: a daemon that hangs may still send them. It is more than
	// hashing a toolchain takes, or storing the largest output, on a busy machine.
	MaxWait = 60 * time.Second
	// MaxList bounds the elements of a list.
	MaxList = 1 << 20
)

// FrameType is the second field of a frame.
type FrameType uint8

// Frames of the wrapper are below 16, of the daemon from 16 on.
const (
	TypeRequest FrameType = 1
	TypeRan     FrameType = 2
	TypeAnswer  FrameType = 3
	TypeControl FrameType = 4

	TypeReplay     FrameType = 16
	TypeExec       FrameType = 17
	TypeRun        FrameType = 18
	TypeProbe      FrameType = 19
	TypeDone       FrameType = 20
	TypeWait       FrameType = 21
	TypeControlled FrameType = 22
	TypeEarly      FrameType = 23
	TypeAway       FrameType = 24
)

// Request opens a conversation: the invocation, and where it comes from.
type Request struct {
	Version          uint32
	Program          string   // absolute path of the compiler, as found in PATH
	Args             []string // without argv[0]
	Dir              string
	Env              []string
	Umask            uint32
	Columns          uint32 // width of the terminal on stderr, 0 where it is none
	NoInput          bool   // standard input is the null device
	HasInput         bool   // standard input was a pipe that the compiler would read, and Input is all that came
	Input            []byte // at most MaxInput
	Namespace        string // of mounts, as NamespaceID says
	RootDev, RootIno uint64 // of /, so that a chroot is seen
	DirDev, DirIno   uint64 // of Dir
}

// Early is the first part of a Replay that follows: outputs that it tells of are in place. Where the others then find no place, a Run
// follows instead, of which the wrapper passes on no line of stderr a second time.
type Early struct {
	Stdout []byte
	Stderr []byte
}

// Replay answers a hit. What an Early said is not said again.
type Replay struct {
	Status uint32
	Stdout []byte
	Stderr []byte
}

// Run asks the wrapper to run the compiler as its child.
type Run struct {
	Args    []string // arguments in place of the request's; nil: those of the request
	Capture bool     // copy stdout and stderr for Ran while passing them on; false: the child inherits them
	Quiet   bool     // with Capture: pass nothing on; unless Done says so, it is not how this call ends
	Unmap   []string // with Capture: pairs of texts; the first of each is replaced by the second in what is passed on and copied
}

// Ran tells how a Run went.
type Ran struct {
	WaitStatus uint32 // as wait4 gives it
	WallNS     uint64
	CPUNS      uint64 // user and system time of the child and its waited-for children
	Captured   bool   // Stdout and Stderr are complete
	Stdout     []byte
	Stderr     []byte
}

// Probe asks the wrapper to run a program with the invocation's environment and Env, without input.
type Probe struct {
	Argv []string
	Env  []string // added to the environment; NAME=value
}

// Answer is what a probed program did.
type Answer struct {
	Status uint32 // exit status, 128+n where signal n ended it, 127 where it could not be started
	Stdout []byte
	Stderr []byte
}

// Control is a command of the CLI to a daemon.
type Control struct {
	Verb string // "ping": say who you are; "stop": drain and leave; "publish": make what is stored visible to other machines
}

// Controlled answers a Control. Body is JSON for people's tools.
type Controlled struct {
	OK   bool
	Body []byte
}
