package compile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// The stored form of a Result, one labelled value a line, readable with cat:
//
//	compile-cache result 1
//	status 0
//	wall 1234567890                                  nanoseconds
//	cpu 1200000000
//	made-by runner-7 build 4f2c11a                   omitted where empty, as stdout and stderr are
//	made-time 2026-11-03T10:00:00.5Z                 RFC 3339, UTC
//	stdout "..."
//	stderr "a.c:1:2: warning: unused\n"
//	output 0666 binary <sha256>/<size> object        mode, text or binary, blob, role
//	output 0666 text <sha256>/<size> dependencies
//
// A value stands bare where it is printable ASCII that neither begins with a quote nor begins or ends with a space;
// any other value is quoted as by strconv.QuoteToASCII, whose form does not change with Unicode's tables. There is one
// spelling for every value, and the parsers take no other: equal values have equal bytes. Whatever a parser
// does not know it refuses, so a newer writer has to write another version.
const resultHeader = "compile-cache result 1"

// Permission bits that an output may be stored with; the umask is applied when it is restored.
const (
	modePlain      = 0o666
	modeExecutable = 0o777
)

// maxStatus is the largest exit status a process can have.
const maxStatus = 255

// AppendResult appends the stored form of r to b. It fails where r is no valid result: a status that no process can have, a
// negative duration, a mode that is neither 0666 nor 0777, an unnamed blob, a role that is empty or used twice.
func AppendResult(b []byte, r *Result) ([]byte, error) {
	made := r.MadeTime.UTC()
	switch {
	case r.Status < 0 || r.Status > maxStatus:
		return nil, fmt.Errorf("encode result: status %d", r.Status)
	case r.Wall < 0 || r.CPU < 0:
		return nil, fmt.Errorf("encode result: negative duration %v, %v", r.Wall, r.CPU)
	case made.Year() < 0 || made.Year() > 9999:
		return nil, fmt.Errorf("encode result: made in the year %d", made.Year())
	}
	b = append(b, resultHeader...)
	b = strconv.AppendInt(append(b, "\nstatus "...), int64(r.Status), 10)
	b = strconv.AppendInt(append(b, "\nwall "...), int64(r.Wall), 10)
	b = strconv.AppendInt(append(b, "\ncpu "...), int64(r.CPU), 10)
	if r.MadeBy != "" {
		b = appendValue(append(b, "\nmade-by "...), r.MadeBy)
	}
	b = made.AppendFormat(append(b, "\nmade-time "...), time.RFC3339Nano)
	if len(r.Stdout) > 0 {
		b = appendValue(append(b, "\nstdout "...), string(r.Stdout))
	}
	if len(r.Stderr) > 0 {
		b = appendValue(append(b, "\nstderr "...), string(r.Stderr))
	}
	for i, o := range r.Outputs {
		if err := checkOutput(r.Outputs[:i], o); err != nil {
			return nil, fmt.Errorf("encode result: %w", err)
		}
		kind := " binary "
		if o.Text {
			kind = " text "
		}
		b = strconv.AppendUint(append(b, "\noutput 0"...), uint64(o.Mode), 8)
		b = append(append(b, kind...), o.Blob.String()...)
		b = appendValue(append(b, ' '), o.Role)
	}
	return append(b, '\n'), nil
}

// ParseResult reads what AppendResult wrote and nothing else. The result shares no memory with b.
func ParseResult(b []byte) (*Result, error) {
	l, err := newLines(b, resultHeader)
	if err != nil {
		return nil, fmt.Errorf("parse result: %w", err)
	}
	r := &Result{
		Status: int(l.number("status", maxStatus)),
		Wall:   time.Duration(l.number("wall", maxNumber)),
		CPU:    time.Duration(l.number("cpu", maxNumber)),
		MadeBy: l.optional("made-by"),
	}
	made := l.required("made-time")
	if r.MadeTime, err = time.Parse(time.RFC3339Nano, made); err != nil || r.MadeTime.UTC().Format(time.RFC3339Nano) != made {
		l.fail("made-time is no time")
	}
	r.MadeTime = r.MadeTime.UTC()
	if s := l.optional("stdout"); s != "" {
		r.Stdout = []byte(s)
	}
	if s := l.optional("stderr"); s != "" {
		r.Stderr = []byte(s)
	}
	for {
		text, ok := l.next("output")
		if !ok {
			break
		}
		o, err := parseOutput(text)
		if err == nil {
			err = checkOutput(r.Outputs, o)
		}
		if err != nil {
			return nil, fmt.Errorf("parse result: %w", err)
		}
		r.Outputs = append(r.Outputs, o)
	}
	if err := l.end(); err != nil {
		return nil, fmt.Errorf("parse result: %w", err)
	}
	return r, nil
}

// parseOutput reads "0666 text <sha256>/<size> role".
func parseOutput(text string) (o StoredOutput, err error) {
	mode, rest, _ := strings.Cut(text, " ")
	kind, rest, _ := strings.Cut(rest, " ")
	blob, role, _ := strings.Cut(rest, " ")
	switch mode {
	case "0666":
		o.Mode = modePlain
	case "0777":
		o.Mode = modeExecutable
	default:
		return o, fmt.Errorf("output mode %q", mode)
	}
	switch kind {
	case "text":
		o.Text = true
	case "binary":
	default:
		return o, fmt.Errorf("output kind %q", kind)
	}
	if o.Blob, err = digest.Parse(blob); err != nil {
		return o, fmt.Errorf("output: %w", err)
	}
	o.Role, err = parseValue(role)
	return o, err
}

