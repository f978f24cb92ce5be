# Everything that people and CI run. `make help` lists it.
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help build static test race storm quick vet fmt generate bench fuzz chroot demo

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## the binary, in bin/carillon
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/carillon ./cmd/carillon

static: ## the same binary without any dependency on the system, as the image holds it
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/carillon-static ./cmd/carillon

# These go without race detection, under which they take several times as long: the stories of real processes, the copying of
# ledgers, SQLite, which the tests of most other packages use with it, what asks programs or a whole API, and what reads the tree.
UNRACED := . ./gateway/app/apptest ./gateway/internal/store/move ./gateway/internal/store/sqlite ./gateway/internal/api ./cmd/carillon ./channels/external/kit

test: ## all tests, with race detection (but for the slowest) and a real browser; installs what is missing
	.ci/install /usr/lib/python3/dist-packages/icalendar=python3-icalendar chromium postfix dovecot=dovecot-imapd saslpasswd2=sasl2-bin:libsasl2-modules /usr/lib/python3/dist-packages/dkim=python3-dkim:python3-nacl /usr/lib/postgresql=postgresql pgbouncer redis-server redis-sentinel systemd-analyze=systemd python3 node=nodejs jq
	.ci/check
	CARILLON_REQUIRE_SERVICES=1 $(GO) test -race -timeout 14m $$($(GO) list ./... | grep -vE '/(apptest|move|sqlite|internal/api|carillon|external/kit)$$')
	CARILLON_REQUIRE_SERVICES=1 $(GO) test -timeout 14m $(UNRACED)
	cd channels/external/examples/custom && $(GO) test ./...

race: ## those that make test runs without it, with race detection
	CARILLON_REQUIRE_SERVICES=1 $(GO) test -race -timeout 20m $(UNRACED)

storm: ## 50,000 messages over three processes, a Redis Cluster and PostgreSQL, with everything failing in turn; and the main job with 100,000 members
	CARILLON_FULL=1 CARILLON_REQUIRE_SERVICES=1 $(GO) test -count=1 -v -timeout 10m -run 'TestStorm|TestMainJob' ./gateway/app/apptest

quick: ## the tests that pass on a bare machine with only Go
	$(GO) test ./...

vet: ## formatting, vet, and generated files that are stale
	.ci/check

fmt:
	gofmt -w .

generate: ## rewrite the generated files: schema, OpenAPI document, channel pages, customs of languages (fetched with npm)
	$(GO) generate ./...

bench: ## the benchmarks of docs/benchmarks.md, as ratios in one run
	cd gateway/bench && $(GO) run . $(BENCH)

fuzz: ## a minute for every fuzzed parser (FUZZTIME=10s for less)
	.ci/fuzz $(or $(FUZZTIME),60s)

chroot: static ## prove the static binary in an empty chroot as an ordinary user
	.ci/chroot bin/carillon-static

demo: ## the tour
	$(GO) run ./cmd/carillon demo
