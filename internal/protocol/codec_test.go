package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsers has the parser of every payload, with a value to write.
var parsers = []struct {
	name  string
	value Message
	parse func([]byte) (Message, error)
}{
	{"request", &Request{
		Version: Version, Program: "/usr/bin/gcc", Args: []string{"-c", "", "a b.c"}, Dir: "/src", Env: []string{"A=1", "A=2", "=", ""},
		Umask: 0o22, Columns: 80, NoInput: true, HasInput: true, Input: []byte("fn f() {}"), Namespace: "4026531841", RootDev: 1, RootIno: 2, DirDev: 1 << 40, DirIno: 1 << 50,
	}, parser(ParseRequest)},
	{"replay", &Replay{Status: 3, Stdout: []byte{}, Stderr: []byte("a\x00b\xff")}, parser(ParseReplay)},
	{"early", &Early{Stdout: []byte{}, Stderr: []byte("ready\n")}, parser(ParseEarly)},
	{"run", &Run{Args: []string{"-c", "x.c"}, Capture: true}, parser(ParseRun)},
	{"run and map back", &Run{Capture: true, Quiet: true, Unmap: []string{"/compile-cache/home", "/root"}}, parser(ParseRun)},
	{"run as asked", &Run{}, parser(ParseRun)},
	{"run without arguments", &Run{Args: []string{}}, parser(ParseRun)},
	{"ran", &Ran{WaitStatus: 11, WallNS: 1 << 40, CPUNS: 7, Captured: true, Stdout: []byte("o"), Stderr: []byte{}}, parser(ParseRan)},
	{"probe", &Probe{Argv: []string{"/usr/bin/gcc", "-###"}, Env: []string{"LC_ALL=C"}}, parser(ParseProbe)},
	{"answer", &Answer{Status: 127, Stdout: []byte{}, Stderr: []byte("no")}, parser(ParseAnswer)},
	{"control", &Control{Verb: "stop"}, parser(ParseControl)},
	{"controlled", &Controlled{OK: true, Body: []byte("{}")}, parser(ParseControlled)},
}

func parser[T Message](parse func([]byte) (T, error)) func([]byte) (Message, error) {
	return func(p []byte) (Message, error) { return parse(p) }
}

func TestRoundTrip(t *testing.T) {
	for _, tt := range parsers {
		t.Run(tt.name, func(t *testing.T) {
			kind, payload, err := ReadFrame(bytes.NewReader(AppendFrame(nil, tt.value)), nil)
			if err != nil || kind != tt.value.frameType() {
				t.Fatalf("ReadFrame() = %d, %v, want %d, nil", kind, err, tt.value.frameType())
			}
			got, err := tt.parse(payload)
			if err != nil {
				t.Fatalf("parse() = %v", err)
			}
			if diff := cmp.Diff(got, tt.value); diff != "" {
				t.Errorf("after a round trip (-got +want):\n%s", diff)
			}
		})
	}
}

// A payload that lacks its end, or has more, is refused: nothing is read beyond it and nothing is left.
func TestParseRefusesOtherLengths(t *testing.T) {
	for _, tt := range parsers {
		payload := AppendFrame(nil, tt.value)[5:]
		for n := range payload {
			if _, err := tt.parse(payload[:n]); !errors.Is(err, ErrFrame) {
				t.Errorf("parse(%s, %d of %d bytes) = %v, want ErrFrame", tt.name, n, len(payload), err)
			}
		}
		if _, err := tt.parse(append(bytes.Clone(payload), 0)); !errors.Is(err, ErrFrame) {
			t.Errorf("parse(%s and a byte) = %v, want ErrFrame", tt.name, err)
		}
	}
}

func TestParseRequestOfAnotherVersion(t *testing.T) {
	payload := binary.LittleEndian.AppendUint32(nil, Version+1)
	got, err := ParseRequest(append(payload, "whatever comes then"...))
	if err != nil || got.Version != Version+1 {
		t.Errorf("ParseRequest() = %+v, %v, want only the version", got, err)
	}
}

