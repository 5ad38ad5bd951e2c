package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/compile-cache/compile-cache-action/internal/key"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

type versionCmd struct {
	JSON bool `help:"As JSON."`
}

func (c *versionCmd) Run(a *app) error {
	v := struct {
		Version  string `json:"version"`
		Commit   string `json:"commit,omitempty"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
		Protocol int    `json:"protocol"`
		Schema   int    `json:"schema"`
	}{Version, commit(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, protocol.Version, key.Schema}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(v)
	}
	_, err := fmt.Fprintf(a.stdout, "compile-cache %s %s %s (protocol %d, key schema %d)\n", v.Version, v.Platform, v.Go, v.Protocol, v.Schema)
	return err
}

// commit returns the commit this program was built from, where the toolchain recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
