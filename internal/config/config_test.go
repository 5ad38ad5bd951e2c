package config

import (
	"log/slog"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"5GiB": {Bytes: 5 << 30}, "5g": {Bytes: 5 << 30}, "500M": {Bytes: 500 << 20}, "1.5 GB": {Bytes: 3 << 29},
		"1024": {Bytes: 1024}, "7b": {Bytes: 7}, "10%": {Percent: 10},
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "0", "0%", "101%", "x%", "5 apples", "1e300"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %v, want an error", text, got)
		}
	}
}

func TestLimit(t *testing.T) {
	def := Size{Bytes: DefaultMaxBytes, Percent: DefaultMaxPercent}
	for _, c := range []struct {
		size Size
		fs   int64
		want int64
	}{
		{def, 1 << 40, 10 << 30},
		{def, 10 << 30, (10 << 30) / 100 * 20},
		{def, 0, 10 << 30},
		{Size{Percent: 50}, 1000, 500},
		{Size{Bytes: 7}, 1000, 7},
	} {
		if got := c.size.Limit(c.fs); got != c.want {
			t.Errorf("%v.Limit(%d) = %d, want %d", c.size, c.fs, got, c.want)
		}
	}
}

func TestReadKeepsDefaultsOfWhatItCannotRead(t *testing.T) {
	env := map[string]string{
		"COMPILE_CACHE_MAX_SIZE": "lots", "COMPILE_CACHE_LOG": "debug", "COMPILE_CACHE_IDLE_TIMEOUT": "90", "COMPILE_CACHE_DISABLE": "maybe",
	}
	c := Read(func(name string) string { return env[name] })
	if c.MaxSize.Source != FromDefault || c.LogLevel.Value != slog.LevelDebug || c.IdleTimeout.Value != 90*time.Second {
		t.Errorf("Read = %+v", c)
	}
	if len(c.Warnings) != 2 {
		t.Errorf("Read warns %q, want one for the size and one for the boolean", c.Warnings)
	}
}
