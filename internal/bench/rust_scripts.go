package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// timedSides are those of which the time of build scripts is told: what runs them, whatever it has cached, pays for them.
var timedSides = []string{nameCcwrap, nameMbx, nameReplay}

// noteScripts builds once more, unmeasured, to learn how long build scripts ran in it: the sum of their times, which may overlap.
// A command of cargo that takes no --timings is none of its business.
func (b *rustBench) noteScripts(ctx context.Context, s *side) error {
	if err := b.clean(s.checkout); err != nil {
		return err
	}
	argv := append(append(slices.Clone(s.argv), b.cargoArgs()...), "--timings")
	if _, err := b.run(ctx, job{argv: argv, env: s.env, dir: s.checkout}); err != nil {
		return ctx.Err()
	}
	page, err := os.ReadFile(filepath.Join(s.checkout, "target", "cargo-timings", "cargo-timing.html"))
	if err != nil {
		return err
	}
	scripts, seconds, err := scriptsOf(page)
	if err != nil {
		return err
	}
	b.note(kindWarm, s.name+": runs of build scripts", float64(scripts))
	b.note(kindWarm, s.name+": time of these, s", seconds)
	_, _, err = b.takeHits(ctx, s)
	return err
}

// scriptsOf reads the page that cargo --timings leaves: a list of all units as JSON is in it.
func scriptsOf(page []byte) (scripts int, seconds float64, err error) {
	_, rest, found := bytes.Cut(page, []byte("const UNIT_DATA = "))
	if !found {
		return 0, 0, errors.New("the page of cargo --timings has no list of units")
	}
	var units []struct {
		Mode     string  `json:"mode"`
		Duration float64 `json:"duration"`
	}
	if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&units); err != nil {
		return 0, 0, fmt.Errorf("read the page of cargo --timings: %w", err)
	}
	for _, u := range units {
		if u.Mode == "run-custom-build" {
			scripts++
			seconds += u.Duration
		}
	}
	return scripts, seconds, nil
}
