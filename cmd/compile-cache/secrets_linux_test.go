package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user that the kernel lets do nothing special.
const nobody = 65534

// TestDaemonHidesSecrets starts daemons with secrets in the environment and looks at them as another process of their user does, and
// as root. Both with a bucket that needs credentials, where the daemon keeps them in memory and out of sight, and without, where it is
// given none.
func TestDaemonHidesSecrets(t *testing.T) {
	root, err := os.MkdirTemp("", "ccsecret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if out, err := exec.Command("go", "build", "-o", root+"/", "../ccwrap", ".").CombinedOutput(); err != nil {
		t.Fatalf("build programs: %v\n%s", err, out)
	}
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
		for _, name := range []string{"", "ccwrap", "compile-cache"} {
			if err := os.Chown(filepath.Join(root, name), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		t.Log("not root: the environment is looked at through the eyes of the daemon's user only")
	}
	const canary = "canary-91c4"
	for name, tt := range map[string]struct {
		bucket, start string
		hidden        bool
	}{
		"bucket":       {"s3://acme?endpoint=http://127.0.0.1:9&region=r", "exec " + root + "/compile-cache start", true},
		"by a compile": {"s3://acme?endpoint=http://127.0.0.1:9&region=r", root + "/ccwrap /bin/true && " + root + "/compile-cache start", true},
		"no bucket":    {"off", "exec " + root + "/compile-cache start", false},
	} {
		t.Run(name, func(t *testing.T) {
			env := []string{"HOME=" + root, "PATH=/usr/bin:/bin", "COMPILE_CACHE_DIR=" + filepath.Join(root, strings.ReplaceAll(name, " ", "")), "COMPILE_CACHE_BUCKET=" + tt.bucket}
			for _, secret := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GITHUB_TOKEN", "DB_PASSWORD", "HTTPS_PROXY"} {
				env = append(env, secret+"=http://u:"+canary+"@h")
			}
			shell := func(script string, args ...string) (string, error) {
				cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
				cmd.Env, cmd.Dir, cmd.SysProcAttr = env, "/", as
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			out, err := shell(tt.start)
			defer shell("exec " + root + "/compile-cache stop")
			m := regexp.MustCompile(`daemon (\d+) serves`).FindStringSubmatch(out)
			if err != nil || m == nil {
				t.Fatalf("start: %v\n%s", err, out)
			}
			for _, file := range []string{"environ", "mem", "maps", "auxv", "exe", "cwd"} {
				out, err := shell(`case $2 in exe|cwd) readlink /proc/$1/$2;; *) head -c 1 /proc/$1/$2;; esac`, m[1], file)
				// No process has anything at address 0.
				denied := err != nil && !strings.Contains(out, "Input/output error")
				if denied != tt.hidden {
					t.Errorf("/proc/PID/%s for another process of its user: %v %s; denied is %t, want %t", file, err, out, denied, tt.hidden)
				}
			}
			seen, err := os.ReadFile("/proc/" + m[1] + "/environ")
			switch {
			case errors.Is(err, fs.ErrPermission) && tt.hidden && os.Getuid() != 0:
			case err != nil:
				t.Error(err)
			case strings.Contains(string(seen), canary) || !strings.Contains(string(seen), "COMPILE_CACHE_BUCKET="):
				t.Errorf("its environment is %q", seen)
			}
			if out, err := shell(fmt.Sprintf("grep -r -l %s %s", canary, root+"/"+strings.ReplaceAll(name, " ", ""))); err == nil {
				t.Errorf("a secret lies in %s", out)
			}
		})
	}
}
