package pack

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// safe is what a store of objects takes as a segment.
var safe = regexp.MustCompile(`^[A-Za-z0-9._=-]*[A-Za-z0-9_=-][A-Za-z0-9._=-]*$`)

func TestSegment(t *testing.T) {
	long := strings.Repeat("feature/", 30)
	for s, want := range map[string]string{
		"":                       "=",
		"main":                   "main",
		"release-1.2_x":          "release-1.2_x",
		"feature/x y":            "feature=2Fx=20y",
		"=":                      "=3D",
		".":                      "=2E",
		"..":                     "=2E=2E",
		"..a":                    "..a",
		"ä":                      "=C3=A4",
		"\x00\xff":               "=00=FF",
		strings.Repeat("a", 100): strings.Repeat("a", 100),
		long:                     strings.Repeat("feature=2F", 6) + "featur==f1e917987243054adee201cedd914656",
		strings.Repeat(".", 40):  strings.Repeat("=2E", 22) + "==eec2e7703b7ff3ca60b810115a76a777",
	} {
		got := Segment(s)
		if got != want {
			t.Errorf("Segment(%q) = %q, want %q", s, got, want)
		}
		if !safe.MatchString(got) || len(got) > maxSegment {
			t.Errorf("Segment(%q) = %q, which no store takes", s, got)
		}
	}
	if a, b := Segment(long), Segment(long+"x"); a == b || len(a) != maxSegment || !strings.Contains(a, "==") {
		t.Errorf("Segment of two long texts = %q and %q, want different ones of %d bytes", a, b, maxSegment)
	}
}

func FuzzSegment(f *testing.F) {
	f.Add("main", "=6Dain")
	f.Add("..", "=2E=2E")
	f.Add(strings.Repeat("a", 101), strings.Repeat("a", 102))
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := Segment(a), Segment(b)
		if (a == b) != (x == y) || !safe.MatchString(x) || len(x) > maxSegment {
			t.Errorf("Segment(%q) = %q, Segment(%q) = %q", a, x, b, y)
		}
		at := time.UnixMilli(1_800_000_000_123).UTC()
		name := IndexName("v1/1", "local", at, a, b, Hash8(a), true)
		id, err := ParseIndexName(name)
		if err != nil || !id.Time.Equal(at) || id.Hash != Hash8(a) || !id.Checkpoint || len(name) > 512 {
			t.Errorf("ParseIndexName(%q) = %+v, %v", name, id, err)
		}
		if again := IndexName("v1/1", "local", at, b, a, Hash8(a), true); a != b && again == name {
			t.Errorf("run %q, job %q has the name of run %q, job %q", a, b, b, a)
		}
		ParseIndexName(a)
		ParsePackName(a)
		ParseProfileName(a)
	})
}

