package bench

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/report"
)

//go:embed programs/replay.c
var replayProgram string

// Names of sides beside namePlain, namePlainCopy and nameCcwrap.
const (
	nameRoots   = "ccwrap, mapped paths" // COMPILE_CACHE_ROOTS=auto, for the case of another path
	nameSccache = "sccache"
	nameKache   = "kache"
	nameMbx     = "mbx"
	nameArchive = "archive" // of the pruned target directory
	nameReplay  = "replay"
)

// room is given to every cache that bounds itself: what none has room for it cannot hit.
const room = "100GiB"

// RustSides are the names by which sides are asked for, in the order of the report. All are called there as here, but for mapped, which
// is ours with mapped paths, for the case of another path only.
var RustSides = []string{namePlain, nameCcwrap, "mapped", nameSccache, nameKache, nameMbx, nameArchive, nameReplay}

// makeSides makes the sides that were asked for. A peer that is not there, or no compiler of C for the replay, is noted.
func (b *rustBench) makeSides(ctx context.Context) error {
	b.report.Versions.Peers = map[string]string{}
	makers := map[string]func(context.Context) (*side, error){
		namePlain: b.plainSide, nameCcwrap: b.ourSide, "mapped": b.rootsSide, nameArchive: b.archiveSide, nameReplay: b.replaySide,
		nameSccache: b.peer(nameSccache, b.sccacheSide), nameKache: b.peer(nameKache, b.kacheSide), nameMbx: b.peer(nameMbx, b.mbxSide),
	}
	for _, name := range RustSides {
		if !slices.Contains(b.o.Sides, name) {
			b.absent = append(b.absent, Absent{Case: "all", Variant: name, Why: "not asked for"})
			continue
		}
		s, err := makers[name](ctx)
		if err != nil {
			return err
		}
		if s != nil {
			b.sides = append(b.sides, s)
		}
	}
	return b.settle(ctx)
}

// peer makes another cache's side where its program is.
func (b *rustBench) peer(name string, make func(context.Context, string) (*side, error)) func(context.Context) (*side, error) {
	return func(ctx context.Context) (*side, error) {
		program := b.o.Peers[name]
		err := errors.New("not installed")
		if program != "" {
			err = isProgram(program)
		}
		if err != nil {
			b.absent = append(b.absent, Absent{Case: "all", Variant: name, Why: err.Error()})
			return nil, nil
		}
		b.report.Versions.Peers[name] = b.firstLine(ctx, program, "--version")
		return make(ctx, program)
	}
}

func (b *rustBench) plainSide(context.Context) (*side, error) {
	s, err := b.newSide(namePlain)
	if err == nil {
		s.argv = []string{b.cargo}
	}
	return s, err
}

// ourSide builds as the README says.
func (b *rustBench) ourSide(context.Context) (*side, error) {
	s, err := b.newSide(nameCcwrap)
	if err != nil {
		return nil, err
	}
	b.useOurs(s, filepath.Join(s.dir, "cache"), s.env)
	s.fresh = func(m *remoteAddress, dir string) (*side, error) {
		machine := s.machine(dir)
		bucket := fmt.Sprintf("COMPILE_CACHE_BUCKET=s3://%s/ours?endpoint=http://%s&region=%s&path-style=true&credentials=static", m.bucket, m.address, s3Region)
		b.useOurs(machine, filepath.Join(dir, "cache"), with(machine.env, append(m.env, bucket)...))
		return machine, machine.empty()
	}
	return s, nil
}

// rootsSide is for another path only.
func (b *rustBench) rootsSide(context.Context) (*side, error) {
	if !b.wants("path") {
		return nil, nil
	}
	s, err := b.newSide(nameRoots)
	if err != nil {
		return nil, err
	}
	b.useOurs(s, filepath.Join(s.dir, "cache"), with(s.env, "COMPILE_CACHE_ROOTS=auto"))
	s.only = kindPath
	return s, nil
}

func (b *rustBench) useOurs(s *side, dir string, env []string) {
	s.marks = append(s.marks, "COMPILE_CACHE_DIR="+dir) // a daemon of ours keeps little else
	s.argv = []string{b.program("compile-cache"), "run", "--quiet", "--", b.cargo}
	s.env = with(env, "COMPILE_CACHE_DIR="+dir, "COMPILE_CACHE_MAX_SIZE="+room, "COMPILE_CACHE_IDLE_TIMEOUT=24h")
	s.farewell = func() { b.ask(s, b.program("compile-cache"), "stop") }
	s.empty = func() error {
		s.hits = differences(func(context.Context) (int64, int64, error) {
			stats, err := report.ReadStats(dir, "", b.Now())
			if err != nil {
				return 0, 0, err
			}
			return stats.Outcomes.Hit, stats.Outcomes.Sum() - stats.Outcomes.Hit, nil
		})
		return emptied(s, dir)
	}
}

