package report

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// phrase is a sentence of words of ours and names of others, which each form of report quotes in its own way.
type phrase []word

type word struct {
	text    string
	foreign bool
}

func ours(s string) word  { return word{text: s} }
func named(s string) word { return word{text: s, foreign: true} }

// String is the phrase for terminals.
func (p phrase) String() string { return p.format(inertProse, inert) }

func (p phrase) format(own, foreign func(string) string) string {
	var parts []string
	for _, w := range p {
		if w.foreign {
			parts = append(parts, foreign(w.text))
		} else {
			parts = append(parts, own(w.text))
		}
	}
	return strings.Join(parts, " ")
}

// describe says what differed.
func describe(c *compile.Cause) phrase {
	switch c.Kind {
	case "source", "header":
		return phrase{ours(c.Kind), named(c.Name), ours("changed")}
	case "header-added":
		return phrase{ours("header"), named(c.Name), ours("is now included")}
	case "header-removed":
		return phrase{ours("header"), named(c.Name), ours("is no longer included")}
	case "header-appeared":
		if c.Was != "" {
			return phrase{ours("header"), named(c.Name), ours("appeared before"), named(c.Was)}
		}
		return phrase{ours("header"), named(c.Name), ours("appeared")}
	case "flag":
		switch {
		case c.Was != "" && c.Now != "":
			return phrase{ours("flag"), named(c.Was), ours("->"), named(c.Now)}
		case c.Was != "":
			return phrase{ours("flag"), named(c.Was), ours("removed")}
		case c.Now != "":
			return phrase{ours("flag"), named(c.Now), ours("added")}
		}
		return phrase{ours("flag"), named(c.Name), ours("changed")}
	case "variable":
		switch {
		case c.Was != "" && c.Now != "":
			return phrase{ours("variable"), named(c.Name), named(c.Was), ours("->"), named(c.Now)}
		case c.Now != "":
			return phrase{ours("variable"), named(c.Name), ours("is now"), named(c.Now)}
		case c.Was != "":
			return phrase{ours("variable"), named(c.Name), ours("was"), named(c.Was), ours("and is no longer set")}
		}
		return phrase{ours("variable"), named(c.Name), ours("changed")}
	case "file":
		return phrase{ours("file"), named(c.Name), ours("changed")}
	case "file-removed":
		return phrase{ours("file"), named(c.Name), ours("is gone")}
	case "file-appeared":
		return phrase{ours("file"), named(c.Name), ours("appeared")}
	case "feature":
		if c.Now == "" {
			return phrase{ours("feature"), named(c.Name), ours("is no longer on")}
		}
		return phrase{ours("feature"), named(c.Name), ours("is now on")}
	case "crate":
		return phrase{ours("crate"), named(crateName(c.Name)), ours("changed")}
	case "compiler":
		if c.Was != "" && c.Now != "" {
			return phrase{ours("compiler"), named(c.Was), ours("->"), named(c.Now)}
		}
		return phrase{ours("compiler"), named(c.Name), ours("changed")}
	case "directory":
		if c.Was != "" && c.Now != "" {
			return phrase{ours("directory"), named(c.Was), ours("->"), named(c.Now)}
		}
		return phrase{ours("directory"), named(c.Name), ours("changed")}
	}
	return phrase{named(c.Name), ours("changed")}
}

// weight orders causes by how many compiles they are likely to explain: the first of a miss gets its lost time.
func weight(kind string) int {
	for i, k := range []string{
		"compiler", "variable", "flag", "feature", "directory", "header-appeared", "header-added", "header-removed", "header",
		"file-appeared", "file-removed", "file", "source", "crate",
	} {
		if k == kind {
			return i
		}
	}
	return 99
}

// whyMissed names the one thing to which a miss is attributed.
func whyMissed(e *compile.Event, lookup Lookup) phrase {
	var first *compile.Cause
	for i := range e.Causes {
		if c := &e.Causes[i]; first == nil || weight(c.Kind) < weight(first.Kind) {
			first = c
		}
	}
	if first != nil {
		return describe(first)
	}
	return because(lookup, e.Reason)
}

// Lookup returns a reason's row; compile.Lookup is one. Of an unknown id the sentence is the id.
type Lookup func(compile.ReasonID) compile.Reason

// because is the reason's sentence; the id itself, where this version does not know it.
func because(lookup Lookup, id compile.ReasonID) phrase {
	if id == "" {
		id = ReasonUnstated
	}
	if id == ReasonUnstated {
		return phrase{ours("no reason was recorded")}
	}
	if s := lookup(id).Sentence; s != string(id) && s != "" {
		return phrase{ours(s)}
	}
	return phrase{ours("reason"), named(string(id))}
}
