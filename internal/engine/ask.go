package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

const (
	maxAnswers = 256     // that are remembered: a build asks a handful of questions, but each of them many times
	maxAnswer  = 1 << 20 // bytes
)

// ask answers a call that compiles nothing without starting the compiler, where it was asked the same before. The outcome stays that of
// the decline; false says that the call is declined as usual.
func (c *call) ask(ctx context.Context, why error) (Answer, bool) {
	var d *compile.Decline
	asker, ok := c.fe.(frontend.Asker)
	if !ok || !errors.As(why, &d) || d.Outcome != compile.NotCompile {
		return Answer{}, false
	}
	asked := &listener{Prober: c.client, argv: append([]string{c.inv.Program}, c.inv.Args...)}
	name := asker.Ask(ctx, c.inv, c.view, asked)
	if name == "" {
		return Answer{}, false
	}
	text := []string{name, c.set.salt}
	for _, n := range c.set.keyEnv {
		value, _ := c.inv.Getenv(n)
		text = append(text, n, value)
	}
	k := digest.KeyOf([]byte(strings.Join(text, "\x00")))
	said, ok := c.answers.Get(k)
	if !ok || c.set.recache {
		if !asked.heard {
			if _, err := asked.Probe(ctx, asked.argv, nil); err != nil {
				return Answer{}, false
			}
		}
		if r := asked.said; r.Status != 0 || len(r.Stderr) > 0 || len(r.Stdout) > maxAnswer {
			return Answer{}, false
		}
		said = asked.said.Stdout
		c.answers.Set(k, said)
	}
	c.event.Outcome, c.event.Reason, c.event.Detail = d.Outcome, d.Reason, d.Detail
	return Answer{Replay: &Replay{Stdout: said}}, true
}

// listener notes the answer to one question among those that a front-end has to ask anyway.
type listener struct {
	frontend.Prober
	argv  []string
	heard bool
	said  frontend.ProbeResult
}

// Probe implements frontend.Prober.
func (l *listener) Probe(ctx context.Context, argv, env []string) (frontend.ProbeResult, error) {
	said, err := l.Prober.Probe(ctx, argv, env)
	if err == nil && len(env) == 0 && slices.Equal(argv, l.argv) {
		l.heard, l.said = true, said
	}
	return said, err
}