// emptied ends what runs for a side and makes its directory anew.
func emptied(s *side, dir string) error {
	s.stop()
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

// ask runs a program in the environment of a side, whatever it answers.
func (b *rustBench) ask(s *side, argv ...string) []byte {
	out, _ := b.output(context.Background(), job{argv: argv, env: s.env, dir: s.dir})
	return out
}

func (b *rustBench) sccacheSide(_ context.Context, program string) (*side, error) {
	s, err := b.newSide(nameSccache)
	if err != nil {
		return nil, err
	}
	b.useSccache(s, program, filepath.Join(s.dir, "cache"), s.env)
	s.fresh = func(m *remoteAddress, dir string) (*side, error) {
		machine := s.machine(dir)
		bucket, prefix, _ := strings.Cut(m.bucket, "/")
		b.useSccache(machine, program, filepath.Join(dir, "cache"), with(machine.env, append(m.env,
			"SCCACHE_BUCKET="+bucket, "SCCACHE_S3_KEY_PREFIX="+filepath.Join(prefix, nameSccache), "SCCACHE_ENDPOINT=http://"+m.address,
			"SCCACHE_REGION="+s3Region, "SCCACHE_S3_USE_SSL=false")...))
		return machine, machine.empty()
	}
	return s, nil
}

func (b *rustBench) useSccache(s *side, program, dir string, env []string) {
	s.argv = []string{b.cargo}
	s.env = with(env, "RUSTC_WRAPPER="+program, "SCCACHE_DIR="+filepath.Join(dir, "store"), "SCCACHE_CONF="+filepath.Join(dir, "config"),
		"SCCACHE_SERVER_UDS="+filepath.Join(dir, "socket"), "SCCACHE_CACHE_SIZE="+strings.TrimSuffix(room, "iB"), "SCCACHE_IDLE_TIMEOUT=0")
	s.farewell = func() { b.ask(s, program, "--stop-server") }
	s.empty = func() error {
		s.hits = differences(func(ctx context.Context) (int64, int64, error) {
			return sccacheHits(b.ask(s, program, "--show-stats", "--stats-format=json"))
		})
		if err := emptied(s, dir); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "config"), nil, 0o600)
	}
}