func TestFramesFollowOneAnother(t *testing.T) {
	var stream []byte
	for _, m := range []Message{Wait{}, &Control{Verb: "ping"}, Away{}, Exec{}, Done{}} {
		stream = AppendFrame(stream, m)
	}
	r := bytes.NewReader(stream)
	var got []FrameType
	for {
		kind, _, err := ReadFrame(r, nil)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("ReadFrame() = %v", err)
		}
		got = append(got, kind)
	}
	want := []FrameType{TypeWait, TypeControl, TypeAway, TypeExec, TypeDone}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("frames (-got +want):\n%s", diff)
	}
}

func TestReadFrameRefuses(t *testing.T) {
	whole := AppendFrame(nil, &Control{Verb: "ping"})
	length := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"nothing", nil, io.EOF},
		{"half a head", whole[:3], ErrFrame},
		{"half a payload", whole[:len(whole)-1], ErrFrame},
		{"no type", append(length(0), 0), ErrFrame},
		{"more than MaxFrame", append(length(MaxFrame+2), 1), ErrFrame},
		{"all ones", append(length(1<<32-1), 1), ErrFrame},
		{"a length that is never sent", append(length(MaxFrame), 1), ErrFrame},
	} {
		if _, _, err := ReadFrame(bytes.NewReader(tt.bytes), nil); err != tt.want {
			t.Errorf("ReadFrame(%s) = %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A hostile length costs no more memory than was sent.
func TestReadFrameGrowsWithWhatArrives(t *testing.T) {
	claim := append(binary.LittleEndian.AppendUint32(nil, MaxFrame), 1)
	claim = append(claim, make([]byte, 100)...)
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = ReadFrame(bytes.NewReader(claim), nil)
		}
	}).AllocedBytesPerOp()
	if allocated > 1<<20 {
		t.Errorf("ReadFrame(claim of %d bytes) allocates %d bytes, want at most 1 MiB", MaxFrame, allocated)
	}
}

func FuzzReadFrame(f *testing.F) {
	for _, tt := range parsers {
		f.Add(AppendFrame(nil, tt.value))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, payload, err := ReadFrame(bytes.NewReader(b), nil)
		if err != nil {
			return
		}
		again := append(binary.LittleEndian.AppendUint32(nil, uint32(len(payload)+1)), byte(kind))
		again = append(again, payload...)
		if !bytes.HasPrefix(b, again) {
			t.Errorf("ReadFrame(%q) = %d, %q: not what was sent", b, kind, payload)
		}
	})
}

// FuzzParse holds every parser to one rule: a payload it accepts is exactly what the value it returns would be written as. For
// a request of another version the rule has no meaning.
func FuzzParse(f *testing.F) {
	for i, tt := range parsers {
		f.Add(byte(i), AppendFrame(nil, tt.value)[5:])
	}
	f.Fuzz(func(t *testing.T, which byte, payload []byte) {
		tt := parsers[int(which)%len(parsers)]
		m, err := tt.parse(payload)
		if err != nil {
			return
		}
		if r, ok := m.(*Request); ok && r.Version != Version {
			return
		}
		if got := AppendFrame(nil, m)[5:]; !bytes.Equal(got, payload) {
			t.Errorf("%s: written again %q, want %q", tt.name, got, payload)
		}
	})
}

// FirstFrame takes what ReadFrame takes, once it is whole.
func TestFirstFrame(t *testing.T) {
	first := AppendFrame(nil, &Replay{Status: 3, Stderr: []byte("text")})
	both := AppendFrame(bytes.Clone(first), Exec{})
	for n := range both {
		kind, payload, length := FirstFrame(both[:n])
		if n < len(first) {
			if length != 0 {
				t.Errorf("FirstFrame(%d of %d bytes) has %d", n, len(first), length)
			}
			continue
		}
		var got Replay
		if kind != TypeReplay || length != len(first) || !got.Read(payload) || got.Status != 3 || string(got.Stderr) != "text" {
			t.Errorf("FirstFrame() = %d, %q, %d", kind, payload, length)
		}
		if got.Read(payload[:len(payload)-1]) || new(Early).Read(payload) {
			t.Error("a payload of another length was read")
		}
	}
	for _, b := range [][]byte{{0, 0, 0, 0, 20}, {0xff, 0xff, 0xff, 0xff, 16, 0}, {}} {
		if _, _, length := FirstFrame(b); length != 0 {
			t.Errorf("FirstFrame(%v) has %d bytes, want none", b, length)
		}
	}
}
