# Counts lines of Go code: neither blank nor comment only. Prints each file and the sum;
# fails when the sum reaches budget.
#
#	awk -v budget=2500 -f tools/codelines.awk *.go
#
# It reads lines, not tokens: good enough for gofmt-ed code, where a comment marker
# doesn't begin a line within a raw string.

FNR == 1 { files[++n] = FILENAME; comment = 0 }

{
	line = $0
	while (1) {
		sub(/^[ \t\r]+/, "", line)
		if (comment) {
			end = index(line, "*/")
			if (!end) { line = ""; break }
			line = substr(line, end + 2)
			comment = 0
		} else if (line ~ /^\/\*/) {
			line = substr(line, 3)
			comment = 1
		} else {
			break
		}
	}
	if (line == "" || line ~ /^\/\//) next
	lines[FILENAME]++
	sum++
}

END {
	for (i = 1; i <= n; i++) printf "%6d %s\n", lines[files[i]], files[i]
	printf "%6d lines of code of at most %d\n", sum, budget - 1
	if (sum >= budget) exit 1
}
