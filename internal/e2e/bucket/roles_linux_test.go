package bucket

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// newCloud starts a network with S3, IAM, STS and GitHub's issuer in it, and with the roles of our own guide.
func newCloud(t *testing.T) *realm.Cloud {
	t.Helper()
	if err := realm.MayNetwork(); err != nil {
		t.Skip(err)
	}
	guide, err := os.ReadFile(filepath.Join(work.Repository, "docs", "bucket.md"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := realm.NewCloud(versitygw, directory(t), string(guide))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// cloudMachine makes a machine that is the i-th of the network: nothing reaches it, and it reaches only the cloud. It knows GitHub's
// certificate as every machine does; that of the storage is named in the bucket's URL.
func cloudMachine(t *testing.T, c *realm.Cloud, i int) *machine {
	t.Helper()
	m := newMachine(t, "s3://"+realm.Bucket+"/"+strings.TrimSuffix(realm.Prefix, "/")+"?region="+realm.Region+"&endpoint="+c.Storage.URL+"&sts-endpoint="+c.STS.URL+
		"&ca="+c.StoragePEM+"&role="+c.TrustedRole+"&pr-role="+c.PRRole)
	m = m.with("SSL_CERT_FILE", c.GitHubPEM)
	delete(m.setting, "AWS_EC2_METADATA_DISABLED") // whoever asks there gets no answer
	m.inside = c.Network.Machines[i].Command
	own := filepath.Join(c.Dir, fmt.Sprint("machine", i))
	m.seen = func(dir string) string { return strings.Replace(dir, filepath.Join(c.Dir, "checkout"), own, 1) }
	return m
}

// as gives a job what the runner gives to jobs that may ask for an identity token.
func as(c *realm.Cloud, j job, sub string) job {
	env, _ := c.Issuer.Admit(realm.Claims{
		"sub": sub, "repository": j["GITHUB_REPOSITORY"], "repository_id": j["GITHUB_REPOSITORY_ID"], "ref": j["GITHUB_REF"],
		"event_name": j["GITHUB_EVENT_NAME"], "run_id": j["GITHUB_RUN_ID"], "actor": j["GITHUB_ACTOR"],
		"job_workflow_ref": j["GITHUB_WORKFLOW_REF"],
	})
	all := maps.Clone(j)
	maps.Copy(all, env)
	return all
}

// wrote tells where was put what since so many requests.
func wrote(f *realm.Front, since int) map[string]int {
	var names []string
	for _, r := range f.Requests()[since:] {
		if r.Method != "GET" && r.Method != "HEAD" {
			names = append(names, strings.TrimPrefix(r.Path, "/"+realm.Bucket+"/"+realm.Prefix))
		}
	}
	n := map[string]int{}
	for name, count := range scopes(names) {
		scope, _, _ := strings.Cut(name, " ")
		n[scope] += count
	}
	return n
}

// Jobs of a repository share what main made, by no other right than their identity: main writes for all, a pull request for
// itself, and neither can do otherwise.
func TestJobsShareByTheirIdentity(t *testing.T) {
	all, _ := units(t)
	c := newCloud(t)
	path := filepath.Join(c.Dir, "checkout", "jot")
	const main, pull7, pull8 = realm.RepositoryID + "/trusted/main", realm.RepositoryID + "/pr/7", realm.RepositoryID + "/pr/8"

	var printed strings.Builder
	var machines []*machine
	for run, step := range []struct {
		name    string
		machine int
		job     job
		sub     string
		edit    edit
		hits    int
		wrote   string // the only scope that may be written
	}{
		{"main fills the bucket", 0, push(t, 1), realm.SubMain, noEdit, 0, main},
		{"main on machine two", 1, push(t, 2), realm.SubMain, noEdit, all, main},
		{"pull request 7", 1, pull(t, 7, 3), realm.SubPull, newMain, all - 1, pull7},
		{"pull request 7 on machine one", 0, pull(t, 7, 4), realm.SubPull, newMain, all, pull7},
		{"pull request 8 does not see 7", 1, pull(t, 8, 5), realm.SubPull, newMain, all - 1, pull8},
		{"main does not see pull requests", 0, push(t, 6), realm.SubMain, newMain, all - 1, main},
		{"pull request 8 sees main", 1, pull(t, 8, 7), realm.SubPull, newMain, all, pull8},
	} {
		t.Run(step.name, func(t *testing.T) {
			m := cloudMachine(t, c, step.machine)
			machines = append(machines, m)
			since := len(c.Storage.Requests())
			j := as(c, step.job, step.sub)
			var w *watcher
			if run == 1 {
				w = watch(m, secrets{"the request token": j["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]}, sessionSecrets(c))
			}
			r := m.build(j, path, step.edit)
			if w != nil {
				w.end()
			}
			if warnings := r.warnings(); len(warnings) > 0 {
				t.Errorf("the build warns of %q", warnings)
			}
			scope := strings.TrimPrefix(step.wrote, realm.RepositoryID+"/")
			if said := ours(r.stderr); !strings.Contains(said, "github-oidc") || !strings.Contains(said, scope) {
				t.Errorf("the summary names neither github-oidc nor %s: %s", scope, said)
			}
			s := m.stats()
			s.outcomes(t, map[string]int{"bucket": step.hits}, all-step.hits)
			if n := s.requests(); step.hits == all && n > mostRequests {
				t.Errorf("%d requests, want %d at most", n, mostRequests)
			}
			doctor := m.command(j, "doctor")
			stop := m.command(j, "stop")
			printed.WriteString(r.stdout + r.stderr + doctor.stdout + doctor.stderr + stop.stdout + stop.stderr)
			written := wrote(c.Storage, since)
			for where, n := range written {
				if where != step.wrote {
					t.Errorf("%d puts to %s, want puts to %s only", n, where, step.wrote)
				}
			}
			if step.hits < all && written[step.wrote] == 0 {
				t.Errorf("nothing was put to %s", step.wrote)
			}
			for _, r := range c.Storage.Requests()[since:] {
				if r.Status == 403 {
					t.Errorf("%s %s was refused: it should not have been tried", r.Method, r.Path)
				}
			}
		})
	}

	// No secret of all this is anywhere.
	every := sessionSecrets(c)
	if len(every) < 3*7 {
		t.Errorf("only %d secrets to look for", len(every))
	}
	every.in(t, "what was printed", []byte(printed.String()))
	for _, m := range machines {
		every.under(t, m.root)
	}
	every.under(t, c.BucketDir)
	complete(t, c.Gateway, realm.Bucket, realm.Prefix, func(payload []byte) { every.in(t, "a record of a pack", payload) })
}

// sessionSecrets are the identity tokens and the sessions that were given to jobs so far.
func sessionSecrets(c *realm.Cloud) secrets {
	s := secrets{}
	for i, token := range c.Issuer.Issued() {
		s[fmt.Sprint("identity token ", i)] = token
	}
	for i, secret := range c.Sessions() {
		s[fmt.Sprint("secret of a session ", i)] = secret
	}
	return s
}

// Two machines whose checkouts lie at the same path, with different contents, build and publish at the same time.
func TestMachinesPublishAtOnceFromOnePath(t *testing.T) {
	all, _ := units(t)
	c := newCloud(t)
	path := filepath.Join(c.Dir, "checkout", "jot")
	plainly(t, noEdit)
	plainly(t, newMain)
	t.Run("both", func(t *testing.T) {
		for i, e := range []edit{noEdit, newMain} {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				cloudMachine(t, c, i).build(as(c, push(t, 1+i), realm.SubMain), path, e)
			})
		}
	})
	if indexes, _ := complete(t, c.Gateway, realm.Bucket, realm.Prefix); indexes < 2 {
		t.Errorf("%d indexes, want one of each machine", indexes)
	}
	for i, e := range []edit{newMain, noEdit} {
		m := cloudMachine(t, c, i)
		m.build(as(c, push(t, 3+i), realm.SubMain), path, e)
		m.stats().outcomes(t, map[string]int{"bucket": all}, 0)
	}
}

// Whoever has no right to the bucket builds as without it, and is told why.
func TestJobsWithoutRightsAreUnharmed(t *testing.T) {
	all, _ := units(t)
	c := newCloud(t)
	path := filepath.Join(c.Dir, "checkout", "jot")
	other := push(t, 1)
	other["GITHUB_REPOSITORY"], other["GITHUB_REPOSITORY_ID"] = "evil/app", "666"
	fork := pullFrom(t, 9, 2, "999")
	for _, test := range []struct {
		name string
		job  job
		says []string
	}{
		{"another repository", as(c, other, "repo:evil/app:ref:refs/heads/main"), []string{"repo:evil/app:ref:refs/heads/main", realm.Audience}},
		{"a fork's pull request", fork, []string{"id-token: write"}},
		{"the trusted role for a pull request", as(c, push(t, 3), realm.SubPull), []string{realm.SubPull, realm.Audience}},
		{"the job's token is not the job's", withToken(as(c, push(t, 5), realm.SubMain), "stranger"), []string{"401"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			since := len(c.Storage.Requests())
			m := cloudMachine(t, c, 0)
			r := m.build(test.job, path, noEdit)
			warnings := r.warnings()
			if len(warnings) != 1 {
				t.Errorf("%d warnings, want 1: %q", len(warnings), warnings)
			}
			for _, text := range test.says {
				if !strings.Contains(ours(r.stderr), text) {
					t.Errorf("the warning lacks %q: %s", text, ours(r.stderr))
				}
			}
			m.stats().outcomes(t, nil, all)
			for _, r := range c.Storage.Requests()[since:] {
				t.Errorf("%s %s, without any right", r.Method, r.Path)
			}
		})
	}
	if len(c.Issuer.Refused()) == 0 {
		t.Error("the issuer refused nobody")
	}
}

// doctor shows who a job is to the bucket, or why it is nobody.
func TestDoctorShowsTheIdentity(t *testing.T) {
	c := newCloud(t)
	for _, test := range []struct {
		name   string
		job    job
		status int
		says   []string
	}{
		{"main", as(c, push(t, 1), realm.SubMain), 0, []string{"github-oidc", realm.SubMain, realm.Audience, "trusted/main"}},
		{"a pull request", as(c, pull(t, 7, 2), realm.SubPull), 0, []string{"github-oidc", realm.SubPull, "pr/7"}},
		{"the trusted role for a pull request", as(c, push(t, 3), realm.SubPull), 1, []string{"github-oidc", realm.SubPull, realm.Audience}},
		{"a fork's pull request", pullFrom(t, 9, 4, "999"), 1, []string{"id-token: write"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := cloudMachine(t, c, 0)
			doctor := m.command(test.job, "doctor")
			for _, text := range test.says {
				if !strings.Contains(doctor.stdout, text) {
					t.Errorf("doctor lacks %q", text)
				}
			}
			if doctor.status != test.status {
				t.Errorf("doctor ends with %d, want %d", doctor.status, test.status)
			}
			sessionSecrets(c).in(t, "what doctor prints", []byte(doctor.stdout+doctor.stderr))
			t.Log(doctor.stdout)
		})
	}
}

func withToken(j job, token string) job {
	j["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = token
	return j
}

// A service that fails for a moment, as those of clouds do when many jobs start, costs nothing.
func TestStumblingServicesCostNothing(t *testing.T) {
	all, _ := units(t)
	c := newCloud(t)
	path := filepath.Join(c.Dir, "checkout", "jot")
	cloudMachine(t, c, 0).build(as(c, push(t, 1), realm.SubMain), path, noEdit)
	fault := realm.Broken()
	fault.Only = func(*realm.Request) bool { return fault.Fired() == 0 }
	c.STS.Play(fault)
	m := cloudMachine(t, c, 1)
	m.build(as(c, push(t, 2), realm.SubMain), path, noEdit)
	m.stats().outcomes(t, map[string]int{"bucket": all}, 0)
	if fault.Fired() != 1 {
		t.Errorf("the fault fired %d times, want once", fault.Fired())
	}
}

// With STS down for the whole job the build is as without us, and one warning says what is down.
func TestSTSIsDown(t *testing.T) {
	t.Parallel()
	all, _ := units(t)
	plainly(t, noEdit)
	c := newCloud(t)
	fault := realm.Broken()
	c.STS.Play(fault)
	m := cloudMachine(t, c, 0)
	r := m.build(as(c, push(t, 1), realm.SubMain), filepath.Join(c.Dir, "checkout", "jot"), noEdit)
	if fault.Fired() == 0 {
		t.Error("the fault never fired")
	}
	checkWarnings(t, r, `500`)
	m.stats().outcomes(t, nil, all)
}
