package compile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestEveryReasonHasARow reads the constants of reason.go, so that a new one without a row fails.
func TestEveryReasonHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[ReasonID]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "ReasonID" {
			t.Errorf("constant %s of reason.go is no ReasonID", spec.Names[0].Name)
			return true
		}
		id, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		ids[ReasonID(id)] = true
		return true
	})
	if len(ids) == 0 {
		t.Fatal("found no reasons in reason.go")
	}
	rows := map[ReasonID]bool{}
	for _, r := range Reasons {
		if rows[r.ID] {
			t.Errorf("reason %s has two rows", r.ID)
		}
		rows[r.ID] = true
		if !ids[r.ID] {
			t.Errorf("row %s is no constant of reason.go", r.ID)
		}
		if r.Sentence == "" || strings.HasSuffix(r.Sentence, ".") {
			t.Errorf("sentence of %s = %q, want words without a full stop", r.ID, r.Sentence)
		}
		if r.Outcome != Miss && r.Outcome != Uncacheable && r.Outcome != Bypassed {
			t.Errorf("outcome of %s = %s, want miss, uncacheable or bypassed", r.ID, r.Outcome)
		}
	}
	for id := range ids {
		if !rows[id] {
			t.Errorf("reason %s has no row", id)
		}
	}
}

func TestLookup(t *testing.T) {
	if got := Lookup(ReasonStdin); got.Outcome != Uncacheable || got.ID != ReasonStdin {
		t.Errorf("Lookup(%s) = %+v, want an uncacheable row", ReasonStdin, got)
	}
	if got, want := Lookup("of-a-later-version"), (Reason{ID: "of-a-later-version", Sentence: "of-a-later-version"}); got != want {
		t.Errorf("Lookup(of-a-later-version) = %+v, want %+v", got, want)
	}
}
