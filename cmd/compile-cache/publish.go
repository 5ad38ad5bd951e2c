package main

import (
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
)

// publish has the daemon make visible to other machines what builds have stored, and says what did not work. Nothing of it fails a
// command. Where this one was interrupted, nobody waits: the daemon publishes by itself too.
func (a *app) publish(client *daemon.Client) {
	st, err := client.Ping()
	if err != nil {
		if shares(config.Read(a.getenv)) {
			a.ui.warningf("the daemon does not answer any more, so what it has not published yet waits for the next one: %v", err)
		}
		return
	}
	if !shares(st.Config) || a.ctx.Err() != nil {
		return
	}
	done := a.ui.progress("publishing what was compiled")
	p, err := client.Publish(a.ctx)
	done()
	switch {
	case a.ctx.Err() != nil:
		return
	case err != nil:
		a.ui.warningf("publish: %v", err)
		return
	}
	for _, problem := range p.Problems {
		a.ui.warningf("%s", problem.Text)
		if problem.Advice != "" {
			a.ui.hintf("%s", problem.Advice)
		}
	}
	switch p.Dropped {
	case 0:
	case 1:
		a.ui.warningf("1 result was not published")
	default:
		a.ui.warningf("%d results were not published", p.Dropped)
	}
}

// publishLast publishes where a daemon runs, so that the report after it has it all.
func (a *app) publishLast() {
	client, err := daemon.Dial(a.place)
	if err != nil {
		return // it left, and has published before
	}
	defer client.Close()
	a.publish(client)
}

// shares reports whether a daemon with these settings shares what it stores with other machines.
func shares(c config.Config) bool {
	return c.Bucket.Value.Kind != config.NoBucket || c.Edge.Value.Kind != config.NoBucket
}
