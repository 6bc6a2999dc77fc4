package cli

import (
	"encoding/json"
	"time"
)

// status is what the block admin answers, as far as top shows it. What is missing, or has a type that isn't expected, is
// left out, as the answer may come from another version.
type status struct {
	Time       moment              `json:"time"`
	Program    lenient[string]     `json:"program"`
	PID        lenient[int64]      `json:"pid"`
	Host       lenient[string]     `json:"host"`
	Process    processStatus       `json:"process"`
	Connection *connectionState    `json:"connection"`
	Blocks     []blockStatus       `json:"blocks"`
	WaitCycles lenient[[][]string] `json:"wait_cycles"`
}

type processStatus struct {
	State  lenient[string]  `json:"state"`
	Uptime lenient[float64] `json:"uptime"` // seconds
	Ready  lenient[bool]    `json:"ready"`
	Reason lenient[string]  `json:"reason"`
}

type connectionState struct {
	State     lenient[string]  `json:"state"`
	For       lenient[float64] `json:"for"` // seconds
	Attempt   lenient[int64]   `json:"attempt"`
	NextTry   moment           `json:"next_try"`
	Losses    lenient[int64]   `json:"losses"`
	LastError lenient[string]  `json:"last_error"`
}

type blockStatus struct {
	Name           lenient[string]  `json:"name"`
	Responsibility lenient[string]  `json:"responsibility"`
	State          lenient[string]  `json:"state"`
	For            lenient[float64] `json:"for"` // seconds
	Mailbox        struct {
		Depth    lenient[int64]   `json:"depth"`
		Capacity lenient[int64]   `json:"capacity"` // 0: unbounded
		Handled  lenient[float64] `json:"handled"`
	} `json:"mailbox"`
	Restarts  lenient[int64]  `json:"restarts"`
	LastError lenient[string] `json:"last_error"`
	Stalled   lenient[string] `json:"stalled"`
	WaitsFor  lenient[string] `json:"waits_for"`
}

// lenient is a value that stays as it is where the JSON has another type.
type lenient[T any] struct{ v T }

func (l *lenient[T]) UnmarshalJSON(text []byte) error {
	var v T
	if json.Unmarshal(text, &v) == nil {
		l.v = v
	}
	return nil
}

// moment is a time, zero where there is none.
type moment = lenient[time.Time]
