# `make` lists the targets. Building, testing and the demo need Go and nothing else; the pinned
# tools of `make check` are built on first use into .ci/bin, from the module .ci/tools.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GOTEST   ?= go test
FUZZTIME ?= 30s
SOAK     ?= 3m
BIN      := .ci/bin
GENERATE := go run ./internal/readme
# The race detector needs a C compiler on most platforms; the go command knows where it can run.
RACE      = $(shell go list -race -f '{{""}}' runtime >/dev/null 2>&1 && echo -race)
# With it come checks of every unsafe pointer: in SQLite, which is C translated to Go, they take half of the tests' time.
CHECKPTR := -gcflags=modernc.org/...=-d=checkptr=0

.PHONY: help build demo test postgres check bench soak clients golden docs tokens fuzz lint vuln cover format fmt vet tidy drift cross tools snapshot goreleaser clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## The program, into bin/
	go build -trimpath -o bin/ ./cmd/vennio-mcp

demo: ## Book, move and cancel a meeting, with a person's consent, in a sandbox: no key, no network
	go run ./cmd/vennio-mcp demo

test: ## The tests under the race detector; those of replicas are in make postgres
	@[ -n "$(RACE)" ] || echo "The race detector cannot run here (no C compiler?): testing without it."
	$(GOTEST) $(RACE) $(CHECKPTR) -count=1 $$(go list ./... | grep -v /internal/replicas)

postgres: ## The store's tests on PostgreSQL, and replicas that are killed (needs Debian's postgresql)
	go run ./internal/store/storetest/run $(GOTEST) $(RACE) -count=1 ./internal/store ./internal/consent ./internal/jobs ./internal/events
	$(GOTEST) -count=1 -v ./internal/replicas

check: format vet lint tidy drift cross ## All that CI asks beside the tests: see the targets below

format: $(BIN)/gofumpt ## Show what is not formatted (make fmt mends it)
	@out=$$($< -d .) && [ -z "$$out" ] || { printf '%s\n' "$$out"; exit 1; }

fmt: $(BIN)/gofumpt ## Format
	$< -w .

vet: ## go vet
	go vet ./...

lint: $(BIN)/golangci-lint ## The linters and the fences between packages (.golangci.yml)
	$< config verify && $< run

tidy: ## Show what go.mod and go.sum lack or need no longer
	go mod tidy -diff

drift: ## Show where the generated parts of README.md are stale (make docs mends it)
	$(GENERATE) -check

cross: ## Type-check, tests included, for the other systems
	GOOS=windows go vet ./... && GOOS=darwin go vet ./...

docs: ## Write the generated parts of README.md
	$(GENERATE)

golden: ## Write the golden files anew; read the diff before you commit it
	go test ./tools -update

tokens: ## What the tools cost a model
	go test -count=1 ./tools -run Tokens -v

bench: ## Go's benchmarks, then the tables of docs/performance.md, measured side by side
	go test -run='^$$' -bench=. -benchmem ./... && go run ./internal/bench

soak: ## Keep a server under a mixed load, SOAK long (3m); fails if goroutines or memory grow
	go run ./internal/bench -soak $(SOAK)

clients: .ci/clients/node_modules/.package-lock.json ## Clients of another make, the conformance suite, and a real browser (needs Node.js 20 and Debian's chromium)
	node --test --test-concurrency=1 --test-reporter=spec .ci/clients/*.mjs

.ci/clients/node_modules/.package-lock.json: .ci/clients/package-lock.json
	npm ci --prefix .ci/clients --ignore-scripts

fuzz: ## Every fuzz target, FUZZTIME each (30s)
	@.ci/fuzz $(FUZZTIME)

cover: ## Coverage by function, the total last
	go test -coverpkg=./... -coverprofile=coverage.out ./... && go tool cover -func=coverage.out

vuln: $(BIN)/govulncheck ## Known vulnerabilities in what we call (needs the Go vulnerability database)
	@.ci/vuln

tools: $(addprefix $(BIN)/,golangci-lint gofumpt gotestsum govulncheck benchstat) ## Build the pinned tools

$(BIN)/%: .ci/tools/go.mod .ci/tools/go.sum
	cd .ci/tools && go build -o ../bin/ $$(go list tool | grep '/$*$$') && touch ../bin/$*

snapshot: $(BIN)/cyclonedx-gomod ## The binaries of a release for all six systems, into .ci/out/snapshot
	.ci/snapshot

goreleaser: $(BIN)/goreleaser $(BIN)/cyclonedx-gomod ## Check the release's configuration, and make one without publishing it
	export PATH="$(CURDIR)/$(BIN):$$PATH"; goreleaser check && goreleaser release --snapshot --clean

$(BIN)/goreleaser $(BIN)/cyclonedx-gomod: .ci/release/go.mod .ci/release/go.sum
	cd .ci/release && go build -o ../bin/ $$(go list tool | grep '/$(@F)') && touch ../bin/$(@F)

clean: ## Remove what was built
	rm -rf bin coverage.out .ci/bin .ci/out .ci/clients/node_modules .ci/mcpb/node_modules
