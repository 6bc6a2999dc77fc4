package syslog

import "time"

// stampYear is the year that a parsed RFC 3164 timestamp has before it is given one. It is a leap year: 29 February parses.
const stampYear = 0

// withYear gives an RFC 3164 timestamp the year that brings it closest to the time of receipt, read as a wall clock in
// loc. So a line of 31 December that comes in the new year is one of the old, and one from a clock that is ahead, the
// other way round, is one of the next.
func withYear(stamp, received time.Time, loc *time.Location) time.Time {
	if stamp.Year() != stampYear {
		return stamp
	}
	const halfAYear = 182 * 24 * time.Hour
	var best time.Time
	now := received.In(loc).Year()
	for _, year := range [...]int{now, now - 1, now + 1} {
		t := time.Date(year, stamp.Month(), stamp.Day(), stamp.Hour(), stamp.Minute(), stamp.Second(), stamp.Nanosecond(), loc)
		if t.Day() != stamp.Day() && stamp.Month() == time.February {
			continue // no 29 February in that year
		}
		if best.IsZero() || t.Sub(received).Abs() < best.Sub(received).Abs() {
			best = t
		}
		if best.Sub(received).Abs() < halfAYear {
			return best // any other year's is farther away
		}
	}
	if best.IsZero() {
		// 29 February of no year nearby: the sender's calendar is wrong, its day is still told
		return time.Date(now, stamp.Month(), stamp.Day(), stamp.Hour(), stamp.Minute(), stamp.Second(), stamp.Nanosecond(), loc)
	}
	return best
}
