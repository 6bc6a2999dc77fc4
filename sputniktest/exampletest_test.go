package sputniktest_test

import (
	"flag"
	"testing"
)

// test runs a test inside of an example, which has no t of its own, and tells whether it passed.
func test(f func(t *testing.T)) bool {
	for name, value := range map[string]string{"test.v": "false", "test.count": "1"} {
		v := flag.Lookup(name).Value
		was := v.String()
		if err := v.Set(value); err != nil {
			panic(err)
		}
		defer v.Set(was) //nolint:errcheck,revive // the value that it had; at the end, not of the loop
	}
	all := func(string, string) (bool, error) { return true, nil }
	return testing.RunTests(all, []testing.InternalTest{{Name: "Test", F: f}})
}
