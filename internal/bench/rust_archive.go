package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archiveSide restores a target directory from one file: what the action rust-cache does. From the directory it keeps what
// belongs to packages from registries, by its rules: of each profile build, .fingerprint and deps, and in these what is named as a
// package or one of its targets is, up to the last dash. The file is written and read by tar with zstd on all cores, as the
// cache of the hosted runners does.
func (b *rustBench) archiveSide(context.Context) (*side, error) {
	s, err := b.newSide(nameArchive)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"tar", "zstd"} {
		if b.lookPath(name) == "" {
			b.absent = append(b.absent, Absent{Case: "all", Variant: nameArchive, Why: "no " + name + " in PATH"})
			return nil, nil
		}
	}
	a := &archive{bench: b, file: filepath.Join(s.dir, "target.tar.zst"), list: filepath.Join(s.dir, "kept")}
	s.argv = []string{b.cargo}
	s.after = func(ctx context.Context) (Sample, error) { return a.pack(ctx, s.checkout) }
	s.restore = a.unpack
	s.fresh = func(m *remoteAddress, dir string) (*side, error) {
		machine := s.machine(dir)
		machine.argv, machine.env = s.argv, with(s.env, machine.marks[0])
		machine.restore = func(ctx context.Context, checkout string) (Sample, error) {
			got := &archive{bench: b, file: filepath.Join(dir, "target.tar.zst")}
			began := b.Now()
			if err := m.download(ctx, a.file, got.file); err != nil {
				return Sample{}, err
			}
			took := b.Now().Sub(began)
			sample, err := got.unpack(ctx, checkout)
			sample.Wall += took
			return sample, err
		}
		return machine, os.MkdirAll(dir, 0o755)
	}
	return s, nil
}

type archive struct {
	bench      *rustBench
	file, list string
}

// pack writes the archive of a checkout's target directory.
func (a *archive) pack(ctx context.Context, checkout string) (Sample, error) {
	names, err := a.packages(ctx, checkout)
	if err != nil {
		return Sample{}, err
	}
	kept, err := keptOfTarget(checkout, "target", names)
	if err != nil {
		return Sample{}, err
	}
	if err := os.WriteFile(a.list, []byte(strings.Join(kept, "\x00")+"\x00"), 0o644); err != nil {
		return Sample{}, err
	}
	b := a.bench
	sample, err := b.run(ctx, job{
		argv: []string{"tar", "--posix", "-cf", a.file, "--use-compress-program", "zstd -T0", "-C", checkout, "--null", "-T", a.list}, env: b.env, dir: checkout,
	})
	if err != nil {
		return Sample{}, err
	}
	fi, err := os.Stat(a.file)
	if err == nil {
		b.note(kindFirst, nameArchive+": its size in MB", float64(fi.Size())/1e6)
	}
	return sample, err
}

func (a *archive) unpack(ctx context.Context, checkout string) (Sample, error) {
	return a.bench.run(ctx, job{
		argv: []string{"tar", "-xf", a.file, "--use-compress-program", "zstd -d", "-C", checkout}, env: a.bench.env, dir: checkout,
	})
}

// keptNames are the names by which files of kept packages are known.
type keptNames struct{ packages, deps []string }

// packages asks cargo for the packages that come from registries.
func (a *archive) packages(ctx context.Context, checkout string) (*keptNames, error) {
	b := a.bench
	out, err := b.output(ctx, job{argv: []string{b.cargo, "metadata", "--format-version=1"}, env: b.env, dir: checkout})
	if err != nil {
		return nil, err
	}
	var got struct {
		Packages []struct {
			Name    string  `json:"name"`
			Source  *string `json:"source"` // null: a path
			Targets []struct {
				Name string `json:"name"`
			} `json:"targets"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("cargo metadata: %w", err)
	}
	k := &keptNames{}
	for _, p := range got.Packages {
		if p.Source == nil {
			continue
		}
		k.packages = append(k.packages, p.Name)
		all := []string{p.Name}
		for _, t := range p.Targets {
			all = append(all, t.Name)
		}
		for _, name := range all {
			name = strings.ReplaceAll(name, "-", "_")
			k.deps = append(k.deps, name, "lib"+name)
		}
	}
	return k, nil
}

// keptOfTarget lists what is kept of a target directory, relative to root.
func keptOfTarget(root, dir string, names *keptNames) (kept []string, err error) {
	list, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		switch {
		case !e.IsDir():
			if e.Name() == "CACHEDIR.TAG" {
				kept = append(kept, path)
			}
		case isProfile(filepath.Join(root, path)):
			for part, wanted := range map[string][]string{"build": names.packages, ".fingerprint": names.packages, "deps": names.deps} {
				more, err := keptOfPart(root, filepath.Join(path, part), wanted)
				if err != nil {
					return nil, err
				}
				kept = append(kept, more...)
			}
		default: // of a cross target
			more, err := keptOfTarget(root, path, names)
			if err != nil {
				return nil, err
			}
			kept = append(kept, more...)
		}
	}
	slices.Sort(kept)
	return kept, nil
}

func isProfile(dir string) bool {
	for _, name := range []string{".fingerprint", "deps"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

func keptOfPart(root, dir string, wanted []string) (kept []string, err error) {
	list, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, e := range list {
		name := e.Name()
		if i := strings.LastIndexByte(name, '-'); i >= 0 {
			name = name[:i]
		}
		if slices.Contains(wanted, name) {
			kept = append(kept, filepath.Join(dir, e.Name()))
		}
	}
	return kept, nil
}

// rustOutputs lists the files of a target directory that a cache stores: what rustc wrote.
func rustOutputs(checkout string) (names []string, err error) {
	err = filepath.WalkDir(filepath.Join(checkout, "target"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		dir := filepath.Dir(path)
		script := filepath.Base(filepath.Dir(dir)) == "build" && strings.HasPrefix(d.Name(), "build_script")
		if filepath.Base(dir) == "deps" || script {
			name, err := filepath.Rel(checkout, path)
			names = append(names, name)
			return err
		}
		return nil
	})
	return names, err
}
