package workload

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
)

// resident is the process's memory: on Linux what the kernel says, elsewhere what the runtime believes.
func resident() float64 {
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(statm); len(fields) > 1 {
			if pages, err := strconv.Atoi(string(fields[1])); err == nil {
				return float64(pages * os.Getpagesize())
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys - m.HeapReleased)
}
