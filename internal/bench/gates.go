package bench

// Gate is one row of the project's budgets beside what was measured.
type Gate struct {
	What     string  `json:"what"`
	Gate     float64 `json:"gate"`
	Goal     float64 `json:"goal"`
	AtLeast  bool    `json:"at_least"` // the measured value must not be below the gate; else not above
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Met      bool    `json:"met"`
	GoalMet  bool    `json:"goal_met"`
}

// budget says where the value of a gate is found: a ratio of a case, or a number.
type budget struct {
	what       string
	gate, goal float64
	atLeast    bool
	unit       string

	in          string // case
	of, against string // of the ratio
	by          string // "wall" or "cpu"
	number      string
}

// budgets are those rows of the project's budgets that this program can measure. A gate not met is a defect; the goal is where
// we are going.
var budgets = []budget{
	{what: "headers hit, wall, against ccache", gate: 0.5, goal: 0.35, in: "headers", of: nameCcwrap, against: nameCcache, by: "wall", unit: "ratio"},
	{what: "headers hit, CPU, against ccache", gate: 0.5, goal: 0.35, in: "headers", of: nameCcwrap, against: nameCcache, by: "cpu", unit: "ratio"},
	{what: "small hit, wall, against ccache", gate: 0.8, goal: 0.6, in: "small", of: nameCcwrap, against: nameCcache, by: "wall", unit: "ratio"},
	{what: "small hit, CPU, against ccache", gate: 0.8, goal: 0.6, in: "small", of: nameCcwrap, against: nameCcache, by: "cpu", unit: "ratio"},
	{what: "first build, CPU, against plain and a copy", gate: 1.05, goal: 1.03, in: "tax", of: coldCcwrap, against: namePlainCopy, by: "cpu", unit: "ratio"},
	{what: "small hits over held connections", gate: 5000, goal: 8000, atLeast: true, in: "daemon", number: numberHits, unit: "hits/s"},
	{what: "p99 at 64 clients", gate: 20, goal: 10, in: "daemon", number: numberP99, unit: "ms"},
	{what: "memory of the daemon after it", gate: 200, goal: 150, in: "daemon", number: numberRSS, unit: "MB"},
	{what: "fresh runner, bucket at 30 ms, against local warm and a hash", gate: 1.3, goal: 1.15, in: "bucket", of: "ccwrap, bucket at 30 ms", against: localAndHash, by: "wall", unit: "ratio"},
	{what: "the same, against local warm with a new daemon", gate: 1.3, goal: 1.15, in: "bucket", of: "ccwrap, bucket at 30 ms", against: localNextHash, by: "wall", unit: "ratio"},
	{what: "failures among the herd", gate: 0, goal: 0, in: "herd", number: numberFailures, unit: "wrappers"},
}

// Gates returns the budgets that the cases measured. Ratios are those of medians.
func Gates(cases []*Case) []Gate {
	gates := []Gate{}
	for _, b := range budgets {
		v, ok := b.find(cases)
		if !ok {
			continue
		}
		g := Gate{What: b.what, Gate: b.gate, Goal: b.goal, AtLeast: b.atLeast, Measured: v, Unit: b.unit}
		if b.atLeast {
			g.Met, g.GoalMet = v >= b.gate, v >= b.goal
		} else {
			g.Met, g.GoalMet = v <= b.gate, v <= b.goal
		}
		gates = append(gates, g)
	}
	return gates
}

func (b budget) find(cases []*Case) (float64, bool) {
	for _, c := range cases {
		if c.Name != b.in {
			continue
		}
		for _, r := range c.Ratios {
			if b.number == "" && r.Of == b.of && r.Against == b.against && r.What == b.by {
				return r.Medians, true
			}
		}
		for _, n := range c.Numbers {
			if n.Name == b.number {
				return n.Value, true
			}
		}
	}
	return 0, false
}
