// Package frontendtest helps to test front-ends.
package frontendtest
