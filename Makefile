# `make` lists the targets. Building, testing and the demo only need Go. The pinned tools of `make check` are
# built on first use into .ci/bin, from the module .ci/tools.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GOTEST   ?= go test
FUZZTIME ?= 30s
SOAK     ?= 3m
BIN      := .ci/bin
GENERATE := go test -count=1 ./internal/readme -run UpToDate
# .ci/programs is a module for benchmarks and test fixtures; with this workspace one command covers both modules.
PROGRAMS := ./.ci/programs/...
BOTH     := GOWORK=$(CURDIR)/.ci/programs/go.work
# Tests whose names end in _Slow run in `make test-race` only.
SLOW     := _Slow$$
# Small packages come first so that the first results appear early. replicas needs PostgreSQL.
PACKAGES  = $$($(BOTH) go list ./... $(PROGRAMS) | grep -v /internal/replicas | sort -r)
# Pointer checks of the race detector in SQLite, which is C translated to Go, would take half of the time.
CHECKPTR := -gcflags=modernc.org/...=-d=checkptr=0

.PHONY: help build demo test test-race postgres check bench soak eval clients golden docs tokens fuzz lint vuln cover format fmt vet tidy drift cross tools snapshot packages scale clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## The program, into bin/
	go build -trimpath -o bin/ ./cmd/vennio-mcp

demo: ## Book, move and cancel a meeting, with a person's consent, in a sandbox: no key, no network
	@echo "Compiling vennio-mcp: 1 to 2 minutes on 2 cores the first time, a few seconds later on."
	go run ./cmd/vennio-mcp demo

test: ## The tests: 1 to 2 minutes on 2 cores, plus 1 to 2 the first time to compile
	@echo "Compiling and testing: 1 to 2 minutes on 2 cores, and as much again the first time. Each package is printed when it has passed."
	$(BOTH) $(GOTEST) -count=1 -timeout=20m -skip='$(SLOW)' $(PACKAGES)

test-race: ## All tests under the race detector, the slow ones too, and every fuzz target for 5 s: 10 minutes; needs a C compiler
	@echo "Compiling and testing under the race detector, then fuzzing: about 10 minutes on 2 cores. Each package is printed when it has passed."
	$(BOTH) $(GOTEST) -race $(CHECKPTR) -count=1 -timeout=45m $(PACKAGES)
	@.ci/fuzz 5s

postgres: ## Database tests on PostgreSQL with the race detector, and replicas that are killed (needs Debian's postgresql)
	go run ./internal/sqldb/storetest/run $(GOTEST) -race -count=1 -timeout=20m ./internal/sqldb ./internal/consent ./internal/webhooks
	$(GOTEST) -count=1 -timeout=30m -v ./internal/replicas

check: format vet lint tidy drift cross ## All checks of CI other than tests: see the targets below

format: $(BIN)/gofumpt ## Show what is not formatted (make fmt fixes it)
	@out=$$($< -d .) && [ -z "$$out" ] || { printf '%s\n' "$$out"; exit 1; }

fmt: $(BIN)/gofumpt ## Format
	$< -w .

vet: ## go vet
	$(BOTH) go vet ./... $(PROGRAMS)

lint: $(BIN)/golangci-lint $(BIN)/actionlint ## The linters, the import rules (.golangci.yml) and the workflows
	$< config verify && $(BOTH) $< run ./... $(PROGRAMS)
	$(BIN)/actionlint -shellcheck= -pyflakes=

tidy: ## Show what is missing from or unused in go.mod and go.sum
	go mod tidy -diff && go -C .ci/programs mod tidy -diff

drift: ## Show which generated documents are out of date (make docs fixes it)
	$(GENERATE)

cross: ## Type-check, tests included, for the other systems
	for os in windows darwin; do GOOS=$$os $(BOTH) go vet ./... $(PROGRAMS); done

docs: ## Write the generated parts of README.md and docs/reference
	$(GENERATE) -update

golden: ## Write the golden files; read the diff before you commit it
	go generate ./schemas
	go test ./tools -update

tokens: ## The size of the tools in tokens
	go test -count=1 ./tools -run Tokens -v

bench: ## Go's benchmarks, then the tables of docs/performance.md
	go test -run='^$$' -bench=. -benchmem ./... && go run -C .ci/programs ./bench

scale: ## The tables of docs/operations/scaling.md, with ledgers of up to a million entries: 15 minutes; needs Debian's postgresql
	go run -C .ci/programs ./bench -only ledger

soak: ## Keep a server under a mixed load for SOAK (3m); fails if goroutines or memory grow
	go run -C .ci/programs ./bench -soak $(SOAK)

eval: ## Measure how often a model books wrongly; EVAL_API, EVAL_MODEL and EVAL_KEY choose it (docs/evaluation.md)
	$(BOTH) go run ./.ci/programs/eval

clients: .ci/clients/node_modules/.package-lock.json ## Other MCP clients, the conformance suite and a real browser (needs Node.js 20, Python 3, and Debian's chromium and prometheus)
	node --test --test-concurrency=1 --test-reporter=spec .ci/clients/*.mjs .ci/clients/passkeys/*.mjs .ci/clients/cards/*.mjs

.ci/clients/node_modules/.package-lock.json: .ci/clients/package-lock.json
	npm ci --prefix .ci/clients --ignore-scripts

fuzz: ## Every fuzz target, FUZZTIME each (30s)
	@.ci/fuzz $(FUZZTIME)

cover: ## Coverage by function, the total last
	go test -coverpkg=./... -coverprofile=coverage.out ./... && go tool cover -func=coverage.out

vuln: $(BIN)/govulncheck ## Known vulnerabilities in the code that is called (needs the Go vulnerability database)
	@.ci/vuln

tools: $(addprefix $(BIN)/,golangci-lint gofumpt gotestsum govulncheck benchstat) ## Build the pinned tools

$(BIN)/%: .ci/tools/go.mod .ci/tools/go.sum
	cd .ci/tools && go build -o ../bin/ $$(go list tool | grep '/$*$$') && touch ../bin/$*

$(BIN)/actionlint: Makefile # needs another version of a library than the tools of .ci/tools
	GOBIN=$(CURDIR)/$(BIN) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 && touch $@

snapshot: $(BIN)/goreleaser $(BIN)/cyclonedx-gomod ## Check the release configuration and build all packages into .ci/out
	.ci/release/snapshot

packages: $(BIN)/goreleaser $(BIN)/cyclonedx-gomod ## The packages of the release whose tag is checked out, into .ci/out; needs Node.js 20
	PATH="$(CURDIR)/$(BIN):$$PATH" goreleaser release --clean --skip=publish

# The same tool has the same bytes in every folder: SBOMs contain the hash of the tool that wrote them.
$(BIN)/goreleaser $(BIN)/cyclonedx-gomod: .ci/release/go.mod .ci/release/go.sum
	cd .ci/release && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o ../bin/ $$(go list tool | grep '/$(@F)') && touch ../bin/$(@F)

clean: ## Remove build results
	rm -rf bin coverage.out .ci/bin .ci/out .ci/clients/node_modules .ci/mcpb/node_modules
