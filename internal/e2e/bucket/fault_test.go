package bucket

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// mostAsked is more than a job asks a broken bucket for before it gives up on it; without giving up it would ask for every file.
const mostAsked = 60

// warmBucket is a bucket of the shared gateway in which main left the results of examples/jot's program, but not of its tests: a
// build of everything finds some, misses some, and has something to publish.
var warmBucket struct {
	sync.Once
	built bool
}

const warmName = "warm"

func warm(t *testing.T) *realm.Gateway {
	t.Helper()
	g := gateway(t)
	warmBucket.Do(func() {
		if _, err := g.CreateBucket(t.Context(), warmName); err != nil {
			t.Error(err)
			return
		}
		f := front(t, g)
		m := newMachine(t, warmURL(f.URL)).with("AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret)
		m.build(push(t, 1), filepath.Join(directory(t), "checkout"), noEdit, how{program: true})
		warmBucket.built = true
	})
	if !warmBucket.built {
		t.Fatal("there is no bucket with results in it")
	}
	return g
}

func warmURL(endpoint string) string {
	return "s3://" + warmName + "?region=" + realm.Region + "&endpoint=" + endpoint
}

// scenario is one way in which a bucket is not as it should be.
type scenario struct {
	name string
	// play makes it so, for machines that reach the bucket at the URL it returns. fired says how often it has happened.
	play  func(t *testing.T, f *realm.Front) (url string, fired func() int64)
	cause string // what the warning and doctor say, a regular expression; "" where there is nothing to complain of
	hits  bool   // results of main are found all the same
}

// byFront plays a fault in the front.
func byFront(fault *realm.Fault) func(*testing.T, *realm.Front) (string, func() int64) {
	return func(_ *testing.T, f *realm.Front) (string, func() int64) {
		f.Play(fault)
		return f.URL, fault.Fired
	}
}

// after lets some requests pass before the fault begins.
func after(n int64, fault *realm.Fault) *realm.Fault {
	fault.Pass = n
	return fault
}

// only plays a fault on requests of a kind.
func only(kind string, fault *realm.Fault) *realm.Fault {
	fault.Only = func(r *realm.Request) bool { return r.Kind() == kind }
	return fault
}

// byWire lays a wire with a toxic. That the toxic works is tested where wires are; here it has fired when the wire was used.
func byWire(kind string, attributes map[string]any) func(*testing.T, *realm.Front) (string, func() int64) {
	return func(t *testing.T, f *realm.Front) (string, func() int64) {
		t.Helper()
		w, err := toxiproxy(t).Wire(filepath.Base(directory(t)), f)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close() })
		if err := w.Poison(kind, attributes); err != nil {
			t.Fatal(err)
		}
		return w.URL, func() int64 { return int64(len(f.Requests())) }
	}
}