func sccacheHits(text []byte) (hits, others int64, err error) {
	var got struct {
		Stats struct {
			Requests int64 `json:"compile_requests"`
			Hits     struct {
				Counts map[string]int64 `json:"counts"`
			} `json:"cache_hits"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return 0, 0, fmt.Errorf("statistics of sccache: %w", err)
	}
	for _, n := range got.Stats.Hits.Counts {
		hits += n
	}
	return hits, got.Stats.Requests - hits, nil
}

func (b *rustBench) kacheSide(_ context.Context, program string) (*side, error) {
	s, err := b.newSide(nameKache)
	if err != nil {
		return nil, err
	}
	b.useKache(s, program, filepath.Join(s.dir, "cache"), "", s.env)
	s.fresh = func(m *remoteAddress, dir string) (*side, error) {
		machine := s.machine(dir)
		bucket, prefix, _ := strings.Cut(m.bucket, "/")
		// In the file, as a daemon that a build starts does not read variables about the remote.
		config := fmt.Sprintf("[cache.remote]\ntype = \"s3\"\nbucket = %q\nprefix = %q\nregion = %q\nendpoint = %q\n",
			bucket, filepath.Join(prefix, nameKache), s3Region, "http://"+m.address)
		b.useKache(machine, program, filepath.Join(dir, "cache"), config, with(machine.env, m.env...))
		return machine, machine.empty()
	}
	return s, nil
}

func (b *rustBench) useKache(s *side, program, dir, config string, env []string) {
	s.argv = []string{b.cargo}
	s.env = with(env, "RUSTC_WRAPPER="+program, "KACHE_CACHE_DIR="+filepath.Join(dir, "store"), "KACHE_RUNTIME_DIR="+filepath.Join(dir, "run"),
		"KACHE_CONFIG="+filepath.Join(dir, "config.toml"), "KACHE_HOST_CONFIG=", "KACHE_MAX_SIZE="+room)
	s.farewell = func() { b.ask(s, program, "daemon", "stop") }
	s.hits = func(context.Context, []byte) (int64, int64, error) {
		return kacheHits(b.ask(s, program, "stats", "--last-build", "--json"))
	}
	s.empty = func() error {
		if err := emptied(s, dir); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o600)
	}
}

func kacheHits(text []byte) (hits, others int64, err error) {
	var got struct {
		Report struct {
			Summary struct {
				Local        int64 `json:"local_hits"`
				Prefetch     int64 `json:"prefetch_hits"`
				Remote       int64 `json:"remote_hits"`
				Duplicates   int64 `json:"dups"`
				Misses       int64 `json:"misses"`
				Passthroughs int64 `json:"passthroughs"`
				Probes       int64 `json:"probes"`
				Skipped      int64 `json:"skipped"`
			} `json:"summary"`
		} `json:"report"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return 0, 0, fmt.Errorf("statistics of kache: %w", err)
	}
	s := got.Report.Summary
	return s.Local + s.Prefetch + s.Remote, s.Duplicates + s.Misses + s.Passthroughs + s.Probes + s.Skipped, nil
}

func (b *rustBench) mbxSide(_ context.Context, program string) (*side, error) {
	s, err := b.newSide(nameMbx)
	if err != nil {
		return nil, err
	}
	b.useMbx(s, program, filepath.Join(s.dir, "cache"), s.env)
	s.fresh = func(m *remoteAddress, dir string) (*side, error) {
		machine := s.machine(dir)
		b.useMbx(machine, program, filepath.Join(dir, "cache"), with(machine.env, append(m.env,
			"MBX_REMOTE_URL=s3://"+m.bucket+"/"+nameMbx, "MBX_REMOTE_NAMESPACE=bench", "MBX_REMOTE_TRUST_WRITES=true", "MBX_REMOTE_MODE=read-write",
			"MBX_REMOTE_S3_ENDPOINT=http://"+m.address, "MBX_REMOTE_S3_REGION="+s3Region, "MBX_REMOTE_S3_FORCE_PATH_STYLE=true")...))
		return machine, machine.empty()
	}
	return s, nil
}

// useMbx leaves the target directory where cargo has it: one that mbx manages outlives its removal here.
func (b *rustBench) useMbx(s *side, program, dir string, env []string) {
	s.argv = []string{program}
	s.env = with(env, "MBX_CACHE_DIR="+dir, "MBX_TARGET_VIEWS=false", "MBX_GC_AUTO=false")
	s.hits = func(_ context.Context, said []byte) (int64, int64, error) { return mbxHits(said) }
	s.empty = func() error { return emptied(s, dir) }
}

var mbxCounts = regexp.MustCompile(`(?:mbx\[cache\]: |, )(\d+) (hits?|miss(?:es)?|not looked up|bypass(?:es|ed)?)`)

// mbxHits reads the line that mbx says at the end of a build; where nothing was compiled there is none.
func mbxHits(said []byte) (hits, others int64, err error) {
	for _, m := range mbxCounts.FindAllSubmatch(said, -1) {
		n, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if strings.HasPrefix(string(m[2]), "hit") {
			hits += n
		} else {
			others += n
		}
	}
	return hits, others, nil
}

// replaySide is the floor: outputs are copied back by a static program that knows nothing.
func (b *rustBench) replaySide(ctx context.Context) (*side, error) {
	if b.gcc == "" {
		b.absent = append(b.absent, Absent{Case: "all", Variant: nameReplay, Why: "no gcc in PATH"})
		return nil, nil
	}
	s, err := b.newSide(nameReplay)
	if err != nil {
		return nil, err
	}
	b.suite.cc = b.gcc
	program, err := b.compileC(ctx, s.dir, nameReplay, replayProgram, "-static")
	if err != nil {
		return nil, err
	}
	store := filepath.Join(s.dir, "cache")
	s.argv, s.env = []string{b.cargo}, with(s.env, "RUSTC_WRAPPER="+program, "REPLAY_STORE="+store)
	s.empty = func() error { return emptied(s, store) }
	// It knows neither other sources nor other paths.
	for _, kind := range []string{kindMidKept, kindPath} {
		s.lacks[kind] = true
	}
	return s, nil
}
