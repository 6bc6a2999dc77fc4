package sputniktest_test

import (
	"flag"
	"testing"
)

// test runs a test inside of an example, which has no t of its own, and tells whether it passed.
func test(f func(t *testing.T)) bool {
	set := func(name, value string) (was string) {
		v := flag.Lookup(name).Value
		was = v.String()
		if err := v.Set(value); err != nil {
			panic(err)
		}
		return was
	}
	defer set("test.v", set("test.v", "false"))
	defer set("test.count", set("test.count", "1"))
	all := func(string, string) (bool, error) { return true, nil }
	return testing.RunTests(all, []testing.InternalTest{{Name: "Test", F: f}})
}
