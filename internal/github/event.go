package github

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

const (
	// maxEvent bounds the event's file, in bytes. GitHub delivers no payload of more than 25 MB, and those of more than some hundred
	// kilobytes are pushes of many commits.
	maxEvent = 16 << 20
	// maxEventDepth bounds how deep its values may lie in one another; GitHub's lie some 10 deep.
	maxEventDepth = 100
)

// ReadEvent reads the file of a workflow's event. What is no regular file is an error; of a file that is too long comes so much that
// this shows.
func ReadEvent(path string) ([]byte, error) {
	info, err := os.Stat(path) // a FIFO would never open
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxEvent+1))
}

// event is what we need of an event's payload: by its path, a string, a number, or true, false and null.
type event map[string]any

// eventFields are the paths of what is needed. Titles and texts of strangers are in the payload too; nothing of them is kept.
var eventFields = map[string]bool{
	"repository.id":                             true,
	"repository.default_branch":                 true,
	"pull_request.number":                       true,
	"pull_request.base.ref":                     true,
	"pull_request.head.repo.id":                 true,
	"issue.number":                              true,
	"issue.pull_request.url":                    true,
	"merge_group.base_ref":                      true,
	"workflow_run.head_repository.id":           true,
	"workflow_run.pull_requests.0.number":       true,
	"workflow_run.pull_requests.0.base.ref":     true,
	"workflow_run.pull_requests.0.base.repo.id": true,
}

func readEvent(getenv func(string) string, readFile func(string) ([]byte, error)) (event, error) {
	path := getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return nil, errors.New("GITHUB_EVENT_PATH is not set")
	}
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parseEvent(b)
}

// parseEvent takes the fields from a payload. One that is not whole, or names a field twice, tells nothing at all.
func parseEvent(b []byte) (event, error) {
	if len(b) > maxEvent {
		return nil, fmt.Errorf("it has more than %d bytes", maxEvent)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	e := event{}
	var at []step
	values := 0
	for {
		token, err := dec.Token()
		if err == io.EOF && len(at) == 0 && values == 1 {
			return e, nil
		}
		if err != nil {
			return nil, fmt.Errorf("parse it: %w", err)
		}
		if len(at) == 0 {
			values++
		}
		top := len(at) - 1
		switch delim, isDelim := token.(json.Delim); {
		case isDelim && (delim == '}' || delim == ']'):
			at = at[:top]
			if top > 0 {
				at[top-1].next()
			}
			continue
		case top >= 0 && at[top].wantsKey:
			at[top].key, at[top].wantsKey = token.(string), false
			continue
		case isDelim:
			if top >= maxEventDepth {
				return nil, errors.New("parse it: too deep")
			}
			at = append(at, step{object: delim == '{', wantsKey: delim == '{'})
			continue
		}
		if top < 0 {
			return nil, errors.New("parse it: it is no object")
		}
		if path := pathOf(at); eventFields[path] {
			if _, twice := e[path]; twice {
				return nil, fmt.Errorf("parse it: two values of %s", path)
			}
			e[path] = token
		}
		at[top].next()
	}
}

// step is one of the objects and arrays around a value.
type step struct {
	object   bool
	wantsKey bool // the next token is a key
	key      string
	index    int
}

// next goes on to what follows a value.
func (s *step) next() {
	s.index++
	s.wantsKey = s.object
}

// pathOf names the value that the steps lead to; "" deeper than any field lies.
func pathOf(at []step) string {
	if len(at) > 6 {
		return ""
	}
	parts := make([]string, len(at))
	for i, s := range at {
		if strings.Contains(s.key, ".") {
			return ""
		}
		parts[i] = s.key
		if !s.object {
			parts[i] = strconv.Itoa(s.index)
		}
	}
	return strings.Join(parts, ".")
}

// number returns a positive number in digits, "" for anything else.
func (e event) number(path string) string {
	n, _ := e[path].(json.Number)
	if !isNumber(n.String()) {
		return ""
	}
	return n.String()
}

// text returns a string.
func (e event) text(path string) string {
	s, _ := e[path].(string)
	return s
}

// branch returns the branch that a string refs/heads/NAME names, "" for anything else.
func (e event) branch(path string) string {
	name, ok := strings.CutPrefix(e.text(path), "refs/heads/")
	if !ok || !isName(name) {
		return ""
	}
	return name
}

func (e event) has(path string) bool { return e.text(path) != "" }
