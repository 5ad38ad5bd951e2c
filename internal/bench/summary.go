package bench

import (
	"math"
	"slices"
	"time"
)

// Sample is one run.
type Sample struct {
	Round     int
	Wall      time.Duration
	CPU       time.Duration // of the process tree, and DaemonCPU
	DaemonCPU time.Duration // 0 for variants without a daemon
}

// Summary is what is told of many runs, in milliseconds.
type Summary struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// summarize returns the summary of one duration of each sample; zeros where there is none.
func summarize(samples []Sample, of func(Sample) time.Duration) Summary {
	if len(samples) == 0 {
		return Summary{}
	}
	ms := make([]float64, len(samples))
	for i, s := range samples {
		ms[i] = milliseconds(of(s))
	}
	slices.Sort(ms)
	return Summary{Min: ms[0], Median: median(ms), Max: ms[len(ms)-1]}
}

// median returns the middle of a list, which it sorts; 0 of an empty one.
func median(list []float64) float64 {
	slices.Sort(list)
	n := len(list)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return list[n/2]
	}
	return (list[n/2-1] + list[n/2]) / 2
}

// Ratio compares two variants by one duration.
type Ratio struct {
	Of            string  `json:"of"`
	Against       string  `json:"against"`
	What          string  `json:"what"` // "wall" or "cpu"
	Medians       float64 `json:"of_medians"`
	MedianOfPairs float64 `json:"median_of_pairs"` // over the rounds in which both ran
}

// ratio returns the ratio of two variants; ok is false where one of them did not run.
func ratio(of, against Variant, what string, duration func(Sample) time.Duration) (r Ratio, ok bool) {
	if len(of.samples) == 0 || len(against.samples) == 0 {
		return r, false
	}
	r = Ratio{Of: of.Name, Against: against.Name, What: what}
	below := summarize(against.samples, duration).Median
	if below == 0 {
		return r, false
	}
	r.Medians = round(summarize(of.samples, duration).Median / below)
	var pairs []float64
	for _, a := range of.samples {
		for _, b := range against.samples {
			if a.Round == b.Round && duration(b) > 0 {
				pairs = append(pairs, float64(duration(a))/float64(duration(b)))
			}
		}
	}
	r.MedianOfPairs = round(median(pairs))
	return r, true
}

func wallOf(s Sample) time.Duration   { return s.Wall }
func cpuOf(s Sample) time.Duration    { return s.CPU }
func daemonOf(s Sample) time.Duration { return s.DaemonCPU }

// milliseconds returns d in milliseconds, to the microsecond.
func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// round keeps three digits behind the point: the noise is larger.
func round(f float64) float64 { return math.Round(f*1000) / 1000 }
