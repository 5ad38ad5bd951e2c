package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// A note remembers the last compiles of a unit (one source, one output), so that a miss can be explained: input sets hold
// no contents and recipes are stored as digests, so what differs could not be told from them alone.
type note struct {
	Compiles []noted `json:"compiles"` // newest first
}

// noted is one compile.
type noted struct {
	Compilation string   `json:"compilation"`
	Set         string   `json:"set"`
	Recipe      string   `json:"recipe"`
	Tools       []string `json:"tools"`
	Version     string   `json:"version,omitempty"` // of the compiler, for people
	Inputs      []byte   `json:"inputs"`            // eight bytes of each input's digest, in the set's order
	Env         []string `json:"env,omitempty"`     // digests of the values of the set's variables, in order
	Bound       []string `json:"bound,omitempty"`   // digests of the paths of the set's roots, in order
}

// notedCompiles is how many compiles of a unit are remembered: the two sides of a switched branch, and one more.
const notedCompiles = 3

// maxCauses bounds what one event tells.
const maxCauses = 10

const shortDigest = 8

func (c *call) unit() digest.Key {
	if c.comp.Unit != "" {
		return digest.KeyOf([]byte("unit\n" + c.roots.SpellPath(c.comp.Source) + "\n" + c.comp.Unit))
	}
	return digest.KeyOf([]byte("unit\n" + c.roots.SpellPath(c.comp.Source) + "\n" + c.roots.SpellPath(c.comp.Outputs[0].Path)))
}

// readNote returns the unit's note. It is read once: what explained the miss is what the compile is added to.
func (c *call) readNote(ctx context.Context) (note, bool) {
	if c.past != nil {
		return *c.past, true
	}
	var n note
	notes, ok := c.Store.(cache.Notes)
	if !ok {
		return n, false
	}
	b, err := notes.Note(ctx, c.unit())
	if err != nil {
		if !errors.Is(err, cache.ErrNotFound) {
			c.Log.Info("read note", "source", c.comp.Source, "error", err)
		}
		return n, false
	}
	if json.Unmarshal(b, &n) != nil {
		return n, false
	}
	c.past = &n
	return n, true
}

// note remembers a stored compile for later explanations.
func (c *call) note(ctx context.Context, set *compile.InputSet, digests []digest.Digest) {
	notes, ok := c.Store.(cache.Notes)
	if !ok || c.comp.PerSource {
		return // nobody asks why a conftest.c was compiled
	}
	id, err := key.SetID(set)
	if err != nil {
		return
	}
	n := noted{Compilation: c.recipe.Key.String(), Set: id.String(), Recipe: string(c.recipe.Text), Tools: key.ToolLines(c.tc), Version: c.tc.Version}
	for _, d := range digests {
		sum := d.Sum()
		n.Inputs = append(n.Inputs, sum[:shortDigest]...)
	}
	c.noteOf(set, &n)
	old, _ := c.readNote(ctx)
	all := note{Compiles: []noted{n}}
	for _, o := range old.Compiles {
		if (o.Compilation != n.Compilation || o.Set != n.Set) && len(all.Compiles) < notedCompiles {
			all.Compiles = append(all.Compiles, o)
		}
	}
	b, err := json.Marshal(all)
	if err == nil && len(b) <= cache.MaxNote {
		err = notes.PutNote(ctx, c.unit(), b)
	}
	if err != nil {
		c.Log.Info("write note", "source", c.comp.Source, "error", err)
	}
}

// explain finds what differs from the nearest earlier compile of the unit and puts it into the event. What lies far away
// it asks for only while asking lasts.
func (c *call) explain(ctx, asking context.Context) {
	if c.event.Reason != compile.ReasonNew || c.comp.PerSource {
		return
	}
	n, ok := c.readNote(ctx)
	if !ok || len(n.Compiles) == 0 {
		return
	}
	var nearest []compile.Cause
	for i, o := range n.Compiles {
		causes := c.differences(ctx, asking, o)
		if i == 0 || len(causes) < len(nearest) {
			nearest = causes
		}
	}
	if len(nearest) == 0 {
		c.event.Reason = compile.ReasonEvicted
		return
	}
	c.event.Reason = compile.ReasonChanged
	c.event.Detail = nearest[0].Kind + " " + nearest[0].Name
	c.event.Causes = nearest[:min(len(nearest), maxCauses)]
}

// differences lists what differs between an earlier compile and this one: recipe first, then inputs.
func (c *call) differences(ctx, asking context.Context, o noted) []compile.Cause {
	if c.comp.Language == "rust" {
		return c.rustDifferences(ctx, asking, o)
	}
	causes := diffRecipes(o.Recipe, string(c.recipe.Text), o.Tools, key.ToolLines(c.tc))
	compilation, err := digest.ParseKey(o.Compilation)
	if err != nil {
		return causes
	}
	if compilation != c.recipe.Key && len(causes) == 0 {
		causes = append(causes, compile.Cause{Kind: "flag", Name: "order of the arguments"})
	}
	if set := c.setOf(ctx, asking, compilation, o.Set); set != nil {
		return append(causes, c.diffInputs(set, o.Inputs)...)
	}
	return causes
}

