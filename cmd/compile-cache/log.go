package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// logCmd prints the daemon's log, JSON lines of log/slog, for people.
type logCmd struct {
	Follow bool `short:"f" help:"Go on as the log grows, until interrupted."`
}

// followEvery is how often a followed log is looked at.
const followEvery = 200 * time.Millisecond

// Run prints to stdout. An interrupted --follow is no failure.
func (c *logCmd) Run(a *app) error {
	path := filepath.Join(a.place.Dir, "log", "daemon.log")
	t := &tail{path: path, out: a.stdout, zone: a.now().Location()}
	defer t.close()
	err := t.print()
	if !c.Follow {
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read log: no daemon has run in %s", a.place.Dir)
		}
		return errors.Join(err, t.rest())
	}
	for {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		select {
		case <-a.ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		err = t.print()
	}
}

// tail prints what was appended to a file since it was last asked, also when another file has taken its place.
type tail struct {
	path string
	out  io.Writer
	zone *time.Location

	file  *os.File
	lines *bufio.Reader
	begun []byte // of a line whose end is not written yet
}

// print first takes what is left of the file that it reads, for the path may name another by now.
func (t *tail) print() error {
	if t.file != nil {
		if err := t.drain(); err != nil {
			return err
		}
	}
	if another, err := t.reopen(); err != nil || !another {
		return err
	}
	return t.drain()
}

func (t *tail) drain() error {
	for {
		part, err := t.lines.ReadBytes('\n')
		t.begun = append(t.begun, part...)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		if err := t.rest(); err != nil {
			return err
		}
	}
}

// rest prints the line begun.
func (t *tail) rest() error {
	line := bytes.TrimRight(t.begun, "\r\n")
	t.begun = t.begun[:0]
	if len(line) == 0 {
		return nil
	}
	_, err := io.WriteString(t.out, readable(line, t.zone)+"\n")
	return err
}

// reopen opens the file that the path names now, if it is another than the open one, or the open one was cut.
func (t *tail) reopen() (bool, error) {
	now, err := os.Stat(t.path)
	if err != nil {
		return false, fmt.Errorf("read log: %w", err)
	}
	if t.file != nil {
		read, err := t.file.Seek(0, io.SeekCurrent)
		if open, statErr := t.file.Stat(); err == nil && statErr == nil && os.SameFile(open, now) && now.Size() >= read {
			return false, nil
		}
		t.close()
	}
	f, err := os.Open(t.path)
	if err != nil {
		return false, fmt.Errorf("read log: %w", err)
	}
	t.file, t.lines = f, bufio.NewReader(f)
	return true, t.rest()
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// readable returns a line of slog as "15:04:05 level message key=value"; any other line, such as one of a crash, as it is.
func readable(line []byte, zone *time.Location) string {
	dec := json.NewDecoder(bytes.NewReader(line))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') || !json.Valid(line) {
		return printable(string(line))
	}
	var when, level, message string
	var rest strings.Builder
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return printable(string(line))
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return printable(string(line))
		}
		value := string(raw)
		var s string
		if json.Unmarshal(raw, &s) == nil {
			value = s
		}
		switch key {
		case "time":
			when = value
			if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
				when = at.In(zone).Format(time.TimeOnly)
			}
		case "level":
			level = strings.ToLower(value)
		case "msg":
			message = value
		default:
			if raw[0] == '"' && (value == "" || strings.ContainsAny(value, " \"=") || printable(value) != value) {
				value = strconv.Quote(value)
			}
			fmt.Fprintf(&rest, " %v=%s", key, value)
		}
	}
	return printable(fmt.Sprintf("%s %-5s %s", when, level, message)) + printable(rest.String())
}

// printable replaces what would move the cursor, turn the text around, or be a command to a workflow's runner.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
	s = strings.ReplaceAll(s, "##[", "# #[")
	if trimmed := strings.TrimLeft(s, " "); strings.HasPrefix(trimmed, "::") {
		return ": " + trimmed[1:]
	}
	return s
}
