package bucket

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// mostRequests is what a job of a small project, all of whose results are in the bucket, may ask of it.
const mostRequests = 20

// place is a bucket for a test.
type place struct {
	url   string
	keys  []string                      // settings with which machines reach it
	asked func() (get, list, put int64) // what the server saw; nil where there is none
	names func() []string               // of all objects
}

// directoryPlace is a directory that machines share.
func directoryPlace(t *testing.T) *place {
	dir := filepath.Join(directory(t), "with space", "shared")
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return &place{url: "file://" + strings.ReplaceAll(dir, " ", "%20"), names: func() (all []string) {
		for name := range tree(t, dir) {
			all = append(all, name)
		}
		return all
	}}
}

// s3Place is a bucket of the shared gateway, which the machines reach with the owner's keys.
func s3Place(t *testing.T) (*place, *realm.Front) {
	t.Helper()
	g := gateway(t)
	f := front(t, g)
	name := "b" + filepath.Base(directory(t))
	if _, err := g.CreateBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return &place{
		url:  "s3://" + name + "/some/prefix?region=" + realm.Region + "&endpoint=" + f.URL,
		keys: []string{"AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret},
		asked: func() (get, list, put int64) {
			n := map[string]int64{}
			for _, r := range f.Requests() {
				n[r.Kind()]++
			}
			if n["other"] > 0 {
				t.Errorf("%d requests are neither get nor list nor put", n["other"])
			}
			return n["get"], n["list"], n["put"]
		},
		names: func() []string { return objects(t, g, name, "some/prefix/") },
	}, f
}

// objects lists a bucket; the prefix is left out of the names.
func objects(t *testing.T, g *realm.Gateway, bucket, prefix string) (all []string) {
	t.Helper()
	pages := s3.NewListObjectsV2Paginator(g.Owner(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			all = append(all, strings.TrimPrefix(aws.ToString(o.Key), prefix))
		}
	}
	return all
}

// scopes are the repositories and scopes that have objects, with the kinds of objects: "4711/trusted/main pack".
func scopes(names []string) map[string]int {
	n := map[string]int{}
	for _, name := range names {
		parts := strings.Split(name, "/") // v1/<repo-id>/<scope...>/<kind>/...
		for i, part := range parts {
			if part == "pack" || part == "index" || part == "profile" {
				n[strings.Join(parts[1:i], "/")+" "+part]++
				break
			}
		}
	}
	return n
}

// What machine one compiled, machine two finds in the bucket, whatever kind of bucket it is; in the same job it says so to the end,
// in a later job the disk has it.
func TestSecondMachineHits(t *testing.T) {
	all, _ := units(t)
	for _, test := range []struct {
		name      string
		s3, jobs  bool
		elsewhere bool // the second machine's checkout lies in another directory
		scope     string
	}{
		{name: "directory", scope: "local/local"},
		{name: "directory in jobs", jobs: true, scope: realm.RepositoryID + "/trusted/main"},
		{name: "s3", s3: true, scope: "local/local"},
		{name: "s3 in jobs", s3: true, jobs: true, scope: realm.RepositoryID + "/trusted/main"},
		{name: "another checkout path", s3: true, jobs: true, elsewhere: true, scope: realm.RepositoryID + "/trusted/main"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := directoryPlace(t)
			if test.s3 {
				p, _ = s3Place(t)
			}
			runs := 0
			next := func() job {
				if runs++; test.jobs {
					return push(t, runs)
				}
				return outside
			}
			path := filepath.Join(directory(t), "checkout")

			one := newMachine(t, p.url).with(p.keys...)
			first := one.build(next(), path, noEdit)
			if w := first.warnings(); len(w) > 0 {
				t.Errorf("machine one warns: %q", w)
			}
			s := one.stats()
			s.outcomes(t, nil, all)
			if s.Bytes["uploaded"] == 0 || s.Requests["put"] < 2 {
				t.Errorf("machine one uploaded %d bytes in %d requests", s.Bytes["uploaded"], s.Requests["put"])
			}
			found := scopes(p.names())
			for _, kind := range []string{" pack", " index"} {
				if found[test.scope+kind] == 0 {
					t.Errorf("the bucket has %v, want a%s of %s", found, kind, test.scope)
				}
			}

			if test.elsewhere {
				path = filepath.Join(directory(t), "quite", "another", "place")
			}
			var before [3]int64
			if p.asked != nil {
				before[0], before[1], before[2] = p.asked()
			}
			two := newMachine(t, p.url).with(p.keys...)
			j := next()
			second := two.build(j, path, noEdit)
			if w := second.warnings(); len(w) > 0 {
				t.Errorf("machine two warns: %q", w)
			}
			s = two.stats()
			s.outcomes(t, map[string]int{"bucket": all}, 0)
			if s.requests() == 0 || s.requests() > mostRequests || s.Bytes["downloaded"] == 0 {
				t.Errorf("machine two made %v requests for %d bytes, want 1 to %d requests", s.Requests, s.Bytes["downloaded"], mostRequests)
			}
			if p.asked != nil {
				get, list, put := p.asked()
				saw := fmt.Sprint(get-before[0], list-before[1], put-before[2])
				if told := fmt.Sprint(s.Requests["get"], s.Requests["list"], s.Requests["put"]); saw != told {
					t.Errorf("the server saw %s requests (get, list, put), stats tell %s", saw, told)
				}
			}

			two.build(j, path, noEdit)
			if !test.jobs {
				return // without jobs there is no end of one
			}
			two.stats().outcomes(t, map[string]int{"bucket": 2 * all}, 0)
			if r := two.command(j, "stop"); r.status != 0 {
				t.Errorf("stop: status %d: %s", r.status, r.stderr)
			}
			stopped := two.stats()
			stopped.outcomes(t, map[string]int{"bucket": 2 * all}, 0)
			two.build(next(), path, noEdit)
			two.stats().minus(stopped).outcomes(t, map[string]int{"disk": all}, 0)
		})
	}
}

