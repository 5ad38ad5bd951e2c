package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// copyPlain adds a bare copy of the outputs to a plain first build, which any cache has to make, and once measures what it
// takes to unpack and hash them, which no fresh machine is spared.
func (b *rustBench) copyPlain(ctx context.Context, s *side, round int, built Sample) (err error) {
	if b.outputs, err = rustOutputs(s.checkout); err != nil {
		return err
	}
	if len(b.outputs) == 0 {
		return errors.New("the build left no outputs in target")
	}
	to, err := b.directory(filepath.Base(s.dir), "copy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(to)
	list := filepath.Join(s.dir, "outputs")
	if err := os.WriteFile(list, []byte(strings.Join(b.outputs, "\x00")+"\x00"), 0o644); err != nil {
		return err
	}
	copied, err := b.run(ctx, job{argv: []string{"xargs", "-0", "-a", list, "cp", "--parents", "-t", to}, env: b.env, dir: s.checkout})
	if err != nil {
		return err
	}
	b.keep(kindFirst, &side{name: namePlainCopy}, round, Sample{Wall: built.Wall + copied.Wall, CPU: built.CPU + copied.CPU})
	if b.unpack > 0 {
		return nil
	}
	b.unpack, err = b.unpackAndHash(ctx, s, list)
	return err
}

// unpackAndHash is the time that all cores take to decompress the outputs and hash them.
func (b *rustBench) unpackAndHash(ctx context.Context, s *side, list string) (time.Duration, error) {
	var size int64
	began := b.Now()
	for _, name := range b.outputs {
		n, err := hashFile(filepath.Join(s.checkout, name))
		if err != nil {
			return 0, err
		}
		size += n
	}
	cpu := b.Now().Sub(began)
	b.more = append(b.more, Number{"outputs that a cache stores", float64(len(b.outputs)), "files"}, Number{"all of them", round(float64(size) / 1e6), "MB"})
	if b.lookPath("zstd") != "" {
		packed := filepath.Join(s.dir, "outputs.tar.zst")
		defer os.Remove(packed)
		if _, err := b.run(ctx, job{
			argv: []string{"tar", "-cf", packed, "--use-compress-program", "zstd -1 -T0", "--null", "-T", list}, env: b.env, dir: s.checkout,
		}); err != nil {
			return 0, err
		}
		unpacked, err := b.run(ctx, job{argv: []string{"zstd", "-q", "-t", packed}, env: b.env, dir: s.dir})
		if err != nil {
			return 0, err
		}
		cpu += unpacked.CPU
	}
	took := cpu / time.Duration(b.report.Machine.Cores)
	b.more = append(b.more, Number{"unpack and hash of them, by all cores", milliseconds(took), "ms"})
	return took, nil
}

func hashFile(path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return io.Copy(sha256.New(), file)
}

// measureWrapper calls ccwrap for one small crate, which the cache has, again and again.
func (b *rustBench) measureWrapper(ctx context.Context) (*Case, error) {
	s, err := b.newSide("wrapper calls")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	b.useOurs(s, filepath.Join(s.dir, "cache"), s.env)
	if err := s.empty(); err != nil {
		return nil, err
	}
	dir, err := b.directory("unit")
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "target")
	if err := os.Mkdir(out, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "lib.rs"), []byte("pub fn one() -> u32 {\n    1\n}\n"), 0o644); err != nil {
		return nil, err
	}
	if err := b.settle(ctx); err != nil {
		return nil, err
	}
	rustc, err := b.output(ctx, job{argv: []string{"rustc", "--print=sysroot"}, env: s.env, dir: dir})
	if err != nil {
		return nil, err
	}
	call := job{env: s.env, dir: dir, argv: []string{
		b.program("ccwrap"), filepath.Join(strings.TrimSpace(string(rustc)), "bin", "rustc"), "--crate-name", "unit", "--edition=2021", "lib.rs",
		"--error-format=json", "--json=diagnostic-rendered-ansi,artifacts,future-incompat", "--crate-type", "lib", "--emit=dep-info,metadata,link",
		"-C", "embed-bitcode=no", "-C", "debuginfo=2", "-C", "metadata=0123456789abcdef", "-C", "extra-filename=-0123456789abcdef", "--out-dir", out,
		"-L", "dependency=" + out,
	}}
	nothing := job{argv: []string{"/bin/true"}, env: s.env, dir: dir}
	for range 2 {
		if _, err := b.run(ctx, call); err != nil {
			return nil, err
		}
	}
	if _, _, err := b.takeHits(ctx, s); err != nil {
		return nil, err
	}
	samples := map[string][]Sample{}
	for round := range b.o.Calls {
		for name, j := range map[string]job{nameNothing: nothing, nameCcwrap: call} {
			sample, err := b.run(ctx, j)
			if err != nil {
				return nil, err
			}
			sample.Round = round
			samples[name] = append(samples[name], sample)
		}
	}
	hits, others, err := s.hits(ctx, nil)
	if err != nil {
		return nil, err
	}
	if hits != int64(b.o.Calls) || others != 0 {
		return nil, fmt.Errorf("%d of %d calls were hits: this measures something else", hits, b.o.Calls)
	}
	c := &Case{Name: kindWrapper, What: "CPU of one call of ccwrap, a hit, without the daemon's", Rounds: b.o.Calls, Settings: map[string]any{}}
	c.setVariants([]string{nameNothing, nameCcwrap}, samples)
	return c, nil
}
