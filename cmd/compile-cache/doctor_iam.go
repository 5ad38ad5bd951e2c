package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/credentials"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// iamTime bounds all that doctor iam tries of one bucket.
const iamTime = 15 * time.Second

type doctorIAMCmd struct {
	JSON bool `help:"As JSON."`
}

// Run tries, as the present job, what the bucket must not let it do. What it may do all the same is a problem, told with the statement of
// a policy that refuses it. COMPILE_CACHE_READONLY does not hold it back: it is the bucket that is tried.
func (c *doctorIAMCmd) Run(a *app) error {
	var all findings
	for _, w := range config.Read(a.getenv).Warnings {
		all.say("settings", "warning", "", "%s", w)
	}
	walks := a.eachPlace(func(ctx context.Context, w *walk) {
		w.steps(ctx, append(w.begin(), step{"tries", iamTime, w.tries})...)
	})
	for _, w := range walks {
		all = append(all, w.found...)
	}
	if len(walks) == 0 {
		all.say("bucket", "problem", "docs/bucket.md tells how", "neither COMPILE_CACHE_BUCKET nor COMPILE_CACHE_EDGE is set: there is nothing to try")
	}
	return a.tell(all, c.JSON)
}

// tries are all of them.
func (w *walk) tries(ctx context.Context) bool {
	if !w.readable() {
		return false
	}
	if w.bucket.Kind == config.Directory {
		w.modes()
		return true
	}
	p := &probes{walk: w, chance: strings.ToLower(rand.Text()[:10])}
	if !p.ownWrite(ctx) {
		return false
	}
	p.otherClass(ctx)
	p.otherRepository(ctx)
	if p.may {
		p.overwrite(ctx)
		p.remove(ctx)
	}
	p.listOutside(ctx)
	if p.made != nil {
		w.say("left", "note", "", "made, and not removed: %s", strings.Join(p.made, ", "))
	}
	return true
}

// probes are tries of one bucket of S3.
type probes struct {
	*walk
	chance string   // in the names of what is nobody's
	may    bool     // the own object is there
	made   []string // places of what was made
}

// refusal tells an answer that says no. ok is false where err is another failure, so that nothing is proved.
func (p *probes) refusal(err error) (text string, ok bool) {
	kind := kindOf(err)
	if kind != objects.Denied && (kind != objects.Credentials || p.place.Chosen.Provider != credentials.Anonymous) {
		return "", false
	}
	text, _ = told(err)
	_, text, _ = strings.Cut(text, ": ") // what was tried is told in other words
	return text, true
}

// verdict tells what became of a try: it has to be refused, else state and hint say how bad that is.
func (p *probes) verdict(step, try string, err error, state, hint string) (done bool) {
	if err == nil {
		p.say(step, state, hint, "%s: it was allowed", try)
		return true
	}
	if text, ok := p.refusal(err); ok {
		p.say(step, "ok", "", "%s: refused, as it should be: %s", try, text)
		return false
	}
	p.problem(step, try+": this proves nothing: ", err)
	return false
}

// object is a name's place, for people.
func (p *probes) object(name string) string { return p.place.Objects.String() + "/" + name }

// ownWrite makes the job's own object. It returns false where the bucket cannot be asked.
func (p *probes) ownWrite(ctx context.Context) bool {
	if !p.reach.Own {
		p.say("own", "note", "", "this job has no scope of its own, so overwriting and deleting are not tried")
		return true
	}
	name := p.ownDoctor()
	existed, err := p.putSmall(ctx, name)
	switch _, refused := p.refusal(err); {
	case err == nil:
		p.may = true
		p.say("own", "ok", "", "put %s: allowed", name)
		if !existed {
			p.made = append(p.made, p.object(name))
		}
		return true
	case refused:
		text, _ := p.refusal(err)
		p.say("own", "note", "", "put %s: refused, so this job may write nothing, and overwriting and deleting are not tried: %s", name, text)
		return true
	}
	p.problem("own", "", err)
	p.say("own", "note", "", "not tried after that: other class, other repo, overwrite, delete, list")
	return false
}

// put tries to make an object where none is.
func (p *probes) put(ctx context.Context, step, name, state, hint string) {
	_, err := p.putSmall(ctx, name)
	if p.verdict(step, "put "+name, err, state, hint) {
		p.made = append(p.made, p.object(name))
	} else if _, refused := p.refusal(err); !refused {
		p.made = append(p.made, p.object(name)+" (perhaps: the answer was an error)")
	}
}