// checkOutput says why o cannot stand after the others: a role names an output, so it is used once.
func checkOutput(others []StoredOutput, o StoredOutput) error {
	switch {
	case o.Mode != modePlain && o.Mode != modeExecutable:
		return fmt.Errorf("output %q: mode %#o", o.Role, o.Mode)
	case o.Blob.IsZero():
		return fmt.Errorf("output %q: no blob", o.Role)
	case o.Role == "":
		return errors.New("output without a role")
	}
	for _, other := range others {
		if other.Role == o.Role {
			return fmt.Errorf("two outputs %q", o.Role)
		}
	}
	return nil
}

// lines reads labelled lines in the one order in which they are written. The first failure is kept and ends everything.
type lines struct {
	rest string
	err  error
}

// maxNumber is the largest number in a stored form.
const maxNumber = 1<<63 - 1

// newLines checks the first line, and once for all lines that they hold nothing but printable ASCII.
func newLines(b []byte, header string) (*lines, error) {
	if !printable(b) {
		return nil, errors.New("not printable")
	}
	first, rest, ok := strings.Cut(string(b), "\n")
	if !ok || first != header {
		return nil, fmt.Errorf("does not begin with %q", header)
	}
	if rest != "" && rest[len(rest)-1] != '\n' {
		return nil, errors.New("last line is cut")
	}
	return &lines{rest: rest}, nil
}

// next takes the next line if it has this label and returns what follows the label.
func (l *lines) next(label string) (string, bool) {
	if l.err != nil || len(l.rest) <= len(label) || l.rest[len(label)] != ' ' || l.rest[:len(label)] != label {
		return "", false
	}
	line, rest, _ := strings.Cut(l.rest, "\n")
	l.rest = rest
	return line[len(label)+1:], true
}

// value takes the next line if it has this label and reads its value, which may be empty only where quoted.
func (l *lines) value(label string) (string, bool) {
	text, ok := l.next(label)
	if !ok {
		return "", false
	}
	v, err := parseValue(text)
	if err != nil {
		l.fail(label + ": " + err.Error())
		return "", false
	}
	return v, true
}

// optional is value of a line that is left out where its value would be empty.
func (l *lines) optional(label string) string {
	v, ok := l.value(label)
	if ok && v == "" {
		l.fail(label + " is empty")
	}
	return v
}

func (l *lines) required(label string) string {
	text, ok := l.next(label)
	if !ok {
		l.fail("no " + label)
	}
	return text
}

func (l *lines) number(label string, limit int64) int64 {
	text := l.required(label)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > limit || strconv.FormatInt(n, 10) != text {
		l.fail(label + " is no number in range")
		return 0
	}
	return n
}

func (l *lines) fail(what string) {
	if l.err == nil {
		l.err = errors.New(what)
	}
}

// end returns the failure, if there was one or if lines are left.
func (l *lines) end() error {
	if l.err == nil && l.rest != "" {
		line, _, _ := strings.Cut(l.rest, "\n")
		return fmt.Errorf("unexpected line %.60q", line)
	}
	return l.err
}

func appendValue(b []byte, v string) []byte {
	if bare(v) {
		return append(b, v...)
	}
	return strconv.AppendQuoteToASCII(b, v)
}

// parseValue reads what appendValue wrote. That text is printable ASCII was checked by newLines.
func parseValue(text string) (string, error) {
	if text != "" && text[0] == '"' {
		v, err := strconv.Unquote(text)
		if err != nil || bare(v) || strconv.QuoteToASCII(v) != text {
			return "", fmt.Errorf("value %.60q is not quoted as it should be", text)
		}
		return v, nil
	}
	if text == "" || text[0] == ' ' || text[len(text)-1] == ' ' {
		return "", fmt.Errorf("value %.60q should be quoted", text)
	}
	return text, nil
}

// printable reports whether b is printable ASCII and line ends. It looks at eight bytes at a time, because input sets are read
// on the way to a hit: of a set of 33 KB, testing byte by byte was a quarter of the parse.
func printable(b []byte) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		below := (x - ' '*ones) &^ x // high bit where a byte is below a space
		del := x ^ 0x7f*ones         // zero where a byte is DEL
		del = (del - ones) &^ del    // high bit where it was zero
		if (x|below|del)&highs != 0 && !printableBytes(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return printableBytes(b)
}

func printableBytes(b []byte) bool {
	for _, c := range b {
		if c-' ' > '~'-' ' && c != '\n' {
			return false
		}
	}
	return true
}

// bare reports whether a value is written without quotes.
func bare(v string) bool {
	if v == "" || v[0] == '"' || v[0] == ' ' || v[len(v)-1] == ' ' {
		return false
	}
	for i := range len(v) {
		if v[i]-' ' > '~'-' ' {
			return false
		}
	}
	return true
}
