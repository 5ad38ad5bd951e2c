package bucket

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// secrets are what must not be found anywhere: by what it is.
type secrets map[string]string

// in looks for them in text; where says whose it is.
func (s secrets) in(t *testing.T, where string, text []byte) {
	t.Helper()
	for what, secret := range s {
		if secret == "" {
			t.Fatalf("there is no %s to look for", what)
		}
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s is in %s", what, where)
		}
	}
}

// under looks for them in all files under a directory, and in their names.
func (s secrets) under(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		n++
		s.in(t, path, append(b, path...))
		return err
	})
	if err != nil || n == 0 {
		t.Errorf("%d files looked at under %s: %v", n, dir, err)
	}
}

// watcher looks at the processes of a machine while it builds.
type watcher struct {
	m       *machine
	known   secrets // that the user gave to the build, so that compilers have them
	hidden  secrets // that nobody may have but the daemon, in its memory
	stop    chan struct{}
	done    sync.WaitGroup
	daemons int // how often one was seen
	others  int // processes of the build
}

func watch(m *machine, known, hidden secrets) *watcher {
	w := &watcher{m: m, known: known, hidden: hidden, stop: make(chan struct{})}
	w.done.Go(func() {
		// Often enough to see compilers, which take tens of milliseconds.
		again := time.NewTicker(5 * time.Millisecond)
		defer again.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-again.C:
				w.look()
			}
		}
	})
	return w
}

// look looks at all processes once.
func (w *watcher) look() {
	found, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return
	}
	program := filepath.Join(w.m.root, "programs", "compile-cache")
	instance := []byte("COMPILE_CACHE_DIR=" + w.m.dir + "\x00")
	for _, dir := range found {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(line) == 0 {
			continue // it has ended
		}
		env, err := os.ReadFile(filepath.Join(dir, "environ")) // denied to all but root where it is the daemon's: as good
		daemon := bytes.HasPrefix(line, []byte(program+"\x00daemon\x00"))
		switch {
		case daemon:
			w.daemons++
			// Between fork and exec a child still looks like the process that starts it, so only --serve counts.
			if bytes.Contains(line, []byte("--serve")) && err == nil {
				w.known.in(w.m.t, "the daemon's environment", env)
				w.hidden.in(w.m.t, "the daemon's environment", env)
			}
		case err == nil && bytes.Contains(append([]byte{0}, env...), append([]byte{0}, instance...)):
			w.others++
			w.hidden.in(w.m.t, "the environment of "+strings.ReplaceAll(string(line), "\x00", " "), env)
		default:
			continue
		}
		w.known.in(w.m.t, "a command line", line)
		w.hidden.in(w.m.t, "a command line", line)
	}
}

// end stops looking; what was looked for was there to be seen.
func (w *watcher) end() {
	w.m.t.Helper()
	close(w.stop)
	w.done.Wait()
	if w.daemons == 0 || w.others == 0 {
		w.m.t.Errorf("%d daemons and %d processes of builds were seen, so nothing is proved", w.daemons, w.others)
	}
}

// Keys that the user exports reach the bucket's server as signatures, and are nowhere else: not in the instance, the bucket, the
// daemon's environment, or in what is printed, whether all goes well or not.
func TestKeysStayInTheDaemon(t *testing.T) {
	g := gateway(t)
	f := front(t, g)
	name := "b" + filepath.Base(directory(t))
	dir, err := g.CreateBucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	session := realm.Secret("session")
	for _, test := range []struct {
		name  string
		fault *realm.Fault
		more  []string
	}{
		{"all is well", nil, nil},
		{"refused", realm.AccessDenied(), nil},
		{"wrong session", nil, []string{"AWS_SESSION_TOKEN", session}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.Play()
			if test.fault != nil {
				f.Play(test.fault)
			}
			all := secrets{"the secret key": g.Secret}
			settings := append([]string{"AWS_ACCESS_KEY_ID", g.Access, "AWS_SECRET_ACCESS_KEY", g.Secret, "COMPILE_CACHE_LOG", "debug"}, test.more...)
			for i := 0; i < len(test.more); i += 2 {
				all["the value of "+test.more[i]] = test.more[i+1]
			}
			// Others that a job may have.
			for _, other := range []string{"ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_TOKEN", "NPM_PASSWORD"} {
				secret := realm.Secret("other")
				all["the value of "+other] = secret
				settings = append(settings, other, secret)
			}
			before := len(f.Requests())
			m := newMachine(t, "s3://"+name+"?region="+realm.Region+"&endpoint="+f.URL).with(settings...)
			w := watch(m, all, secrets{})
			j := push(t, 1)
			r := m.build(j, filepath.Join(directory(t), "checkout"), noEdit)
			w.end()
			if len(f.Requests()) == before {
				t.Error("the bucket was not asked, so nothing is proved")
			}
			for _, command := range [][]string{{"doctor"}, {"doctor", "--json"}, {"stats", "--json"}, {"report", "--format", "md"}, {"report", "--format", "html"}, {"report", "--format", "json"}, {"log"}} {
				out := m.command(j, command...)
				all.in(t, "what "+strings.Join(command, " ")+" prints", []byte(out.stdout+out.stderr))
			}
			m.command(j, "stop")
			all.in(t, "what run prints", []byte(r.stdout+r.stderr))
			all.under(t, m.root)
			if len(tree(t, dir)) > 0 {
				all.under(t, dir)
			}
		})
	}
	complete(t, g, name, "", func(payload []byte) {
		secrets{"the secret key": g.Secret, "the session token": session}.in(t, "a record of a pack", payload)
	})
}
