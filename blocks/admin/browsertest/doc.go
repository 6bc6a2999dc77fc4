// Package browsertest tests the live page of block "admin" in a real browser, headless Chromium, which is looked for
// on the path. It is a module of its own, so that who uses the block doesn't get a browser's driver with it.
//
//	SPUTNIK_BROWSER=required go test ./...     # without a browser the tests fail, else they are skipped
//	go test ./... -screenshots                 # writes docs/admin-light.png and docs/admin-dark.png
package browsertest