var scenarios = []scenario{
	{"30 ms", byWire("latency", map[string]any{"latency": 30}), "", true},
	{"80 ms", byWire("latency", map[string]any{"latency": 80, "jitter": 20}), "", true},
	{"300 ms", byWire("latency", map[string]any{"latency": 300}), "", true},
	{"cut after 2000 bytes", byWire("limit_data", map[string]any{"bytes": 2000}), `(?i)EOF|cut|short|reset|closed|ended`, false},
	{"reset", byWire("reset_peer", map[string]any{"timeout": 0}), `(?i)reset|EOF|closed`, false},
	{"one byte a second", byWire("slicer", map[string]any{"average_size": 1, "size_variation": 0, "delay": 1000000}), `(?i)slow|time|deadline`, false},
	{"silence", byWire("timeout", map[string]any{"timeout": 0}), `(?i)slow|time|deadline|answer`, false},
	{"SlowDown", byFront(realm.SlowDown()), `503.*SlowDown`, false},
	{"SlowDown later", byFront(after(3, realm.SlowDown())), `503.*SlowDown`, false},
	{"429 for an hour", byFront(realm.TooManyRequests(3600)), `429`, false},
	{"500", byFront(realm.Broken()), `500.*InternalError`, false},
	{"403", byFront(realm.AccessDenied()), `403.*AccessDenied`, false},
	{"403 later", byFront(after(3, realm.AccessDenied())), `403.*AccessDenied`, false},
	{"403 for lists", byFront(only("list", realm.AccessDenied())), `403.*AccessDenied`, false},
	{"403 for puts", byFront(only("put", realm.AccessDenied())), `403.*AccessDenied`, true},
	{"expired", byFront(realm.ExpiredToken()), `ExpiredToken`, false},
	{"expired later", byFront(after(3, realm.ExpiredToken())), `ExpiredToken`, false},
	{"20 minutes ahead", byFront(realm.Skewed(20 * time.Minute)), `(?s)RequestTimeTooSkewed.*clock|clock.*RequestTimeTooSkewed`, false},
	{"20 minutes behind", byFront(realm.Skewed(-20 * time.Minute)), `(?s)RequestTimeTooSkewed.*clock|clock.*RequestTimeTooSkewed`, false},
	{"captive portal", byFront(realm.Portal()), `(?i)html|page|not S3|unexpected`, false},
	{"noise", byFront(realm.Garbage()), `(?i)damaged|corrupt|digest|not what`, false},
	{"flipped bit", byFront(realm.FlippedBit(500)), `(?i)damaged|corrupt|digest|not what`, false},
	{"half bodies", byFront(realm.Short()), `(?i)EOF|short|bytes|ended`, false},
	{"wrong ranges", byFront(realm.WrongRange()), `(?i)range`, false},
	{"whole for range", byFront(realm.WholeForRange()), `(?i)range`, false},
}

// Whatever is wrong with the bucket, the build is as without us; one warning says what is wrong.
func TestBrokenBucketHarmsNoBuild(t *testing.T) {
	t.Parallel()
	_, program := units(t)
	g := warm(t)
	plainly(t, noEdit)
	for i, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			f := front(t, g)
			url, fired := sc.play(t, f)
			m := newMachine(t, warmURL(url)).with("AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret)
			r := m.build(pull(t, 100+i, 1), filepath.Join(directory(t), "checkout"), noEdit)
			if fired() == 0 {
				t.Error("the fault never fired, so nothing is proved")
			}
			if n := len(f.Requests()); sc.cause != "" && n > mostAsked {
				t.Errorf("%d requests to a broken bucket, want %d at most", n, mostAsked)
			}
			checkWarnings(t, r, sc.cause)
			s := m.stats()
			if hits := s.HitsByTier["bucket"]; sc.hits && hits != program {
				t.Errorf("%d hits from the bucket, want %d", hits, program)
			}
		})
	}
}

// doctor walks to the bucket and says what is wrong with it; all is well without a fault.
func TestDoctorNamesTheCause(t *testing.T) {
	t.Parallel()
	g := warm(t)
	for i, sc := range append([]scenario{{name: "all is well", play: func(_ *testing.T, f *realm.Front) (string, func() int64) {
		return f.URL, func() int64 { return int64(len(f.Requests())) }
	}}}, scenarios...) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			f := front(t, g)
			url, fired := sc.play(t, f)
			m := newMachine(t, warmURL(url)).with("AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret)
			doctor := m.command(pull(t, 300+i, 1), "doctor")
			t.Logf("%s: %s", doctor.took.Round(1e6), doctor.stdout)
			status := 1
			if sc.cause == "" {
				status = 0
			}
			if !regexp.MustCompile(sc.cause).MatchString(doctor.stdout) || doctor.status != status || fired() == 0 {
				t.Errorf("doctor ends with %d, want %d and the words %q (the fault fired %d times)", doctor.status, status, sc.cause, fired())
			}
		})
	}
}

