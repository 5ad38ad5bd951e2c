package protocol

import (
	"encoding/binary"
	"errors"
	"io"
)

// ErrFrame is the answer to bytes that are no frame or no such payload.
var ErrFrame = errors.New("protocol: malformed frame")

// Message is a payload that can be written.
type Message interface {
	frameType() FrameType
	append([]byte) []byte
}

// AppendFrame appends the frame of m to b. Whether it is longer than MaxFrame is for the caller to see.
func AppendFrame(b []byte, m Message) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(m.frameType()))
	b = m.append(b)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// The functions named Parse return ErrFrame for what is no such payload, a longer one too.

// FirstFrame returns the frame that b begins with, its type and its payload, which lies in b, and how many bytes it has in all; 0 where
// b does not hold it whole.
func FirstFrame(b []byte) (kind FrameType, payload []byte, length int) {
	if len(b) < 5 {
		return 0, nil, 0
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n < 1 || n > len(b)-4 {
		return 0, nil, 0
	}
	return FrameType(b[4]), b[5 : 4+n : 4+n], 4 + n
}

// ReadFrame reads one frame into buf, growing it as bytes arrive, and returns its type and payload. The payload is valid
// until buf is used again. At the end of the stream before a frame it returns io.EOF.
func ReadFrame(r io.Reader, buf []byte) (FrameType, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = ErrFrame
		}
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[:])) - 1
	if n < 0 || n > MaxFrame {
		return 0, nil, ErrFrame
	}
	buf = buf[:0]
	for len(buf) < n {
		// A hostile length must not make us allocate what is never sent.
		step := min(n-len(buf), max(64<<10, len(buf)))
		at := len(buf)
		if cap(buf) < at+step {
			grown := make([]byte, at+step)
			copy(grown, buf)
			buf = grown
		}
		buf = buf[:at+step]
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			return 0, nil, ErrFrame
		}
	}
	return FrameType(head[4]), buf, nil
}

func appendUint32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }
func appendUint64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

