package bucket

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// Two machines publish to one scope at once, some of it the same: nothing is lost.
func TestTwoPublishersAtOnce(t *testing.T) {
	all, _ := units(t)
	p, _ := s3Place(t)
	plainly(t, noEdit)
	plainly(t, newMain)
	dirs := []string{filepath.Join(directory(t), "checkout"), filepath.Join(directory(t), "checkout")}
	t.Run("both", func(t *testing.T) {
		for i, e := range []edit{noEdit, newMain} {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				newMachine(t, p.url).with(p.keys...).build(push(t, 1+i), dirs[i], e)
			})
		}
	})
	bucket := strings.TrimPrefix(strings.Split(p.url, "/some")[0], "s3://")
	indexes, records := complete(t, gateway(t), bucket, "some/prefix/")
	if indexes < 2 || records == 0 {
		t.Errorf("%d indexes with %d records, want one of each machine", indexes, records)
	}
	m := newMachine(t, p.url).with(p.keys...)
	for i, e := range []edit{noEdit, newMain} {
		m.build(push(t, 3), dirs[i], e)
	}
	s := m.stats()
	if s.Outcomes["miss"] > 0 || s.HitsByTier["bucket"] < all+1 {
		t.Errorf("outcomes %v, hits %v, want no miss", s.Outcomes, s.HitsByTier)
	}
}

// The daemon is killed in the midst of publishing, again and again: the bucket stays readable and complete, no build notices,
// and what lay ready for upload is published by the next daemon.
func TestKilledPublishersLeaveACompleteBucket(t *testing.T) {
	const rounds = 50
	random := seeded(t)
	p, f := s3Place(t)
	project := newSmall(t, filepath.Join(directory(t), "src"), "kill", rounds)
	want := project.plainly(t)
	one := newMachine(t, p.url).with(p.keys...)
	bucket := strings.TrimPrefix(strings.Split(p.url, "/some")[0], "s3://")

	ready := map[string]bool{} // objects that lay on the machine's disk when it was killed
	kills, took, moments := 0, 300*time.Millisecond, map[string]int{}
	for round := range rounds {
		part := &small{project.dir, project.files[round : round+1]}
		object := strings.TrimSuffix(part.files[0], ".c") + ".o"
		expect := &result{outputs: map[string]string{object: want.outputs[object]}}
		killed := round%5 == 4 // else when the request comes
		fault := moment(random, one)
		asked := len(f.Requests())
		if killed {
			time.AfterFunc(time.Duration(random.Int64N(int64(took)+1)), one.kill)
		} else {
			f.Play(fault)
		}
		r := part.build(one, push(t, 1+round), expect)
		took = r.took
		f.Play()
		if fault.Fired() > 0 {
			kills++
			for _, r := range f.Requests()[asked:] {
				if r.Fault == fault.Name {
					moments[strings.Split(r.Path, "/")[8]]++
				}
			}
			ready[object] = true
		}
		if t.Failed() {
			t.Fatalf("round %d: %s", round, r.stderr)
		}
		one.kill()
		if round%10 == 9 {
			complete(t, gateway(t), bucket, "some/prefix/")
		}
	}
	t.Logf("%d of %d daemons were killed by a request: %v", kills, rounds, moments)
	if kills < rounds/2 {
		t.Errorf("only %d of %d daemons were killed by a request", kills, rounds)
	}

	last := &small{project.dir, project.files[:1]}
	object := strings.TrimSuffix(last.files[0], ".c") + ".o"
	j := push(t, 1+rounds)
	last.build(one, j, &result{outputs: map[string]string{object: want.outputs[object]}})
	if r := one.command(j, "stop"); r.status != 0 {
		t.Errorf("stop: status %d: %s", r.status, r.stderr)
	}
	indexes, records := complete(t, gateway(t), bucket, "some/prefix/")
	t.Logf("%d indexes, %d records", indexes, records)

	two := newMachine(t, p.url).with(p.keys...).with("COMPILE_CACHE_READONLY", "1")
	project.build(two, push(t, 2+rounds), want)
	hits := two.stats().HitsByTier["bucket"]
	t.Logf("machine two hits %d of %d", hits, rounds)
	if hits < len(ready) {
		t.Errorf("%d hits, although %d results lay ready for upload when the daemon was killed", hits, len(ready))
	}
}

// moment kills a machine's daemons at a random moment of a put: of the first pack or the second, of an index, of a profile.
func moment(random *rand.Rand, m *machine) *realm.Fault {
	fault := realm.Interrupt(realm.Moment(random.IntN(3)), m.kill)
	what := []string{"/pack/", "/pack/", "/index/", "/index/", "/profile/"}[random.IntN(5)]
	if what == "/pack/" {
		fault.Pass = int64(random.IntN(2))
	}
	fault.Only = func(r *realm.Request) bool { return r.Kind() == "put" && strings.Contains(r.Path, what) }
	return fault
}

// What a job could not upload at all is published by the next daemon, even though that one compiles nothing.
func TestLeftoversArePublishedByTheNextDaemon(t *testing.T) {
	const files = 3
	p, f := s3Place(t)
	project := newSmall(t, filepath.Join(directory(t), "src"), "left", files)
	want := project.plainly(t)
	one := newMachine(t, p.url).with(p.keys...)
	fault := only("put", realm.Broken())
	f.Play(fault)
	r := project.build(one, push(t, 1), want)
	checkWarnings(t, r, `500.*InternalError`)
	if fault.Fired() == 0 {
		t.Error("the fault never fired")
	}
	one.kill()
	f.Play()

	j := push(t, 2)
	one.command(j, "start")
	if r := one.command(j, "stop"); r.status != 0 {
		t.Errorf("stop: status %d: %s", r.status, r.stderr)
	}
	two := newMachine(t, p.url).with(p.keys...)
	project.build(two, push(t, 3), want)
	two.stats().outcomes(t, map[string]int{"bucket": files}, 0)
}

// What a pull request left behind is never published by a daemon of main, which would make it trusted.
func TestLeftoversOfPullRequestsAreNotTrusted(t *testing.T) {
	p, f := s3Place(t)
	project := newSmall(t, filepath.Join(directory(t), "src"), "evil", 2)
	want := project.plainly(t)
	one := newMachine(t, p.url).with(p.keys...)
	fault := only("put", realm.Broken())
	f.Play(fault)
	project.build(one, pull(t, 7, 1), want)
	if fault.Fired() == 0 {
		t.Error("the fault never fired")
	}
	one.kill()
	f.Play()
	j := push(t, 2)
	good := newSmall(t, filepath.Join(directory(t), "src"), "good", 1)
	good.build(one, j, good.plainly(t))
	one.command(j, "stop")
	for name := range scopes(p.names()) {
		if !strings.HasPrefix(name, realm.RepositoryID+"/trusted/main ") {
			t.Errorf("a job of main published %s", name)
		}
	}
	two := newMachine(t, p.url).with(p.keys...)
	project.build(two, push(t, 3), want)
	two.stats().outcomes(t, nil, len(project.files))
}
