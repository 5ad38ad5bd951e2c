package config

import (
	"errors"
	"strconv"
	"strings"
)

// ParseRecheck reads what COMPILE_CACHE_RECHECK says, which comes with each invocation: how many percent of the hits are compiled
// again and compared. "5", "5%", "0.1%"; empty and "off" are 0.
func ParseRecheck(text string) (percent float64, err error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "off" {
		return 0, nil
	}
	percent, err = strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "%")), 64)
	// Written so that NaN is refused too.
	if err != nil || !(percent >= 0 && percent <= 100) {
		return 0, errors.New("want a percentage from 0 to 100, such as 5 or 0.5%")
	}
	return percent, nil
}
