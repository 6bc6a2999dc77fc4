// Package ending tells what kind of end a process comes to.
package ending

import "errors"

// IsReload tells whether the cause of the end says that another process follows in this one.
func IsReload(cause error) bool {
	r, ok := errors.AsType[interface {
		error
		Reloading() bool
	}](cause)
	return ok && r.Reloading()
}
