package main

import (
	"fmt"

	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// statsCmd prints counters. It starts no daemon: whatever a wrapper that has exited was counted for is in the spool.
type statsCmd struct {
	JSON bool `name:"json" help:"Print one line of JSON."`
	Zero bool `help:"Count from now on; what is stored stays."`
}

// Run zeroes first, so with both flags it prints zeros.
func (c *statsCmd) Run(a *app) error {
	if c.Zero {
		if err := report.Zero(a.ctx, report.SpoolDir(a.place.Dir), a.now()); err != nil {
			return fmt.Errorf("zero counters: %w", err)
		}
		if !c.JSON {
			return nil
		}
	}
	a.settle()
	if c.JSON {
		s, err := report.ReadStats(a.place.Dir, Version, a.now())
		if err != nil {
			return err
		}
		if err := a.measure(s); err != nil {
			return err
		}
		return s.WriteJSON(a.stdout)
	}
	s, err := report.Load(a.place.Dir, a.reportOptions(""))
	if err != nil {
		return err
	}
	if err := a.measure(s.Stats); err != nil {
		return err
	}
	return s.WriteStats(a.stdout)
}

// settle has a daemon that runs write what it did at a bucket since it last wrote that. All else is in the spool already.
func (a *app) settle() {
	client, err := daemon.Dial(a.place)
	if err != nil {
		return
	}
	defer client.Close()
	_ = client.Record() // an older daemon does not know it
}

// measure adds what the spool does not know: the size of the store and its limit by the present settings.
func (a *app) measure(s *report.Stats) error {
	sizes, err := disk.Usage(a.ctx, a.place.Dir)
	if err != nil {
		return err
	}
	s.SizeBytes, s.MaxSizeBytes = sizes.Bytes, daemon.StoreLimit(a.place.Dir, config.Read(a.getenv))
	return nil
}
