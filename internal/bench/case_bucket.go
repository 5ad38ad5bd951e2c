package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/report"
)

// Names of variants on a second machine.
const (
	localWarm     = "ccwrap, local warm"
	localNext     = "ccwrap, local warm, new daemon"
	localAndHash  = "local warm + hash"             // and a hash of the outputs by all cores: bytes from elsewhere have to be checked
	localNextHash = "local warm, new daemon + hash" // the same, of one that starts as a fresh runner's does

	machineOne = "machine one" // which publishes
)

func fromBucket(roundTrip time.Duration) string {
	return fmt.Sprintf("ccwrap, bucket at %d ms", roundTrip.Milliseconds())
}

func fromRemote(roundTrip time.Duration) string {
	return fmt.Sprintf("ccache, HTTP at %d ms", roundTrip.Milliseconds())
}

// bucketCase builds on one machine into a bucket, and on others, which have nothing, from it.
type bucketCase struct {
	*builder
	c     *Case
	s3    *s3Server
	local *machine
	hash  time.Duration // of all outputs, by all cores

	toBucket map[time.Duration]*link
	remote   *httpStore // of ccache; nil where it takes no part
	toRemote map[time.Duration]*link

	counts map[string][]float64 // numbers of rounds, by name
	units  map[string]string
}

// bucket measures a build on a fresh runner that finds everything in the bucket.
func (s *suite) bucket(ctx context.Context) (*Case, error) {
	own := *s
	own.Project.Files, own.Project.AllCXX = s.BucketFiles, true
	b := &bucketCase{
		builder:  &builder{suite: &own, name: "bucket", dir: s.Project.Dir, samples: map[string][]Sample{}, differing: map[string]int{}},
		c:        &Case{What: "a build on a fresh runner, all of it in the bucket", Rounds: s.BuildRounds, Settings: map[string]any{}},
		toBucket: map[time.Duration]*link{}, toRemote: map[time.Duration]*link{}, counts: map[string][]float64{}, units: map[string]string{},
	}
	defer b.close()
	if err := b.prepareCase(ctx); err != nil {
		return nil, err
	}
	turns := []func(context.Context, int) error{b.turnPlain, b.turnLocal, b.turnNext}
	for _, roundTrip := range s.RoundTrips {
		turns = append(turns, func(ctx context.Context, round int) error { return b.turnBucket(ctx, round, roundTrip) })
		if b.remote != nil {
			turns = append(turns, func(ctx context.Context, round int) error { return b.turnRemote(ctx, round, roundTrip) })
		}
	}
	for round := range s.BuildRounds {
		for i := range turns {
			if err := turns[(round+i)%len(turns)](ctx, round); err != nil {
				return nil, err
			}
		}
		s.say("  round %d of %d", round+1, s.BuildRounds)
	}
	b.summarize()
	return b.c, nil
}

func (b *bucketCase) close() {
	if b.local != nil {
		b.local.quit()
	}
	for _, l := range b.toBucket {
		l.close()
	}
	for _, l := range b.toRemote {
		l.close()
	}
	if b.remote != nil {
		b.remote.close()
	}
	if b.s3 != nil {
		b.s3.stop()
	}
}