func TestNames(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	sum := keyOf("x")
	root := Root("acme app")
	if root != "v1/acme=20app" {
		t.Errorf("Root = %q", root)
	}
	name := PackName(root, "trusted/main", sum)
	if want := "v1/acme=20app/trusted/main/pack/" + sum.String(); name != want {
		t.Errorf("PackName = %q, want %q", name, want)
	}
	if r, s, k, err := ParsePackName(name); r != root || s != "trusted/main" || k != sum || err != nil {
		t.Errorf("ParsePackName(%q) = %q, %q, %v, %v", name, r, s, k, err)
	}
	name = IndexName(root, "pr/17", at, "4711-2", "build-linux (1, 2)", "0a1b2c3d", false)
	if want := "v1/acme=20app/pr/17/index/8299999999876-4711=2D2-build-linux=20=281=2C=202=29-0a1b2c3d"; name != want {
		t.Errorf("IndexName = %q, want %q", name, want)
	}
	want := IndexID{root, "pr/17", at, "4711=2D2", "build-linux=20=281=2C=202=29", "0a1b2c3d", false}
	if id, err := ParseIndexName(name); id != want || err != nil {
		t.Errorf("ParseIndexName(%q) = %+v, %v; want %+v", name, id, err, want)
	}
	want.Checkpoint = true
	if id, err := ParseIndexName(name + ".checkpoint"); id != want || err != nil {
		t.Errorf("ParseIndexName(%q) = %+v, %v; want %+v", name+".checkpoint", id, err, want)
	}
	name = ProfileName(root, "local", "ci build", at)
	if want := "v1/acme=20app/local/profile/ci=20build/8299999999876"; name != want {
		t.Errorf("ProfileName = %q, want %q", name, want)
	}
	if r, s, p, got, err := ParseProfileName(name); r != root || s != "local" || p != "ci=20build" || !got.Equal(at) || err != nil {
		t.Errorf("ParseProfileName(%q) = %q, %q, %q, %v, %v", name, r, s, p, got, err)
	}
	for _, prefix := range []string{IndexPrefix(root, "pr/17"), ProfilePrefix(root, "local", "ci build")} {
		if safe.MatchString(prefix) || !strings.HasSuffix(prefix, "/") {
			t.Errorf("prefix %q does not end a segment", prefix)
		}
	}
	// The longest names of all are ones that a store takes.
	long := strings.Repeat("ä", 500)
	scope := strings.Repeat("a", MaxScope)
	for _, name := range []string{
		IndexName(Root(long), scope, at, long, long, Hash8(long), true), ProfileName(Root(long), scope, long, at), PackName(Root(long), scope, sum),
	} {
		if len(name) > 512 {
			t.Errorf("a name of %d bytes: %q", len(name), name)
		}
	}
}

func TestNewestFirst(t *testing.T) {
	before := "~"
	for _, at := range []time.Time{{}, time.UnixMilli(0), time.UnixMilli(1), time.Unix(1_700_000_000, 0), time.Unix(1_700_000_000, 1e6), time.Date(2286, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		s := inverse(at)
		if len(s) != timeDigits || s > before || s == before && at.UnixMilli() > 0 {
			t.Errorf("inverse(%v) = %q behind %q, want less", at, s, before)
		}
		before = s
	}
}

func TestBadNames(t *testing.T) {
	sum := keyOf("x").String()
	for _, name := range []string{
		"", "/", "v1", "v1/1/local/pack", "v1/1/pack/" + sum, "v2/1/local/pack/" + sum, "v1/1/local/pack/" + sum + "/", "v1/1/local/pack/" + sum[1:],
		"v1/1/../pack/" + sum, "v1/../local/pack/" + sum, "v1//local/pack/" + sum, "v1/1//pack/" + sum, "v1/1/a/b/c/d/pack/" + sum,
		"v1/1/local/pack/" + strings.ToUpper(sum), "v1/1/lo cal/pack/" + sum, "v1/1/local/index/" + sum,
		"v1/1/local/index/8299999999876-1-a-0a1b2c3", "v1/1/local/index/8299999999876-1-a-0A1b2c3d", "v1/1/local/index/8299999999876-1-0a1b2c3d",
		"v1/1/local/index/8299999999876--a-0a1b2c3d", "v1/1/local/index/8299999999876-1--0a1b2c3d",
		"v1/1/local/index/829999999987-1-a-0a1b2c3d", "v1/1/local/index/+299999999876-1-a-0a1b2c3d", "v1/1/local/index/8299999999876-1-a/0a1b2c3d",
		"v1/1/local/index/8299999999876-1-a-0a1b2c3d.checkpoints", "v1/1/local/index/", "v1/1/local/index/-",
		"v1/1/local/profile/8299999999876", "v1/1/local/profile/../8299999999876", "v1/1/local/profile/a/829999999987x", "v1/1/local/profile/a/",
	} {
		if _, _, _, err := ParsePackName(name); err == nil {
			t.Errorf("ParsePackName(%q) is no error", name)
		}
		if id, err := ParseIndexName(name); err == nil || id != (IndexID{}) {
			t.Errorf("ParseIndexName(%q) = %+v, %v; want an error", name, id, err)
		}
		if _, _, _, _, err := ParseProfileName(name); err == nil {
			t.Errorf("ParseProfileName(%q) is no error", name)
		}
	}
}
