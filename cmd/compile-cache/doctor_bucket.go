package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/credentials"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// How long the way to a bucket may take, and its steps. A service that is not there costs three attempts to connect.
const (
	walkTime     = 20 * time.Second
	identityTime = 8 * time.Second
	regionTime   = 6 * time.Second
	listTime     = 10 * time.Second
	getTime      = 6 * time.Second
	putTime      = 6 * time.Second
)

// walk is the way to one place, step by step. All steps ask with the environment of this command; what the daemon has of it may be older,
// which checkDaemon tells.
type walk struct {
	*app
	tier   string // "bucket" or "edge"
	bucket config.Bucket
	source config.Source
	reach  daemon.Reach
	place  daemon.Place // set by credentials
	found  findings

	ahead time.Duration // of this machine's clock, before the store's
	timed bool          // ahead is known
}

// step is one of a walk. It returns false where those after it need not be tried.
type step struct {
	name  string
	limit time.Duration
	do    func(context.Context) bool
}

// say notes a finding of a step.
func (w *walk) say(step, state, hint, format string, args ...any) {
	w.found.say(w.tier+" "+step, state, hint, format, args...)
}

// problem notes that something failed.
func (w *walk) problem(step, about string, err error) {
	text, hint := told(err)
	w.say(step, "problem", hint, "%s%s", about, text)
}

// walks goes to all places that are set, to all of them at the same time.
func (a *app) walks() []*walk {
	return a.eachPlace(func(ctx context.Context, w *walk) {
		w.steps(ctx, append(w.begin(), step{"list", walkTime, w.read}, step{"put", putTime, w.put}, step{"clock", putTime, w.skew})...)
	})
}

// eachPlace calls f for each place that is set.
func (a *app) eachPlace(f func(context.Context, *walk)) []*walk {
	c := config.Read(a.getenv)
	var all []*walk
	var running sync.WaitGroup
	for _, p := range []struct {
		tier   string
		bucket config.Setting[config.Bucket]
	}{{"bucket", c.Bucket}, {"edge", c.Edge}} {
		if p.bucket.Value.Kind == config.NoBucket {
			continue
		}
		w := &walk{app: a, tier: p.tier, bucket: p.bucket.Value, source: p.bucket.Source}
		w.reach = daemon.FindReach(w.bucket, a.getenv, a.place.Class)
		all = append(all, w)
		running.Go(func() {
			ctx, cancel := context.WithTimeout(a.ctx, walkTime)
			defer cancel()
			f(ctx, w)
			if w.place.Chosen != nil {
				w.place.Chosen.Close()
			}
		})
	}
	running.Wait()
	return all
}

// steps goes as far as it can, and says what was not tried.
func (w *walk) steps(ctx context.Context, all ...step) {
	failed, skipped := "", []string(nil)
	for _, s := range all {
		if failed != "" {
			skipped = append(skipped, s.name)
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, s.limit)
		if !s.do(ctx) {
			failed = s.name
		}
		cancel()
	}
	if skipped != nil {
		w.say(failed, "note", "", "not tried after that: %s", strings.Join(skipped, ", "))
	}
}

// begin is the way up to the first request for an object.
func (w *walk) begin() []step {
	all := []step{{"settings", time.Second, w.settings}, {"scope", time.Second, w.scope}, {"credentials", time.Second, w.credentials}}
	if w.bucket.Kind == config.S3 {
		all = append(all, step{"identity", identityTime, w.identity}, step{"region", regionTime, w.region})
	}
	return all
}

// settings tells what was understood.
func (w *walk) settings(context.Context) bool {
	text := fmt.Sprintf("%s (%s)", w.bucket, w.source)
	for _, s := range []struct {
		name  string
		value config.Setting[string]
	}{{"region", w.bucket.Region}, {"endpoint", w.bucket.Endpoint}, {"ca", w.bucket.CA}, {"sts-endpoint", w.bucket.STSEndpoint}} {
		if s.value.Value != "" && s.value.Source != config.FromURL {
			text += fmt.Sprintf(", %s %s (%s)", s.name, s.value.Value, s.value.Source)
		}
	}
	w.say("settings", "ok", "", "%s", text)
	return true
}