// A build that fails fails as without us, with what it did compile in the bucket.
func TestFailingBuildFailsAsWithoutUs(t *testing.T) {
	if plainly(t, mistake).status == 0 {
		t.Fatal("the plain build does not fail")
	}
	all, _ := units(t)
	p := directoryPlace(t)
	path := filepath.Join(directory(t), "checkout")
	for _, hits := range []int{0, all - 1} {
		m := newMachine(t, p.url)
		m.build(outside, path, mistake)
		s := m.stats()
		s.outcomes(t, map[string]int{"bucket": hits}, all-1-hits)
		if s.Outcomes["failed"] != 1 {
			t.Errorf("outcomes %v, want one failed", s.Outcomes)
		}
	}
}

// Two machines without jobs in common change one file; the third build finds both.
func TestMachinesShareBothWays(t *testing.T) {
	all, _ := units(t)
	p := directoryPlace(t)
	path := filepath.Join(directory(t), "checkout")
	one, two := newMachine(t, p.url), newMachine(t, p.url)
	one.build(push(t, 1), path, noEdit)
	two.build(push(t, 2), path, newMain)
	two.stats().outcomes(t, map[string]int{"bucket": all - 1}, 1)
	before := one.stats()
	one.build(push(t, 3), path, newMain)
	one.stats().minus(before).outcomes(t, map[string]int{"disk": all - 1, "bucket": 1}, 0)
}

// An edge is asked before the bucket, and filled from it.
func TestEdgeIsFilledFromTheBucket(t *testing.T) {
	all, _ := units(t)
	edge, far := directoryPlace(t), directoryPlace(t)
	path := filepath.Join(directory(t), "checkout")
	newMachine(t, far.url).build(push(t, 1), path, noEdit)
	two := newMachine(t, far.url).with("COMPILE_CACHE_EDGE", edge.url)
	two.build(push(t, 2), path, noEdit)
	two.stats().outcomes(t, map[string]int{"bucket": all}, 0)
	three := newMachine(t, "file:///nonexistent/bucket").with("COMPILE_CACHE_EDGE", edge.url)
	three.build(push(t, 3), path, noEdit)
	three.stats().outcomes(t, map[string]int{"edge": all}, 0)
}