// setOf finds an input set that a note names, near or far away; nil where it is gone.
func (c *call) setOf(ctx, asking context.Context, compilation digest.Key, id string) *compile.InputSet {
	if compilation == c.recipe.Key {
		return findSet(c.sets, id) // the lookup has asked everywhere
	}
	sets, err := c.Store.InputSets(ctx, compilation)
	if err != nil {
		return nil
	}
	if set := findSet(sets, id); set != nil {
		return set
	}
	distant, ok := c.Store.(cache.Distant)
	if !ok {
		return nil
	}
	sets, err = distant.DistantInputSets(asking, compilation)
	if err != nil {
		return nil
	}
	return findSet(sets, id)
}

func findSet(sets []*compile.InputSet, id string) *compile.InputSet {
	for _, set := range sets {
		if got, err := key.SetID(set); err == nil && got.String() == id {
			return set
		}
	}
	return nil
}

func (c *call) diffInputs(set *compile.InputSet, short []byte) []compile.Cause {
	var causes []compile.Cause
	view := c.State.NewView()
	add := func(kind, name string) { causes = append(causes, compile.Cause{Kind: kind, Name: name}) }
	for i, spelled := range set.Paths {
		p, ok := c.roots.ExpandPath(spelled)
		if !ok || len(short) < (i+1)*shortDigest {
			continue
		}
		kind := "header"
		if p == c.comp.Source {
			kind = "source"
		}
		d, err := view.Digest(p)
		if err != nil {
			add(kind+"-removed", p)
			continue
		}
		if sum := d.Sum(); string(sum[:shortDigest]) != string(short[i*shortDigest:(i+1)*shortDigest]) {
			add(kind, p)
		}
	}
	lookup := key.NewLookup(view, c.checks, c.recipe, c.roots, c.inv, 1)
	if _, m := lookup.Check(set); m != nil && m.Present != "" {
		add("header-appeared", m.Present)
	}
	for _, name := range set.Bound {
		if len(causes) == 0 {
			add("directory", name)
		}
	}
	return causes
}

// diffRecipes compares two recipes line by line: labels say what a line is.
func diffRecipes(was, now string, wasTools, nowTools []string) []compile.Cause {
	var causes []compile.Cause
	gone, come := missingLines(was, now), missingLines(now, was)
	for _, line := range gone {
		label, value, _ := strings.Cut(line, " ")
		other := takePartner(&come, label, value)
		causes = append(causes, lineCause(label, value, other, wasTools, nowTools)...)
	}
	for _, line := range come {
		label, value, _ := strings.Cut(line, " ")
		causes = append(causes, lineCause(label, "", value, wasTools, nowTools)...)
	}
	return causes
}

// missingLines returns the lines of a that b has not, each as often as it is missing.
func missingLines(a, b string) []string {
	have := map[string]int{}
	for line := range strings.Lines(b) {
		have[line]++
	}
	var out []string
	for line := range strings.Lines(a) {
		if have[line]--; have[line] < 0 {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	return out
}

// takePartner removes from lines the one that replaces the line with this label and value, and returns its value: for
// arguments and variables the one of equal name, for other labels any.
func takePartner(lines *[]string, label, value string) string {
	for i, line := range *lines {
		l, v, _ := strings.Cut(line, " ")
		if l != label {
			continue
		}
		if (label == "argument" || label == "variable" || strings.HasPrefix(value, macroVariable) || strings.HasPrefix(v, macroVariable)) && nameOf(v) != nameOf(value) {
			continue
		}
		*lines = append(append([]string(nil), (*lines)[:i]...), (*lines)[i+1:]...)
		return v
	}
	return ""
}

// nameOf returns what names an argument or variable: all before its value.
func nameOf(s string) string {
	name, _, found := strings.Cut(s, "=")
	if !found && strings.HasPrefix(s, "-O") {
		return "-O"
	}
	return name
}

// macroVariable begins the fact that is a variable which procedural macros may read, with a digest for its value.
const macroVariable = "macro-variable "

func lineCause(label, was, now string, wasTools, nowTools []string) []compile.Cause {
	cause := compile.Cause{Was: was, Now: now}
	if fact := max(was, now); label == "fact" && strings.HasPrefix(fact, macroVariable) {
		return []compile.Cause{{Kind: "variable", Name: nameOf(strings.TrimPrefix(fact, macroVariable))}}
	}
	switch label {
	case "argument":
		cause.Kind, cause.Name = "flag", now
		if now == "" {
			cause.Name = was
		}
	case "variable":
		cause.Kind = "variable"
		cause.Name = nameOf(was + now)
		_, cause.Was, _ = strings.Cut(was, "=")
		_, cause.Now, _ = strings.Cut(now, "=")
	case "compiler":
		return toolCauses(wasTools, nowTools)
	case "program":
		cause.Kind, cause.Name = "compiler", now
	case "directory", "source":
		cause.Kind, cause.Name = "directory", now
	default:
		cause.Kind, cause.Name = "other", label
	}
	return []compile.Cause{cause}
}

// toolCauses names the files of the toolchain that differ.
func toolCauses(was, now []string) []compile.Cause {
	before := strings.Join(was, "\n") + "\n"
	var causes []compile.Cause
	for _, line := range missingLines(strings.Join(now, "\n")+"\n", before) {
		i := strings.LastIndexByte(line, ' ')
		causes = append(causes, compile.Cause{Kind: "compiler", Name: line[:max(i, 0)]})
	}
	if len(causes) == 0 {
		causes = append(causes, compile.Cause{Kind: "compiler", Name: "toolchain"})
	}
	return causes
}
