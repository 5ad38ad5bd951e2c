package search

import (
	"flag"
	"testing"
)

// Flags are how long a test searches, and from where.
type Flags struct {
	Cases int // 0: as AddFlags says
	Found int // stop after so many wrong answers
	Seed  uint64
}

// AddFlags adds the flags of a search to those of a test.
func AddFlags(set *flag.FlagSet) *Flags {
	f := &Flags{}
	set.IntVar(&f.Cases, "oracle.cases", 0, "number of cases; 0 for 20,000, or 2,000 with -short")
	set.IntVar(&f.Found, "oracle.found", 1, "stop after so many wrong answers")
	set.Uint64Var(&f.Seed, "oracle.seed", 1, "first seed")
	return f
}

func (f *Flags) cases() int {
	switch {
	case f.Cases > 0:
		return f.Cases
	case testing.Short():
		return 2_000
	}
	return 20_000
}