// scope tells what is read and written. That nothing is readable is said at its place.
func (w *walk) scope(context.Context) bool {
	s := w.reach.Scopes
	own := s.Own
	if own == "" {
		own = "none"
	}
	var read []string
	for _, scope := range w.reach.Read {
		read = append(read, scope.Root+"/"+scope.Name)
	}
	text := fmt.Sprintf("class %s, repository %s, own scope %s, reads %s", s.Class, orNone(s.Repository), own, orNone(strings.Join(read, ", ")))
	if w.bucket.Repository != "" {
		text += " (repository by repo=)"
	}
	if w.reach.Write {
		w.say("scope", "ok", "", "%s, writes its own", text)
	} else {
		w.say("scope", "note", "", "%s, writes nothing: %s", text, w.reach.WhyNot)
	}
	for _, note := range s.Notes {
		w.say("scope", "note", "", "%s", note)
	}
	return true
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// readable ends the way of a job that may read nothing.
func (w *walk) readable() bool {
	if len(w.reach.Read) > 0 {
		return true
	}
	w.say("scope", "problem", "what the runner says of the job has to tell the repository's id; repo= in the bucket's URL names one", "no scope can be read")
	return false
}

// credentials opens the place.
func (w *walk) credentials(context.Context) bool {
	place, err := daemon.OpenPlace(w.bucket, w.reach.Scopes.Class, w.getenv, w.now, slog.New(slog.DiscardHandler))
	if err != nil {
		step := "settings"
		if refused := (*credentials.Error)(nil); errors.As(err, &refused) {
			step = "credentials"
		}
		w.problem(step, "", err)
		return false
	}
	w.place = place
	c := place.Chosen
	if c == nil {
		w.say("credentials", "ok", "", "none are needed for a directory")
		return true
	}
	text := c.Provider + ": " + c.Why
	for _, more := range []struct{ label, value string }{{"role", c.Role}, {"profile", c.Profile}, {"from", c.Endpoint}} {
		if more.value != "" {
			text += ", " + more.label + " " + more.value
		}
	}
	w.say("credentials", "ok", "", "%s", text)
	for _, ignored := range c.Ignored {
		w.say("credentials", "note", "", "%s", ignored)
	}
	if len(c.NotApplicable) > 0 {
		w.say("credentials", "ok", "", "not applicable: %s", strings.Join(c.NotApplicable, "; "))
	}
	return true
}

// identity gets the credentials and tells whose they are.
func (w *walk) identity(ctx context.Context) bool {
	c := w.place.Chosen
	elsewhere := w.bucket.Endpoint.Value != "" && w.bucket.STSEndpoint.Value == ""
	switch {
	case c.Provider == credentials.Anonymous:
		w.say("identity", "ok", "", "nobody: requests are not signed")
		return true
	case elsewhere && c.Role == "" && w.bucket.Account == "" && (c.Provider == credentials.Static || c.Provider == credentials.Profile):
		// AWS is not told of keys that are another service's.
		w.say("identity", "ok", "", "not asked: the endpoint is not that of AWS, and there is no sts-endpoint")
		return true
	}
	id, err := c.Check(ctx)
	if err != nil {
		w.problem("identity", "", err)
		if refused := (*credentials.Error)(nil); errors.As(err, &refused) {
			w.claims(refused.Claims)
		}
		return false
	}
	if id.ARN == "" {
		w.say("identity", "note", "", "there are credentials, but not known whose: %s", id.Unknown)
	} else {
		w.say("identity", "ok", "", "%s, account %s", id.ARN, orNone(id.Account))
	}
	if id.Expires.IsZero() {
		w.say("identity", "ok", "", "the credentials have no end that is known")
	} else {
		w.say("identity", "ok", "", "the credentials are good until %s, for %s", id.Expires.UTC().Format(time.RFC3339), id.Expires.Sub(w.now()).Round(time.Minute))
	}
	w.claims(id.Claims)
	return true
}

// claims tells what an identity token says, if there was one.
func (w *walk) claims(t *credentials.Claims) {
	if t == nil {
		return
	}
	w.say("identity", "ok", "", "the identity token says: iss %s, sub %s, aud %s, repository %s, ref %s, job_workflow_ref %s",
		orNone(t.Issuer), orNone(t.Subject), orNone(strings.Join(t.Audience, " ")), orNone(t.Repository), orNone(t.Ref), orNone(t.JobWorkflowRef))
}

// region tells where the bucket is.
func (w *walk) region(ctx context.Context) bool {
	region, err := w.place.S3.FindRegion(ctx)
	switch set := w.bucket.Region; {
	case err != nil:
		w.problem("region", "", err)
		return false
	case set.Value != "":
		w.say("region", "ok", "", "%s, by %s", region, set.Source)
	case w.bucket.Endpoint.Value != "":
		w.say("region", "ok", "", "%s, as always where there is an endpoint and no region", region)
	default:
		w.say("region", "ok", "", "%s, as the bucket says; region=%s in its URL saves that question", region, region)
	}
	return true
}

// told is an error in two parts: what failed, and what to do.
func told(err error) (text, hint string) {
	var failed *objects.Error
	var refused *credentials.Error
	switch {
	case errors.As(err, &failed):
		return failed.Split()
	case errors.As(err, &refused):
		return refused.Split()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time: " + err.Error(), "the service is slow or silent: see endpoint=, the network, a proxy (HTTPS_PROXY) or a firewall"
	}
	return err.Error(), ""
}

// kindOf returns the kind of a store's error, "" of others.
func kindOf(err error) objects.Kind {
	if failed := (*objects.Error)(nil); errors.As(err, &failed) {
		return failed.Kind
	}
	return ""
}

// skew compares this machine's clock with the store's.
func (w *walk) skew(context.Context) bool {
	if !w.timed {
		w.say("clock", "ok", "", "not compared: only a file that is written tells the directory's time")
		return true
	}
	direction := "ahead of"
	if w.ahead < 0 {
		direction = "behind"
	}
	off := w.ahead.Abs().Round(time.Second)
	const hint = "set this machine's clock; S3 refuses requests from 15 minutes on"
	switch {
	case off > 5*time.Minute:
		w.say("clock", "warning", hint, "this machine's clock is %v %s the store's", off, direction)
	case off > 30*time.Second:
		w.say("clock", "note", hint, "this machine's clock is %v %s the store's", off, direction)
	default:
		w.say("clock", "ok", "", "this machine's clock and the store's agree within 30 seconds")
	}
	return true
}

// classOf is the class of the job's scopes, as their names begin.
func (w *walk) classOf() string {
	switch w.reach.Scopes.Class {
	case protocol.ClassTrusted, protocol.ClassPR:
		return w.reach.Scopes.Class
	}
	return protocol.ClassLocal
}
