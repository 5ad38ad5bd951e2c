package compile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func sampleResult() *Result {
	return &Result{
		Wall:   1500 * time.Millisecond,
		CPU:    1400 * time.Millisecond,
		Stdout: []byte("\x00\xff\n"),
		Stderr: []byte("<checkout>/a.c:1: warning: é\n"),
		Outputs: []StoredOutput{
			{Role: "object", Mode: 0o666, Blob: digest.Of([]byte("o"))},
			{Role: "dependencies", Mode: 0o666, Text: true, Blob: digest.Of([]byte("d"))},
			{Role: "a program", Mode: 0o777, Blob: digest.Of(nil)},
		},
		MadeBy:   "host job commit",
		MadeTime: time.Date(2026, 11, 3, 10, 0, 0, 500, time.UTC),
	}
}

func sampleSet() *InputSet {
	return &InputSet{
		Bound: []string{"checkout", "home"},
		Paths: []string{"<checkout>/a.c", "/usr/include/é.h", " odd ", "new\nline", `"q"`, `back\slash`},
		Absent: []AbsentNames{
			{Dirs: []string{"<checkout>", "/usr/include"}, Names: []string{"x.h", "y.h", "z.h"}},
			{Dirs: []string{"/opt"}, Names: []string{"z.h", "x.h", "bits", "new"}},
		},
		Env:  []string{"CPATH", "SOURCE_DATE_EPOCH"},
		Once: []int{0, 3},
	}
}

// bigSet is a C++ file of 450 headers: 60 groups of absent names whose lists overlap.
func bigSet() *InputSet {
	s := &InputSet{Bound: []string{"checkout"}}
	var names []string
	for i := range 450 {
		s.Paths = append(s.Paths, fmt.Sprintf("/usr/include/c++/12/bits/directory%d/header%d.h", i%20, i))
		names = append(names, fmt.Sprintf("header%d.h", i))
	}
	for i := range 60 {
		s.Absent = append(s.Absent, AbsentNames{Dirs: []string{fmt.Sprintf("<checkout>/src/module%d/include", i)}, Names: names[i : 5*i+60]})
	}
	return s
}

func TestResultRoundTrip(t *testing.T) {
	for _, r := range []*Result{sampleResult(), {}, {Status: 255, Stderr: []byte("plain")}} {
		b, err := AppendResult(nil, r)
		if err != nil {
			t.Fatalf("AppendResult(%+v) = %v", r, err)
		}
		got, err := ParseResult(b)
		if err != nil {
			t.Fatalf("ParseResult(%q) = %v", b, err)
		}
		if diff := cmp.Diff(r, got, cmp.Comparer(func(a, b digest.Digest) bool { return a == b })); diff != "" {
			t.Errorf("ParseResult(AppendResult(r)) differs (-want +got):\n%s", diff)
		}
	}
}

func TestInputSetRoundTrip(t *testing.T) {
	for _, s := range []*InputSet{sampleSet(), {}, bigSet()} {
		b, err := AppendInputSet(nil, s)
		if err != nil {
			t.Fatalf("AppendInputSet = %v", err)
		}
		got, err := ParseInputSet(b)
		if err != nil {
			t.Fatalf("ParseInputSet = %v in\n%s", err, b)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("ParseInputSet(AppendInputSet(s)) differs (-want +got):\n%s", diff)
		}
	}
}