// otherClass tries to write what jobs of another class write.
func (p *probes) otherClass(ctx context.Context) {
	root, class := p.reach.Read[0].Root, p.classOf()
	if class == protocol.ClassTrusted {
		p.put(ctx, "other class", root+"/pr/doctor-"+p.chance+"/"+doctorObject, "note", "it harms nobody that a trusted job can write what pull requests read")
		return
	}
	state := "problem"
	if root == "v1/local" {
		state = "note" // nobody reads trusted scopes there
	}
	p.put(ctx, "other class", root+"/trusted/doctor-"+p.chance+"/"+doctorObject, state,
		"whoever runs code in this job can write what trusted jobs read; in its role's policy, this refuses it: "+p.denyOutside(root+"/"+class+"/*"))
}

// otherRepository tries to write what another repository's jobs read.
func (p *probes) otherRepository(ctx context.Context) {
	p.put(ctx, "other repo", "v1/doctor-other-"+p.chance+"/trusted/x", "problem",
		"this job can write what other repositories read; in its role's policy, this refuses it: "+p.denyOutside(p.reach.Read[0].Root+"/"+p.classOf()+"/*"))
}

// denyOutside is the statement that refuses puts but those of a pattern of names.
func (p *probes) denyOutside(pattern string) string {
	return fmt.Sprintf(`{"Effect": "Deny", "Action": "s3:PutObject", "NotResource": %q}`, p.place.S3.ARN(pattern))
}

// overwrite replaces the own object by the same bytes.
func (p *probes) overwrite(ctx context.Context) {
	name := p.ownDoctor()
	p.verdict("overwrite", "put "+name+" in place of what is there", p.place.S3.ProbeOverwrite(ctx, name, []byte(doctorBody)), "note", fmt.Sprintf(
		"what is stored can be replaced; in the bucket's policy, this refuses it: "+
			`{"Sid": "WrittenOnce", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": %q, "Condition": {"Null": {"s3:if-none-match": "true"}}}`,
		p.place.S3.ARN("*")))
}

// remove deletes the own object.
func (p *probes) remove(ctx context.Context) {
	name := p.ownDoctor()
	if !p.verdict("delete", "delete "+name, p.place.S3.ProbeDelete(ctx, name), "problem", fmt.Sprintf(
		"this job can delete what others need; in its role's policy, this refuses it: "+
			`{"Effect": "Deny", "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"], "Resource": %q}`, p.place.S3.ARN("*"))) {
		return
	}
	p.made = slices.DeleteFunc(p.made, func(made string) bool { return made == p.object(name) })
	p.say("delete", "note", "", "%s is deleted", p.object(name))
}

// listOutside lists what no repository has.
func (p *probes) listOutside(ctx context.Context) {
	prefix := "v1/doctor-other-" + p.chance + "/"
	_, err := p.place.Objects.List(ctx, prefix, "", 1)
	p.verdict("list", "list "+prefix, err, "warning", fmt.Sprintf(
		"this job can list what other repositories store; in its role's policy, this refuses it: "+
			`{"Effect": "Deny", "Action": "s3:ListBucket", "Resource": %q, "Condition": {"StringNotLike": {"s3:prefix": %q}}}`,
		p.place.S3.ARN(""), p.prefix()+p.reach.Read[0].Root+"/*"))
}

// prefix is what comes before names in the bucket's keys.
func (w *walk) prefix() string {
	if w.bucket.Prefix == "" {
		return ""
	}
	return w.bucket.Prefix + "/"
}

// modes looks for directories that anybody may write.
func (w *walk) modes() {
	w.say("modes", "note", "let only one trust domain in: docs/bucket.md", "a directory has no roles: whoever may write into it may write every scope")
	if runtime.GOOS == "windows" {
		w.say("modes", "note", "", "this system's modes do not tell who may write")
		return
	}
	dirs := []string{w.bucket.Dir, filepath.Join(w.bucket.Dir, "v1")}
	for _, scope := range w.reach.Read {
		dir := filepath.Join(w.bucket.Dir, filepath.FromSlash(scope.Root))
		dirs = append(dirs, dir)
		for segment := range strings.SplitSeq(scope.Name, "/") {
			dir = filepath.Join(dir, segment)
			dirs = append(dirs, dir)
		}
		for _, kind := range []string{"index", "pack", "profile"} {
			dirs = append(dirs, filepath.Join(dir, kind))
		}
	}
	seen, open := map[string]bool{}, 0
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || seen[dir] {
			continue // what is not there is nobody's; doctor tells what cannot be read
		}
		seen[dir] = true
		if info.Mode().Perm()&0o002 != 0 {
			open++
			w.say("modes", "note", "chmod o-w "+dir, "%s can be written by every user of this machine (%v)", dir, info.Mode())
		}
	}
	if open == 0 {
		w.say("modes", "ok", "", "directories looked at: %d, none of which every user of this machine can write", len(seen))
	}
}
