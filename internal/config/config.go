// Package config reads the settings that count when a daemon starts, each with where its value came from. A
// flag beats the environment, which beats the default. A value that cannot be read is one warning and the default:
// settings never fail a build.
//
// The settings that come with each invocation (READONLY, RECACHE, KEY_SALT ...) are the engine's.
package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Source is where a setting's value came from.
type Source string

// Sources, strongest first.
const (
	FromFlag        Source = "flag"
	FromEnvironment Source = "environment"
	FromDefault     Source = "default"
)

// Setting is one value with its source.
type Setting[T any] struct {
	Value  T      `json:"value"`
	Source Source `json:"source"`
}

// Config is what a daemon is started with.
type Config struct {
	MaxSize     Setting[Size]          `json:"max_size"`
	LogLevel    Setting[slog.Level]    `json:"log"`
	IdleTimeout Setting[time.Duration] `json:"idle_timeout"`
	Bucket      Setting[Bucket]        `json:"bucket"`
	Edge        Setting[Bucket]        `json:"edge"`
	Profile     Setting[string]        `json:"profile"`            // what a job's profile is called; empty: after its workflow and job
	Warnings    []string               `json:"warnings,omitempty"` // one per value that could not be read
}

// The defaults.
const (
	DefaultMaxBytes    = 10 << 30
	DefaultMaxPercent  = 20
	DefaultIdleTimeout = 10 * time.Minute
)

// Read returns the configuration of an environment. It always succeeds: what cannot be read is the default, and a line in Warnings.
func Read(getenv func(string) string) Config {
	c := Config{
		MaxSize:     Setting[Size]{Size{Bytes: DefaultMaxBytes, Percent: DefaultMaxPercent}, FromDefault},
		LogLevel:    Setting[slog.Level]{slog.LevelInfo, FromDefault},
		IdleTimeout: Setting[time.Duration]{DefaultIdleTimeout, FromDefault},
		Bucket:      Setting[Bucket]{Source: FromDefault},
		Edge:        Setting[Bucket]{Source: FromDefault},
		Profile:     Setting[string]{Source: FromDefault},
	}
	set(&c, getenv, "COMPILE_CACHE_MAX_SIZE", &c.MaxSize, ParseSize)
	set(&c, getenv, "COMPILE_CACHE_LOG", &c.LogLevel, parseLevel)
	set(&c, getenv, "COMPILE_CACHE_IDLE_TIMEOUT", &c.IdleTimeout, parseTimeout)
	setBucket(&c, getenv, "COMPILE_CACHE_BUCKET", &c.Bucket)
	setBucket(&c, getenv, "COMPILE_CACHE_EDGE", &c.Edge)
	set(&c, getenv, "COMPILE_CACHE_PROFILE", &c.Profile, parseProfile)
	if v := getenv("COMPILE_CACHE_REMOTE"); v != "" && v != "off" && v != "0" {
		c.Warnings = append(c.Warnings, "COMPILE_CACHE_REMOTE is set, but this version has no such feature yet; it is ignored")
	}
	if v := getenv("COMPILE_CACHE_RECHECK"); v != "" {
		if _, err := ParseRecheck(v); err != nil {
			c.Warnings = append(c.Warnings, fmt.Sprintf("COMPILE_CACHE_RECHECK=%q: %v; nothing is compiled again", v, err))
		}
	}
	_, ignored := ParseRoots(getenv("COMPILE_CACHE_ROOTS"))
	for _, dir := range ignored {
		c.Warnings = append(c.Warnings, fmt.Sprintf("COMPILE_CACHE_ROOTS: %q is neither off, auto nor an absolute directory; it is ignored", dir))
	}
	for _, name := range []string{"COMPILE_CACHE_DISABLE", "COMPILE_CACHE_READONLY", "COMPILE_CACHE_RECACHE"} {
		if v := getenv(name); !boolean(v) {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s=%q is no boolean (1, true, yes, 0, false, no); it counts as 0", name, v))
		}
	}
	return c
}

func set[T any](c *Config, getenv func(string) string, name string, to *Setting[T], parse func(string) (T, error)) {
	text := getenv(name)
	if text == "" {
		return
	}
	v, err := parse(text)
	if err != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s=%q: %v; the default is used", name, text, err))
		return
	}
	*to = Setting[T]{v, FromEnvironment}
}

// setBucket reads a bucket, whose value may hold a secret by mistake.
func setBucket(c *Config, getenv func(string) string, name string, to *Setting[Bucket]) {
	value := getenv(name)
	if value == "" {
		return
	}
	b, warnings, err := ParseBucket(value, getenv)
	for _, w := range warnings {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s", name, w))
	}
	if err != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s=%q: %v; no such bucket is used", name, withoutSecrets(value), err))
		return
	}
	*to = Setting[Bucket]{b, FromEnvironment}
}

// MaxProfile bounds the name of a profile, in bytes.
const MaxProfile = 200

func parseProfile(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > MaxProfile || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fmt.Errorf("want one printable line of at most %d bytes", MaxProfile)
	}
	return text, nil
}

func boolean(s string) bool {
	switch strings.ToLower(s) {
	case "", "0", "false", "no", "1", "true", "yes":
		return true
	}
	return false
}

// Size is a limit on a store: bytes, or percent of the file system, the smaller where both are set.
type Size struct {
	Bytes   int64 `json:"bytes,omitempty"`
	Percent int   `json:"percent,omitempty"`
}

// Limit returns the limit in bytes on a file system of the given size (0 where unknown).
func (s Size) Limit(fileSystem int64) int64 {
	limit := s.Bytes
	if s.Percent > 0 && fileSystem > 0 {
		if share := fileSystem / 100 * int64(s.Percent); limit == 0 || share < limit {
			limit = share
		}
	}
	if limit == 0 {
		limit = DefaultMaxBytes
	}
	return limit
}

// units are the suffixes of a size; K and KB mean 1024 here, as in ccache's and sccache's settings.
var units = []struct {
	suffix string
	factor int64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"tb", 1 << 40},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40}, {"b", 1}, {"", 1},
}

// ParseSize reads "5GiB", "500M", "1073741824" or "10%": bytes, with units of 1024 however they are spelled, or a share of the file
// system. The error says what is wanted.
func ParseSize(text string) (Size, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	if p, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || n < 1 || n > 100 {
			return Size{}, fmt.Errorf("want 1%% to 100%%")
		}
		return Size{Percent: n}, nil
	}
	for _, u := range units {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil {
			break
		}
		if v <= 0 || v*float64(u.factor) > 1<<60 {
			break
		}
		return Size{Bytes: int64(v * float64(u.factor))}, nil
	}
	return Size{}, fmt.Errorf("want a size such as 5GiB, 500M or 10%%")
}

func parseLevel(text string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return l, fmt.Errorf("want debug, info, warn or error")
	}
	return l, nil
}

func parseTimeout(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		// A bare number means seconds, as for most tools.
		n, nerr := strconv.Atoi(text)
		if nerr != nil {
			return 0, fmt.Errorf("want a duration such as 10m or 30s")
		}
		d = time.Duration(n) * time.Second
	}
	if d < 0 {
		return 0, fmt.Errorf("want no negative duration")
	}
	return d, nil
}