// checkWarnings checks that a build's warnings say what is wrong, each once; without a cause there are none.
func checkWarnings(t *testing.T, r *result, cause string) {
	t.Helper()
	warnings := r.warnings()
	if cause == "" {
		if len(warnings) > 0 {
			t.Errorf("the build warns of %q", warnings)
		}
		return
	}
	// Reading and writing may fail with the same cause, apart.
	if n := len(warnings); n == 0 || n > 2 {
		t.Errorf("%d warnings, want 1 or 2: %q", n, warnings)
	}
	if d := slices.Compact(slices.Sorted(slices.Values(warnings))); len(d) != len(warnings) {
		t.Errorf("warnings come twice: %q", warnings)
	}
	if !regexp.MustCompile(cause).MatchString(ours(r.stderr)) {
		t.Errorf("no warning says %q: %s", cause, ours(r.stderr))
	}
}

// A bucket that is not there costs hits and nothing else.
func TestDeadBucketHarmsNoBuild(t *testing.T) {
	t.Parallel()
	g := warm(t)
	plainly(t, noEdit)
	dead := front(t, g)
	dead.Close()
	for _, test := range []struct{ name, url, cause string }{
		{"nobody listens", warmURL(dead.URL), `(?i)refused`},
		{"no such host", warmURL("https://bucket.invalid"), `bucket\.invalid`},
		{"no such bucket", strings.Replace(warmURL("ENDPOINT"), warmName, "no-such-bucket", 1), `NoSuchBucket`},
		{"wrong keys", warmURL("ENDPOINT"), `SignatureDoesNotMatch`},
		{"no keys", warmURL("ENDPOINT"), `(?i)credentials`},
		{"no such directory", "file:///nonexistent/bucket", `/nonexistent`},
		{"not a URL", "s3:/warm", `COMPILE_CACHE_BUCKET`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := front(t, g)
			m := newMachine(t, strings.Replace(test.url, "ENDPOINT", f.URL, 1))
			switch test.name {
			case "no keys":
			case "wrong keys":
				m = m.with("AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", "wrong")
			default:
				m = m.with("AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret)
			}
			checkWarnings(t, m.build(pull(t, 1, 1), filepath.Join(directory(t), "checkout"), noEdit), test.cause)
		})
	}
}

// The outage of issue 4: the bucket answers, and dies in mid-build.
func TestBucketDiesInMidBuild(t *testing.T) {
	t.Parallel()
	_, program := units(t)
	g := warm(t)
	plainly(t, noEdit)
	f := front(t, g)
	asked := 0
	m := newMachine(t, warmURL(f.URL)).with("AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret)
	r := m.build(pull(t, 200, 1), filepath.Join(directory(t), "checkout"), noEdit, how{between: func() {
		asked = len(f.Requests())
		f.Close()
	}})
	if asked == 0 {
		t.Error("the bucket was not asked while it lived")
	}
	if hits := m.stats().HitsByTier["bucket"]; hits != program {
		t.Errorf("%d hits from the bucket before its death, want %d", hits, program)
	}
	checkWarnings(t, r, `(?i)refused|reset|EOF`)
}

// When a bucket is well again, so is the next job; what could not be published before is published then.
func TestBucketIsUsedWhenWellAgain(t *testing.T) {
	t.Parallel()
	all, _ := units(t)
	g := gateway(t)
	plainly(t, noEdit)
	name := fmt.Sprint("again-", filepath.Base(directory(t)))
	if _, err := g.CreateBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	f := front(t, g)
	url := strings.Replace(warmURL(f.URL), warmName, name, 1)
	keys := []string{"AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret}
	fault := realm.SlowDown()
	f.Play(fault)
	one := newMachine(t, url).with(keys...)
	path := filepath.Join(directory(t), "checkout")
	j := push(t, 1)
	one.build(j, path, noEdit)
	if fault.Fired() == 0 {
		t.Error("the fault never fired")
	}
	one.command(j, "stop")
	f.Play()
	one.build(push(t, 2), path, noEdit)
	two := newMachine(t, url).with(keys...)
	two.build(push(t, 3), path, noEdit)
	two.stats().outcomes(t, map[string]int{"bucket": all}, 0)
}