// prepareCase starts the servers and fills all that the rounds find warm.
func (b *bucketCase) prepareCase(ctx context.Context) (err error) {
	if err := b.makeProject(b.c); err != nil {
		return err
	}
	if err := b.makeLinks(ctx); err != nil {
		return err
	}
	if b.s3, err = b.findS3(ctx); err != nil {
		return err
	}
	b.c.Settings["server"] = b.s3.name
	for _, roundTrip := range b.RoundTrips {
		if b.toBucket[roundTrip], err = newLink(b.s3.address, roundTrip); err != nil {
			return err
		}
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.warmUp(ctx); err != nil {
		return err
	}
	b.c.Settings["page cache"] = "kept"
	if b.DropCaches {
		if err := dropCaches(); err != nil {
			b.DropCaches = false
			b.say("  the page cache is kept: %v", err)
		} else {
			b.c.Settings["page cache"] = "dropped before each build"
		}
	}
	if b.hash, err = b.hashOutputs(); err != nil {
		return err
	}
	if err := b.publish(ctx); err != nil {
		return fmt.Errorf("%s: %w", machineOne, err)
	}
	if b.local, err = b.newMachine(nil, b.name, "local"); err != nil {
		return err
	}
	if _, err := b.buildOn(ctx, b.local); err != nil {
		return fmt.Errorf("fill the local cache: %w", err)
	}
	if b.ccache == "" {
		return nil
	}
	return b.fillRemote(ctx)
}

// hashOutputs is the time that the hashes of all outputs take on all cores.
func (b *bucketCase) hashOutputs() (time.Duration, error) {
	var all [][]byte
	for _, name := range b.outputs {
		content, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil {
			return 0, err
		}
		all = append(all, content)
	}
	began := b.Now()
	for _, content := range all {
		sha256.Sum256(content)
	}
	return b.Now().Sub(began) / time.Duration(b.report.Machine.Cores), nil
}

// settings are those of a machine that uses the bucket over a link.
func (b *bucketCase) settings(roundTrip time.Duration) []string {
	return append([]string{fmt.Sprintf("COMPILE_CACHE_BUCKET=s3://%s?endpoint=http://%s&region=%s&path-style=true&credentials=static",
		b.s3.bucket, b.toBucket[roundTrip].address(), s3Region)}, b.s3.env...)
}

// buildOn builds once on a machine, from a clean tree and a cold page cache.
func (b *bucketCase) buildOn(ctx context.Context, m *machine) (Sample, error) {
	if err := b.clear(ctx); err != nil {
		return Sample{}, err
	}
	return m.measure(ctx, job{argv: b.build, env: infront(m.env, b.shims), dir: b.dir})
}

// clear removes what the last build left, in memory too.
func (b *bucketCase) clear(ctx context.Context) error {
	if err := b.makeClean(ctx); err != nil || !b.DropCaches {
		return err
	}
	return dropCaches()
}

// note keeps a number of this round, of which the median is told.
func (b *bucketCase) note(name string, value float64, unit string) {
	b.counts[name] = append(b.counts[name], value)
	b.units[name] = unit
}

func (b *bucketCase) noteTraffic(who string, s *report.Stats) {
	b.note(who+": GET", float64(s.Requests.Get), "requests")
	b.note(who+": LIST", float64(s.Requests.List), "requests")
	b.note(who+": PUT", float64(s.Requests.Put), "requests")
	b.note(who+": downloaded", float64(s.Bytes.Downloaded)/1e6, "MB")
	b.note(who+": uploaded", float64(s.Bytes.Uploaded)/1e6, "MB")
}

// publish builds on the first machine, whose cache is empty, next to the bucket.
func (b *bucketCase) publish(ctx context.Context) error {
	m, err := b.newMachine(b.settings(b.RoundTrips[0]), b.name, "one")
	if err != nil {
		return err
	}
	defer m.quit()
	built, err := b.buildOn(ctx, m)
	if err != nil {
		return err
	}
	b.note(machineOne+": build", milliseconds(built.Wall), "ms")
	return b.leave(ctx, machineOne, m)
}

// leave stops a machine and notes what it did over its life.
func (b *bucketCase) leave(ctx context.Context, who string, m *machine) error {
	took, err := m.stop(ctx)
	if err != nil {
		return err
	}
	s, err := m.stats()
	if err != nil {
		return err
	}
	if who != machineOne && s.HitsByTier.Bucket == 0 {
		return fmt.Errorf("%s: no hit came from the bucket, so this measures something else: %+v, problems %v", who, s.Outcomes, problems(s))
	}
	b.note(who+": stop", milliseconds(took), "ms")
	b.note(who+": hits from the bucket", float64(s.HitsByTier.Bucket), "compiles")
	b.note(who+": other hits and misses", float64(s.Outcomes.Hit+s.Outcomes.Miss-s.HitsByTier.Bucket), "compiles")
	b.noteTraffic(who, s)
	for _, p := range problems(s) {
		b.say("  %s: %s", who, p)
	}
	return nil
}

// problems are those that the tiers beyond a machine met.
func problems(s *report.Stats) (list []string) {
	for _, t := range s.Storage {
		for _, p := range t.Problems {
			list = append(list, fmt.Sprintf("%s, %d times: %s", t.Tier, p.Count, p.Text))
		}
	}
	return list
}

func (b *bucketCase) turnPlain(ctx context.Context, round int) error {
	if err := b.clear(ctx); err != nil {
		return err
	}
	sample, err := b.run(ctx, job{argv: b.build, env: b.env, dir: b.dir})
	if err != nil {
		return err
	}
	b.keep(namePlain, round, sample)
	return nil
}

func (b *bucketCase) turnLocal(ctx context.Context, round int) error {
	if b.local.pid == 0 {
		if err := b.local.start(ctx); err != nil {
			return err
		}
	}
	return b.fromLocal(ctx, round, localWarm, localAndHash)
}

func (b *bucketCase) turnNext(ctx context.Context, round int) error {
	if _, err := b.local.stop(ctx); err != nil {
		return err
	}
	return b.fromLocal(ctx, round, localNext, localNextHash)
}

func (b *bucketCase) fromLocal(ctx context.Context, round int, name, withHash string) error {
	sample, err := b.buildOn(ctx, b.local)
	if err != nil {
		return err
	}
	b.keep(name, round, sample)
	sample.Wall += b.hash
	sample.CPU += b.hash * time.Duration(b.report.Machine.Cores)
	b.keep(withHash, round, sample)
	return b.compareOutputs(name)
}

// turnBucket builds on a machine that has nothing.
func (b *bucketCase) turnBucket(ctx context.Context, round int, roundTrip time.Duration) error {
	m, err := b.newMachine(b.settings(roundTrip), b.name, "two")
	if err != nil {
		return err
	}
	defer m.quit()
	name := fromBucket(roundTrip)
	sample, err := b.buildOn(ctx, m)
	if err != nil {
		return err
	}
	b.keep(name, round, sample)
	if err := b.compareOutputs(name); err != nil {
		return err
	}
	return b.leave(ctx, name, m)
}

func (b *bucketCase) summarize() {
	names := []string{namePlain, localWarm, localAndHash, localNext, localNextHash}
	for _, roundTrip := range b.RoundTrips {
		names = append(names, fromBucket(roundTrip), fromRemote(roundTrip))
	}
	b.c.setVariants(names, b.samples)
	for _, roundTrip := range b.RoundTrips {
		for _, against := range []string{localAndHash, localNextHash, namePlain, fromRemote(roundTrip)} {
			b.c.compare(fromBucket(roundTrip), against)
		}
		b.c.compare(fromRemote(roundTrip), namePlain)
	}
	b.c.compare(localWarm, namePlain)
	b.c.add("outputs", float64(len(b.outputs)), "files")
	b.c.add("hash of them, by all cores", milliseconds(b.hash), "ms")
	for _, name := range names {
		if n := b.differing[name]; n > 0 {
			b.c.add(name+": outputs that differ from plain", float64(n), "files")
		}
	}
	numbers := make([]string, 0, len(b.counts))
	for name := range b.counts {
		numbers = append(numbers, name)
	}
	slices.Sort(numbers)
	for _, name := range numbers {
		b.c.add(name, median(b.counts[name]), b.units[name])
	}
}
