package main

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/compile-cache/compile-cache-action/internal/cache/disk"
)

type clearCmd struct{}

// Run removes what is stored, under a living daemon too. Counters are kept: stats --zero resets those.
func (c *clearCmd) Run(a *app) error {
	before, err := disk.Usage(a.ctx, a.place.Dir)
	if err != nil {
		return fmt.Errorf("clear %s: %w", a.place.Dir, err)
	}
	store, err := disk.Open(disk.Options{Dir: a.place.Dir, Class: a.place.Class, Now: a.now})
	if err != nil {
		return fmt.Errorf("clear %s: %w", a.place.Dir, err)
	}
	defer a.ui.progress("removing %s", humanize.IBytes(uint64(max(0, before.Bytes))))()
	if err := errors.Join(store.Clear(a.ctx), store.Close(a.ctx)); err != nil {
		return fmt.Errorf("clear %s: %w", a.place.Dir, err)
	}
	fmt.Fprintf(a.stdout, "removed %s from %s\n", humanize.IBytes(uint64(max(0, before.Bytes))), a.place.Dir)
	return nil
}
