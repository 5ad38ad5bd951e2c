package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// edit is one change of one source file.
type edit struct{ file, kept, clean string }

// commitTurn measures what follows an edit of a leaf and of a crate amid the graph, from a target directory that is built. Every
// edit is another, so no cache knows it. Plain builds are measured with the target kept only: without it they are as any other.
func (b *rustBench) commitTurn(ctx context.Context, s *side, round int) error {
	var edits []edit
	if b.o.Leaf != "" {
		edits = append(edits, edit{b.o.Leaf, kindLeafKept, kindLeafClean})
	}
	if b.o.Mid != "" {
		edits = append(edits, edit{b.o.Mid, kindMidKept, kindMidClean})
	}
	for i, e := range edits {
		if i > 0 {
			// All as it was, built.
			if _, _, err := b.build(ctx, s, s.checkout, s.env); err != nil {
				return err
			}
		}
		if err := b.edited(ctx, s, e.kept, e.file, round, false); err != nil {
			return err
		}
	}
	if s.name == namePlain {
		return nil
	}
	for _, e := range edits {
		if err := b.clean(s.checkout); err != nil {
			return err
		}
		if err := b.edited(ctx, s, e.clean, e.file, round, true); err != nil {
			return err
		}
	}
	return nil
}

// edited appends a function to a file, builds, and puts the file back as it was.
func (b *rustBench) edited(ctx context.Context, s *side, kind, file string, round int, restored bool) (err error) {
	path := filepath.Join(s.checkout, file)
	was, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b.edits++
	text := fmt.Sprintf("%s\n/// A function that nobody calls.\n#[allow(dead_code)]\npub fn bench_edit_%d() -> u64 {\n    %d\n}\n", was, b.edits, b.edits)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	defer func() {
		if e := os.WriteFile(path, was, 0o644); err == nil {
			err = e
		}
	}()
	// Files as young as the build are nobody's usual case, and caches look at them twice.
	if err := b.settle(ctx); err != nil {
		return err
	}
	if b.DropCaches && restored {
		if err := dropCaches(); err != nil {
			return err
		}
	}
	if _, _, err := b.takeHits(ctx, s); err != nil {
		return err
	}
	return b.measured(ctx, s, kind, s.checkout, round, restored)
}

// takeHits forgets the hits of builds that are not measured.
func (b *rustBench) takeHits(ctx context.Context, s *side) (int64, int64, error) {
	if s.hits == nil {
		return 0, 0, nil
	}
	return s.hits(ctx, nil)
}
