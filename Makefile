# Thin names for the commands that .ci/run and the workflow call.
# Works with GNU make 3.81 (macOS) and newer, needs a POSIX shell and Go.

# Every module of the tree; tools/ holds no Go code of its own.
MODULES := $(shell find . -name go.mod -not -path './.git/*' -not -path '*/testdata/*' | sort | sed 's|/go\.mod$$||')
CODE    := $(filter-out ./tools,$(MODULES))

# A tool at the version that tools/go.mod pins. tools/ isn't part of the workspace.
TOOL := GOWORK=off go tool -modfile=$(CURDIR)/tools/go.mod

# Lines of code that the root package may have, without tests, comments and blank lines.
BUDGET := 2500

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "%-12s%s\n", $$1, $$2 }'

.PHONY: build
build: ## compile every module of the workspace
	go build work

.PHONY: test
test: ## every test of the workspace
	go test work

.PHONY: race
race: ## the same with the race detector, in random order
	go test -race -shuffle=on work

.PHONY: simulate
simulate: ## SEEDS (10000) random flights; SEED=n replays one with its trace
	go test ./sputniktest -run Simulation $(if $(SEED),-seed $(SEED) -v,-seeds $(or $(SEEDS),10000))

.PHONY: mutants
mutants: ## break the core in many ways, and see the simulation find each
	go test ./sputniktest -run Mutants -mutants -v -timeout 30m

.PHONY: standalone
standalone: ## build and test each module without the workspace, as its users do
	@set -e; for m in $(CODE); do \
		echo "$$m"; (cd $$m && GOWORK=off go build ./... && GOWORK=off go test ./...); \
	done

.PHONY: vet
vet: ## go vet, for the root also as on Windows and macOS
	go vet work
	GOOS=windows go vet ./...
	GOOS=darwin go vet ./...

.PHONY: lint
lint: ## golangci-lint in every module
	@set -e; for m in $(CODE); do \
		echo "$$m"; (cd $$m && $(TOOL) golangci-lint run --allow-parallel-runners ./...); \
	done

.PHONY: fmt
fmt: ## format all Go code
	$(TOOL) gofumpt -l -w .

.PHONY: tidy
tidy: ## tidy every go.mod
	@set -e; for m in $(MODULES); do echo "$$m"; (cd $$m && GOWORK=off go mod tidy); done

.PHONY: tidycheck
tidycheck: ## fail where a go.mod or go.sum isn't tidy, changing nothing
	@set -e; for m in $(MODULES); do echo "$$m"; (cd $$m && GOWORK=off go mod tidy -diff); done

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (100000x)
	bash .ci/run fuzz

.PHONY: examples
examples: ## start and stop every example
	bash .ci/run examples

.PHONY: budget
budget: ## count the root package's lines of code
	@find . -maxdepth 1 -name '*.go' ! -name '*_test.go' | sort | xargs awk -v budget=$(BUDGET) -f tools/codelines.awk

.PHONY: bench
bench: ## sputnik beside its peers, 20 minutes; writes bench/RESULTS.md
	cd bench && GOWORK=off go run .

.PHONY: bench-quick
bench-quick: ## the same in two minutes, printed only
	cd bench && GOWORK=off go run . -quick

.PHONY: bench-lines
bench-lines: ## syslog lines a second into JetStream, beside the same program written by hand
	go run ./examples/syslog2nats/floor

.PHONY: bench-go
bench-go: ## ten rounds of the root's benchmarks; compare the figures of one run only
	for i in 1 2 3 4 5 6 7 8 9 10; do go test -run '^$$' -bench . . | grep ^Benchmark; done

.PHONY: cover
cover: ## coverage of the root module, profile in cover.out
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -n 1

.PHONY: ci
ci: ## everything that a change has to pass
	bash .ci/run
