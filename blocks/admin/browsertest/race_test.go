//go:build race

package browsertest

func init() { raced = true }