// The stored bytes are a format: what is written today has to be read by every later release.
func TestStoredFormGolden(t *testing.T) {
	b, err := AppendResult(nil, &Result{
		Wall: 12, CPU: 7, Stderr: []byte("w\n"), MadeTime: time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC), MadeBy: "host",
		Outputs: []StoredOutput{{Role: "object", Mode: 0o666, Blob: digest.Of(nil)}},
	})
	want := "compile-cache result 1\nstatus 0\nwall 12\ncpu 7\nmade-by host\nmade-time 2026-11-03T10:00:00Z\nstderr \"w\\n\"\n" +
		"output 0666 binary e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0 object\n"
	if diff := cmp.Diff(want, string(b)); err != nil || diff != "" {
		t.Errorf("AppendResult = %v (-want +got):\n%s", err, diff)
	}
	b, err = AppendInputSet(nil, sampleSet())
	want = "compile-cache input set 1\nbound checkout\nbound home\npath <checkout>/a.c\npath \"/usr/include/\\u00e9.h\"\npath \" odd \"\n" +
		"path \"new\\nline\"\npath \"\\\"q\\\"\"\npath back\\slash\ndir <checkout>\ndir /usr/include\ndir /opt\n" +
		"name x.h\nname y.h\nname z.h\nname bits\nname new\nabsent 0-1 / 0-2\nabsent 2 / 2 0 3-4\n" +
		"env CPATH\nenv SOURCE_DATE_EPOCH\nonce 0\nonce 3\n"
	if diff := cmp.Diff(want, string(b)); err != nil || diff != "" {
		t.Errorf("AppendInputSet = %v (-want +got):\n%s", err, diff)
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, change := range map[string]func(*Result){
		"status":   func(r *Result) { r.Status = -1 },
		"wall":     func(r *Result) { r.Wall = -1 },
		"year":     func(r *Result) { r.MadeTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"mode":     func(r *Result) { r.Outputs[0].Mode = 0o644 },
		"setuid":   func(r *Result) { r.Outputs[0].Mode = 0o4777 },
		"no role":  func(r *Result) { r.Outputs[0].Role = "" },
		"no blob":  func(r *Result) { r.Outputs[0].Blob = digest.Digest{} },
		"one role": func(r *Result) { r.Outputs[1].Role = "object" },
	} {
		r := sampleResult()
		change(r)
		if b, err := AppendResult(nil, r); err == nil {
			t.Errorf("%s: AppendResult = %q, want an error", name, b)
		}
	}
	for name, change := range map[string]func(*InputSet){
		"unsorted bound": func(s *InputSet) { s.Bound = []string{"b", "a"} },
		"equal bound":    func(s *InputSet) { s.Bound = []string{"a", "a"} },
		"unsorted env":   func(s *InputSet) { s.Env = []string{"B", "A"} },
		"empty path":     func(s *InputSet) { s.Paths[1] = "" },
		"two components": func(s *InputSet) { s.Absent[0].Names[0] = "a/b" },
		"dot dot":        func(s *InputSet) { s.Absent[0].Names[0] = ".." },
		"no names":       func(s *InputSet) { s.Absent[0].Names = nil },
		"no dirs":        func(s *InputSet) { s.Absent[0].Dirs = nil },
		"once range":     func(s *InputSet) { s.Once = []int{6} },
		"once order":     func(s *InputSet) { s.Once = []int{3, 3} },
		"once negative":  func(s *InputSet) { s.Once = []int{-1} },
	} {
		s := sampleSet()
		change(s)
		if b, err := AppendInputSet(nil, s); err == nil {
			t.Errorf("%s: AppendInputSet = %q, want an error", name, b)
		}
	}
}

// Each edit of a valid text is one that a lenient parser would let pass.
func TestParseRefuses(t *testing.T) {
	result, _ := AppendResult(nil, sampleResult())
	set, _ := AppendInputSet(nil, sampleSet())
	for _, c := range []struct{ text, old, new string }{
		{string(result), "result 1", "result 2"},
		{string(result), "result 1", "input set 1"},
		{string(result), "status 0\n", ""},
		{string(result), "status 0\n", "status 0\nstatus 0\n"},
		{string(result), "status 0", "status 00"},
		{string(result), "status 0", "status +0"},
		{string(result), "status 0", "status -1"},
		{string(result), "status 0", "status 256"},
		{string(result), "status 0\n", "status 0\ncolour red\n"},
		{string(result), "status 0\n", "status 0\r\n"},
		{string(result), "wall 1", "wall -1"},
		{string(result), "made-by host job commit", "made-by \"host job commit\""},
		{string(result), "made-by host job commit", "made-by "},
		{string(result), "made-by host job commit", "made-by \"\""},
		{string(result), "10:00:00.0000005Z", "10:00:00.00000050Z"},
		{string(result), "10:00:00.0000005Z", "11:00:00.0000005+01:00"},
		{string(result), `\u00e9`, "é"},
		{string(result), "output 0666", "output 0644"},
		{string(result), "output 0666", "output 666"},
		{string(result), " binary ", " Binary "},
		{string(result), " dependencies\n", " object\n"},
		{string(result), " object\n", "\n"},
		{string(result), "/1 object", "/-1 object"},
		{string(result), "/1 object", "/01 object"},
		{string(set), "bound checkout\nbound home\n", "bound home\nbound checkout\n"},
		{string(set), "bound home\n", "bound home\nbound home\n"},
		{string(set), "path <checkout>/a.c", "path \"<checkout>/a.c\""},
		{string(set), "path <checkout>/a.c", "path  <checkout>/a.c"},
		{string(set), "absent 0-1 / 0-2", "absent 0 1 / 0-2"},
		{string(set), "absent 0-1 / 0-2", "absent 0-1 / 0 1-2"},
		{string(set), "absent 0-1 / 0-2", "absent 0-3 / 0-2"},
		{string(set), "absent 0-1 / 0-2", "absent 0-1 / 1-2"},
		{string(set), "absent 0-1 / 0-2", "absent 1-0 / 0-2"},
		{string(set), "absent 0-1 / 0-2", "absent 0-1 /"},
		{string(set), "absent 0-1 / 0-2", "absent 0-1"},
		{string(set), "absent 2 /", "absent 0 /"},
		{string(set), "name y.h", "name x.h"},
		{string(set), "name y.h", "name a/y.h"},
		{string(set), "once 3", "once 6"},
		{string(set), "once 3", "once 0"},
		{string(set), "once 3\n", "once 3\nbound z\n"},
		{string(set), "once 3\n", "once 3\n\n"},
	} {
		text := strings.Replace(c.text, c.old, c.new, 1)
		if text == c.text {
			t.Fatalf("%q does not occur", c.old)
		}
		_, errResult := ParseResult([]byte(text))
		_, errSet := ParseInputSet([]byte(text))
		if errResult == nil || errSet == nil {
			t.Errorf("with %q for %q: parsed, want an error", c.new, c.old)
		}
	}
	for _, text := range []string{string(result), string(set)} {
		for n := range len(text) {
			r, err := ParseResult([]byte(text[:n]))
			// The outputs end the text, so a cut between two of them is valid: the store's checksum is what notices.
			if err == nil && text[n-1] != '\n' {
				t.Errorf("ParseResult of the first %d bytes = %+v, want an error", n, r)
			}
			if s, err := ParseInputSet([]byte(text[:n])); err == nil && text[n-1] != '\n' {
				t.Errorf("ParseInputSet of the first %d bytes = %+v, want an error", n, s)
			}
		}
	}
}

func TestInputSetBounded(t *testing.T) {
	s := &InputSet{}
	var names []string
	for i := range 1 << 10 {
		names = append(names, fmt.Sprint(i))
	}
	for i := range 1 << 10 {
		s.Absent = append(s.Absent, AbsentNames{Dirs: []string{fmt.Sprint(i)}, Names: names})
	}
	b, err := AppendInputSet(nil, s)
	if err != nil {
		t.Fatalf("AppendInputSet of 1<<20 names = %v", err)
	}
	if _, err := ParseInputSet(b); err != nil {
		t.Errorf("ParseInputSet of 1<<20 names = %v", err)
	}
	if _, err := ParseInputSet(append(b, "absent 0 / 0-1\n"...)); err == nil {
		t.Error("ParseInputSet of more than 1<<20 names = nil, want an error")
	}
	s.Absent = append(s.Absent, s.Absent[0])
	if _, err := AppendInputSet(nil, s); err == nil {
		t.Error("AppendInputSet of more than 1<<20 names = nil, want an error")
	}
}

func TestPrintable(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			b := []byte("0123456789abcdefg")
			b[at] = byte(c)
			want := c >= ' ' && c <= '~' || c == '\n'
			if got := printable(b); got != want {
				t.Errorf("printable(%q) = %v, want %v", b, got, want)
			}
		}
	}
}

func FuzzParseResult(f *testing.F) {
	b, _ := AppendResult(nil, sampleResult())
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseResult(b)
		if err != nil {
			return
		}
		if got, err := AppendResult(nil, r); err != nil || !bytes.Equal(got, b) {
			t.Errorf("AppendResult(ParseResult(b)) = %q, %v; want %q", got, err, b)
		}
	})
}

func FuzzParseInputSet(f *testing.F) {
	b, _ := AppendInputSet(nil, sampleSet())
	f.Add(b)
	b, _ = AppendInputSet(nil, bigSet())
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseInputSet(b)
		if err != nil {
			return
		}
		if got, err := AppendInputSet(nil, s); err != nil || !bytes.Equal(got, b) {
			t.Errorf("AppendInputSet(ParseInputSet(b)) = %q, %v; want %q", got, err, b)
		}
	})
}

func BenchmarkParseInputSet(b *testing.B) {
	text, err := AppendInputSet(nil, bigSet())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ParseInputSet(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseResult(b *testing.B) {
	text, err := AppendResult(nil, sampleResult())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseResult(text); err != nil {
			b.Fatal(err)
		}
	}
}
