package objectstest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// badNames are refused, whoever asks for what.
var badNames = []string{"", "/", "/a", "a/", "a//b", ".", "..", "../x", "a/../b", "a/./b", "a\\b", "a b", "a\x00b", "ä", "a?b", "a%2fb", "a:b",
	strings.Repeat("a", objects.MaxName+1)}

func runNames(t *testing.T, s objects.Store) {
	long := strings.Repeat(strings.Repeat("d", 99)+"/", 5) + "0123456789ab"
	for _, name := range []string{"-._=", "...a", "=", long} {
		mustPut(t, s, name, name)
		if got, err := Read(t.Context(), s, name, 0, -1); err != nil || got != name {
			t.Errorf("Get(%.20s) = %.20q, %v; want it", name, got, err)
		}
	}
	for _, name := range badNames {
		_, putErr := Put(t.Context(), s, name, "x")
		_, getErr := s.Get(t.Context(), name, 0, -1)
		for op, err := range map[string]error{"Put": putErr, "Get": getErr} {
			if err == nil || errors.Is(err, objects.ErrNotFound) {
				t.Errorf("%s(%.40q) = %v, want an error that is not ErrNotFound", op, name, err)
			}
		}
	}
	for _, prefix := range []string{"/", "../", "a//", "a/../b", "a b", "\x00", strings.Repeat("a", objects.MaxName+1)} {
		if _, err := s.List(t.Context(), prefix, "", 10); err == nil {
			t.Errorf("List(%.40q) = nil, want an error", prefix)
		}
	}
	for _, limit := range []int{-1, 0, objects.MaxList + 1} {
		if _, err := s.List(t.Context(), "", "", limit); err == nil {
			t.Errorf("List of %d = nil, want an error", limit)
		}
	}
}

// orderNames are in byte order, which is not the order of a directory's walk.
var orderNames = []string{"a-b/x", "a.b/x", "a.c", "a/-", "a/b-/y", "a/b./y", "a/b/c/d", "a/b/c0", "a/b0", "a/ba/x", "a0", "a=/x", "aA", "a_", "aa/x", "ab"}

func runOrder(t *testing.T, s objects.Store) {
	for _, i := range []int{7, 0, 15, 3, 9, 12, 1, 14, 5, 2, 11, 4, 13, 6, 10, 8} {
		mustPut(t, s, orderNames[i], orderNames[i])
	}
	boundaries := append([]string{"", "a", "a/", "a/b", "a/b/", "a/b/c", "a/b/c/", "a.", "a/b/c/d", "a/b/c/d/e", "a/c", "aa", "b", "a/b/zz", "0"}, orderNames...)
	for _, prefix := range boundaries {
		for _, after := range boundaries {
			for _, limit := range []int{1, 3, objects.MaxList} {
				want := objects.Listing{}
				for _, name := range orderNames {
					switch {
					case !strings.HasPrefix(name, prefix) || name <= after:
					case len(want.Objects) == limit:
						want.More = true
					default:
						want.Objects = append(want.Objects, objects.Object{Name: name, Size: int64(len(name))})
					}
				}
				got, err := s.List(t.Context(), prefix, after, limit)
				if err != nil {
					t.Fatalf("List(%q, %q, %d) = %v", prefix, after, limit, err)
				}
				got.Time = time.Time{}
				if len(got.Objects) == 0 {
					got.Objects = nil
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("List(%q, %q, %d), -want +got:\n%s", prefix, after, limit, diff)
				}
			}
		}
	}
}
