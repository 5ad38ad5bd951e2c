// Package recheck keeps what rechecks found. A recheck compiles a hit again and compares; where the two differ, a record of it lies in
// the quarantine of the instance, for people and for compile-cache recheck:
//
//	quarantine/recheck-<key>.json                  the Record; <key> is 16 digits of the key: a newer finding replaces an older one
//	quarantine/recheck-<key>-<what>.stored         what was stored, of what differs and is small
//	quarantine/recheck-<key>-<what>.fresh          what the compiler made
//
// Records are bounded in number and evidence in bytes. They are only told from: which keys are out of use is the store's to know
// (cache.Withdrawer).
package recheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Bounds of what is kept.
const (
	MaxEvidence  = 1 << 20 // bytes of one version of one output
	MaxRecords   = 64      // the oldest are removed
	maxDifferent = 16      // outputs of which evidence is kept
	maxRecord    = 16 << 20
)

// Record is one finding, as JSON. New fields may appear.
type Record struct {
	Schema      int             `json:"schema"` // 1
	Time        time.Time       `json:"time"`
	Verdict     compile.Verdict `json:"verdict"`
	Run         string          `json:"run,omitempty"`
	Compiler    string          `json:"compiler"`
	Program     string          `json:"program"`
	Dir         string          `json:"dir"`
	Args        []string        `json:"args"`
	Source      string          `json:"source"`
	Compilation string          `json:"compilation"`
	Key         string          `json:"key"`
	Withdrawn   bool            `json:"withdrawn"` // the key is not answered any more on this machine
	Differences []Difference    `json:"differences"`

	Stored Making   `json:"stored"`
	Fresh  Making   `json:"fresh"`
	Set    InputSet `json:"input_set"` // by which the stored result was found
	// Unlisted are files that the compile read just now and the set does not name: the first suspects.
	Unlisted []string `json:"unlisted_inputs,omitempty"`
	Files    []string `json:"files,omitempty"` // evidence beside the record
}

// Making is how one of the two results came about. The recipes of both have one digest, else they would have two keys.
type Making struct {
	By     string    `json:"by,omitempty"`
	Time   time.Time `json:"time"`
	Recipe string    `json:"recipe,omitempty"` // of the stored one where a note of its compile is left
	Tools  []string  `json:"tools,omitempty"`
	Status int       `json:"status"`
	WallMS float64   `json:"wall_ms"`
}

// InputSet is the set with what its files held.
type InputSet struct {
	Bound  []string `json:"bound,omitempty"`
	Inputs []Input  `json:"inputs"`
	Env    []string `json:"env,omitempty"` // names only
	Absent int      `json:"absent"`        // groups of names that must not exist
}

// Input is a file of the set.
type Input struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`        // SHA-256 and size: the same for both results, as the key says
	Was    string `json:"was,omitempty"` // the first digits then, where the note of the stored result's compile tells others
}

// Difference is one thing in which the results differ.
type Difference struct {
	What   string  `json:"what"` // status, stdout, stderr, or the role of an output
	Path   string  `json:"path,omitempty"`
	Stored Version `json:"stored"`
	Fresh  Version `json:"fresh"`
	Second Version `json:"second"` // of the compile that was run to tell whether the compiler makes the same thing twice
	// Offset is that of the first byte that differs between Stored and Fresh; -1 where nothing can be said.
	Offset int64 `json:"first_difference"`

	StoredBytes, FreshBytes []byte `json:"-"` // evidence, at most MaxEvidence; nil for none
}

// Version is one of the things that differ. The zero Version was not there.
type Version struct {
	Digest string `json:"digest,omitempty"` // of an output or message: SHA-256 and size
	Mode   string `json:"mode,omitempty"`
	Status string `json:"status,omitempty"`
}

// String says in a few words what differs.
func (d *Difference) String() string {
	switch {
	case d.What == "status":
		return fmt.Sprintf("status %s, stored %s", d.Fresh.Status, d.Stored.Status)
	case d.Fresh == Version{}:
		return d.What + " is not made any more"
	case d.Stored == Version{}:
		return d.What + " was not stored"
	case d.Fresh.Digest == d.Stored.Digest && d.Fresh.Mode != d.Stored.Mode:
		return fmt.Sprintf("%s: mode %s, stored %s", d.What, d.Fresh.Mode, d.Stored.Mode)
	case d.Offset >= 0:
		return fmt.Sprintf("%s differs from byte %d on", d.What, d.Offset)
	}
	return d.What + " differs"
}

// Dir returns where an instance has its records.
func Dir(instance string) string { return filepath.Join(instance, "quarantine") }

const prefix = "recheck-"

// Write writes a record and its evidence, and returns the record's path.
func Write(dir string, r *Record) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("quarantine: %w", err)
	}
	name := filepath.Join(dir, prefix+r.Key[:min(len(r.Key), 16)])
	r.Schema, r.Files = 1, nil
	for i := range r.Differences[:min(len(r.Differences), maxDifferent)] {
		d := &r.Differences[i]
		for _, v := range []struct {
			kind string
			text []byte
		}{{"stored", d.StoredBytes}, {"fresh", d.FreshBytes}} {
			if v.text == nil {
				continue
			}
			path := name + "-" + plain(d.What) + "." + v.kind
			if err := replace(path, v.text); err != nil {
				return "", err
			}
			r.Files = append(r.Files, path)
		}
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("quarantine: %w", err)
	}
	if err := replace(name+".json", append(b, '\n')); err != nil {
		return "", err
	}
	bound(dir)
	return name + ".json", nil
}

// plain makes a file name of a role.
func plain(what string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, what)
}

// replace writes a file that a reader finds whole or not at all.
func replace(path string, b []byte) error {
	t, err := os.CreateTemp(filepath.Dir(path), prefix+"*.tmp")
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	_, err = t.Write(b)
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		os.Remove(t.Name())
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// bound removes the oldest records beyond MaxRecords, with their evidence.
func bound(dir string) {
	records, err := List(dir)
	if err != nil {
		return
	}
	for _, f := range records[min(len(records), MaxRecords):] {
		remove(f)
	}
}

// Found is a record with where it lies.
type Found struct {
	Path string `json:"path"`
	*Record
}

// List returns the records of a quarantine, newest first. What is no record is passed over; a missing directory has none.
func List(dir string) ([]Found, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	var all []Found
	for _, n := range names {
		if !strings.HasPrefix(n.Name(), prefix) || filepath.Ext(n.Name()) != ".json" || !n.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, n.Name())
		if info, err := n.Info(); err != nil || info.Size() > maxRecord {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		r := &Record{}
		if json.Unmarshal(b, r) == nil && r.Schema == 1 {
			all = append(all, Found{path, r})
		}
	}
	slices.SortStableFunc(all, func(a, b Found) int { return b.Time.Compare(a.Time) })
	return all, nil
}

// Clear removes all records, and with them the list of keys that are out of use: their results may be answers again.
func Clear(dir string) error {
	records, err := List(dir)
	if err != nil {
		return err
	}
	for _, f := range records {
		remove(f)
	}
	lists, err := filepath.Glob(filepath.Join(dir, "withdrawn-*"))
	for _, path := range lists {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return fmt.Errorf("clear quarantine: %w", err)
	}
	return nil
}

// remove removes a record and what it names beside itself.
func remove(f Found) {
	for _, path := range f.Files {
		if filepath.Dir(path) == filepath.Dir(f.Path) && strings.HasPrefix(filepath.Base(path), prefix) {
			os.Remove(path)
		}
	}
	os.Remove(f.Path)
}
