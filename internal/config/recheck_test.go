package config

import "testing"

func TestParseRecheck(t *testing.T) {
	for text, want := range map[string]float64{"": 0, "off": 0, "0": 0, "5": 5, "5%": 5, " 0.5 % ": 0.5, "100%": 100, "1e-3": 0.001} {
		if got, err := ParseRecheck(text); got != want || err != nil {
			t.Errorf("ParseRecheck(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yes", "%", "-1", "101", "5 of 100", "NaN", "Inf", "5%%"} {
		if got, err := ParseRecheck(text); got != 0 || err == nil {
			t.Errorf("ParseRecheck(%q) = %v, %v, want 0 and an error", text, got, err)
		}
	}
}

func TestReadWarnsOfAShareThatIsNone(t *testing.T) {
	for text, want := range map[string]int{"": 0, "5%": 0, "much": 1} {
		c := Read(func(name string) string {
			if name == "COMPILE_CACHE_RECHECK" {
				return text
			}
			return ""
		})
		if len(c.Warnings) != want {
			t.Errorf("COMPILE_CACHE_RECHECK=%q warns %q, want %d warnings", text, c.Warnings, want)
		}
	}
}