func appendString[T string | []byte](b []byte, s T) []byte {
	b = appendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func appendList(b []byte, list []string) []byte {
	b = appendUint32(b, uint32(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// reader takes values off a payload; after the first that does not fit, bad is set and all others are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) uint32() uint32 {
	if v := r.take(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if v := r.take(8); v != nil {
		return binary.LittleEndian.Uint64(v)
	}
	return 0
}

func (r *reader) bool() bool {
	v := r.take(1)
	if v != nil && v[0] > 1 {
		r.bad = true
	}
	return v != nil && v[0] == 1
}

func (r *reader) bytes() []byte  { return r.take(int(r.uint32())) }
func (r *reader) string() string { return string(r.bytes()) }

func (r *reader) list() []string {
	n := int(r.uint32())
	// Every element takes four bytes at least.
	if r.bad || n > MaxList || n > len(r.b)/4 {
		r.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.string()
	}
	return list
}

func (r *reader) ended() bool { return !r.bad && len(r.b) == 0 }

func (r *reader) end() error {
	if !r.ended() {
		return ErrFrame
	}
	return nil
}

func (*Request) frameType() FrameType { return TypeRequest }

func (m *Request) append(b []byte) []byte {
	b = appendUint32(b, m.Version)
	b = appendString(b, m.Program)
	b = appendList(b, m.Args)
	b = appendString(b, m.Dir)
	b = appendList(b, m.Env)
	b = appendUint32(b, m.Umask)
	b = appendUint32(b, m.Columns)
	b = appendBool(b, m.NoInput)
	b = appendBool(b, m.HasInput)
	b = appendString(b, m.Input)
	b = appendString(b, m.Namespace)
	b = appendUint64(b, m.RootDev)
	b = appendUint64(b, m.RootIno)
	b = appendUint64(b, m.DirDev)
	return appendUint64(b, m.DirIno)
}

// ParseRequest reads the payload of a Request; its Input lies in p. Of another version than Version only that field is set.
func ParseRequest(p []byte) (*Request, error) {
	r := reader{b: p}
	m := &Request{Version: r.uint32()}
	if !r.bad && m.Version != Version {
		return m, nil
	}
	m.Program = r.string()
	m.Args = r.list()
	m.Dir = r.string()
	m.Env = r.list()
	m.Umask = r.uint32()
	m.Columns = r.uint32()
	m.NoInput = r.bool()
	m.HasInput, m.Input = r.bool(), r.bytes()
	m.Namespace = r.string()
	m.RootDev, m.RootIno = r.uint64(), r.uint64()
	m.DirDev, m.DirIno = r.uint64(), r.uint64()
	return m, r.end()
}

func (*Replay) frameType() FrameType { return TypeReplay }

func (m *Replay) append(b []byte) []byte {
	b = appendUint32(b, m.Status)
	b = appendString(b, m.Stdout)
	return appendString(b, m.Stderr)
}

// ParseReplay reads the payload of a Replay; its slices lie in p.
func ParseReplay(p []byte) (*Replay, error) {
	m := new(Replay)
	if !m.Read(p) {
		return m, ErrFrame
	}
	return m, nil
}

// Read is ParseReplay without the heap; it reports whether p is the payload of a Replay.
func (m *Replay) Read(p []byte) bool {
	r := reader{b: p}
	m.Status, m.Stdout, m.Stderr = r.uint32(), r.bytes(), r.bytes()
	return r.ended()
}

func (*Early) frameType() FrameType { return TypeEarly }

func (m *Early) append(b []byte) []byte {
	b = appendString(b, m.Stdout)
	return appendString(b, m.Stderr)
}

// ParseEarly reads the payload of an Early; its slices lie in p.
func ParseEarly(p []byte) (*Early, error) {
	m := new(Early)
	if !m.Read(p) {
		return m, ErrFrame
	}
	return m, nil
}

// Read is ParseEarly without the heap; it reports whether p is the payload of an Early.
func (m *Early) Read(p []byte) bool {
	r := reader{b: p}
	m.Stdout, m.Stderr = r.bytes(), r.bytes()
	return r.ended()
}

func (*Run) frameType() FrameType { return TypeRun }

func (m *Run) append(b []byte) []byte {
	b = appendBool(b, m.Args != nil)
	b = appendList(b, m.Args)
	b = appendBool(b, m.Capture)
	b = appendBool(b, m.Quiet)
	return appendList(b, m.Unmap)
}

// ParseRun reads the payload of a Run, whose texts are copies.
func ParseRun(p []byte) (*Run, error) {
	r := reader{b: p}
	given := r.bool()
	m := &Run{Args: r.list(), Capture: r.bool(), Quiet: r.bool(), Unmap: r.list()}
	switch {
	case given && m.Args == nil:
		m.Args = []string{}
	case !given && m.Args != nil:
		r.bad = true
	}
	return m, r.end()
}

func (*Ran) frameType() FrameType { return TypeRan }

func (m *Ran) append(b []byte) []byte {
	b = appendUint32(b, m.WaitStatus)
	b = appendUint64(b, m.WallNS)
	b = appendUint64(b, m.CPUNS)
	b = appendBool(b, m.Captured)
	b = appendString(b, m.Stdout)
	return appendString(b, m.Stderr)
}

// ParseRan reads the payload of a Ran; its slices lie in p.
func ParseRan(p []byte) (*Ran, error) {
	r := reader{b: p}
	m := &Ran{WaitStatus: r.uint32(), WallNS: r.uint64(), CPUNS: r.uint64(), Captured: r.bool(), Stdout: r.bytes(), Stderr: r.bytes()}
	return m, r.end()
}

func (*Probe) frameType() FrameType { return TypeProbe }

func (m *Probe) append(b []byte) []byte { return appendList(appendList(b, m.Argv), m.Env) }

// ParseProbe reads the payload of a Probe, whose texts are copies.
func ParseProbe(p []byte) (*Probe, error) {
	r := reader{b: p}
	m := &Probe{Argv: r.list(), Env: r.list()}
	return m, r.end()
}

func (*Answer) frameType() FrameType { return TypeAnswer }

func (m *Answer) append(b []byte) []byte {
	b = appendUint32(b, m.Status)
	b = appendString(b, m.Stdout)
	return appendString(b, m.Stderr)
}

// ParseAnswer reads the payload of an Answer; its slices lie in p.
func ParseAnswer(p []byte) (*Answer, error) {
	r := reader{b: p}
	m := &Answer{Status: r.uint32(), Stdout: r.bytes(), Stderr: r.bytes()}
	return m, r.end()
}

func (*Control) frameType() FrameType { return TypeControl }

func (m *Control) append(b []byte) []byte { return appendString(b, m.Verb) }

// ParseControl reads the payload of a Control, whose text is a copy.
func ParseControl(p []byte) (*Control, error) {
	r := reader{b: p}
	m := &Control{Verb: r.string()}
	return m, r.end()
}

func (*Controlled) frameType() FrameType { return TypeControlled }

func (m *Controlled) append(b []byte) []byte { return appendString(appendBool(b, m.OK), m.Body) }

// ParseControlled reads the payload of a Controlled; its slices lie in p.
func ParseControlled(p []byte) (*Controlled, error) {
	r := reader{b: p}
	m := &Controlled{OK: r.bool(), Body: r.bytes()}
	return m, r.end()
}

// Exec, Done, Wait and Away have no payload.
type (
	Exec struct{}
	Done struct{}
	Wait struct{}
	Away struct{}
)

func (Exec) frameType() FrameType   { return TypeExec }
func (Exec) append(b []byte) []byte { return b }
func (Done) frameType() FrameType   { return TypeDone }
func (Done) append(b []byte) []byte { return b }
func (Wait) frameType() FrameType   { return TypeWait }
func (Wait) append(b []byte) []byte { return b }
func (Away) frameType() FrameType   { return TypeAway }
func (Away) append(b []byte) []byte { return b }
