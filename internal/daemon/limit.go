package daemon

import "github.com/compile-cache/compile-cache-action/internal/config"

// StoreLimit returns the bytes to which a daemon with these settings would keep the store of an instance.
func StoreLimit(instance string, c config.Config) int64 {
	return c.MaxSize.Value.Limit(fileSystemSize(instance))
}
