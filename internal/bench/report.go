package bench

import (
	"encoding/json"
	"io"
	"time"
)

// Schema is bumped when a field of Report changes its meaning.
const Schema = 1

// Report is what a run of the benchmark found.
type Report struct {
	Schema   int       `json:"schema"`
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"`
	Machine  Machine   `json:"machine"`
	Versions Versions  `json:"versions"`
	Cases    []*Case   `json:"cases"`
	Gates    []Gate    `json:"gates"`
	Absent   []Absent  `json:"absent,omitempty"`  // of what was asked for, what was not measured
	CutOff   string    `json:"cut_off,omitempty"` // why the run ended early; "" where it did not
}

// Absent is a variant of a case that was not measured, or not in all rounds.
type Absent struct {
	Case    string `json:"case"`
	Variant string `json:"variant"`
	Why     string `json:"why"`
}

// Machine is where it ran. Loads are of the last minute.
type Machine struct {
	Cores       int     `json:"cores"`
	Model       string  `json:"model"`
	MemoryBytes int64   `json:"memory_bytes"`
	System      string  `json:"system"` // GOOS/GOARCH
	Kernel      string  `json:"kernel"`
	LoadBegin   float64 `json:"load_begin"`
	LoadEnd     float64 `json:"load_end"`
}

// Versions are of the programs that took part; empty where one did not.
type Versions struct {
	CompileCache string `json:"compile_cache"`
	Ccache       string `json:"ccache"`
	CC           string `json:"cc"`
	CXX          string `json:"cxx"`

	// Of the benchmark of cargo builds.
	Cargo string            `json:"cargo,omitempty"`
	Rustc string            `json:"rustc,omitempty"`
	Peers map[string]string `json:"peers,omitempty"` // what they say of themselves, by name
}

// Case is one measurement.
type Case struct {
	Name     string         `json:"name"`
	What     string         `json:"what"`
	Rounds   int            `json:"rounds"`
	Settings map[string]any `json:"settings"` // what was measured: number of headers, flags, command
	Variants []Variant      `json:"variants"`
	Ratios   []Ratio        `json:"ratios"`
	Numbers  []Number       `json:"numbers"`
}

// Variant is one way to do what the case does.
type Variant struct {
	Name        string   `json:"name"`
	Runs        int      `json:"runs"`
	WallMS      Summary  `json:"wall_ms"`
	CPUMS       Summary  `json:"cpu_ms"` // with the daemon's
	DaemonCPUMS *Summary `json:"daemon_cpu_ms,omitempty"`

	samples []Sample
}

// Number is any other finding of a case.
type Number struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// add appends a number to a case.
func (c *Case) add(name string, value float64, unit string) {
	c.Numbers = append(c.Numbers, Number{name, round(value), unit})
}

// setVariants fills in the variants, in the order of names.
func (c *Case) setVariants(names []string, samples map[string][]Sample) {
	for _, name := range names {
		s := samples[name]
		if len(s) == 0 {
			continue
		}
		v := Variant{Name: name, Runs: len(s), WallMS: summarize(s, wallOf), CPUMS: summarize(s, cpuOf), samples: s}
		if d := summarize(s, daemonOf); d.Max > 0 {
			v.DaemonCPUMS = &d
		}
		c.Variants = append(c.Variants, v)
	}
}

// compare appends the ratios of one variant to another, where both ran.
func (c *Case) compare(of, against string) {
	a, b := c.variant(of), c.variant(against)
	if a == nil || b == nil {
		return
	}
	for _, r := range []struct {
		what     string
		duration func(Sample) time.Duration
	}{{"wall", wallOf}, {"cpu", cpuOf}} {
		if r, ok := ratio(*a, *b, r.what, r.duration); ok {
			c.Ratios = append(c.Ratios, r)
		}
	}
}

func (c *Case) variant(name string) *Variant {
	for i := range c.Variants {
		if c.Variants[i].Name == name {
			return &c.Variants[i]
		}
	}
	return nil
}

// WriteJSON writes the report as indented JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}
