# The checks themselves are in .ci/run, so that they are the same everywhere.

PORT ?= 9000
KEY  ?= key

# What a release is built with, see docs/releasing.md.
VERSION ?= $(patsubst v%,%,$(shell git describe --tags --exact-match 2>/dev/null))
COMMIT  ?= $(shell git rev-parse HEAD)
DATE    ?= $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)

.PHONY: help build release run test check race fuzz model simulation e2e torture page licenses module tools

help: ## show this
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./sop-chat, one file that needs no other
	CGO_ENABLED=0 go build -o sop-chat

release: ## build ./sop-chat with the bytes that a release of this commit has
	CGO_ENABLED=0 go build -trimpath -buildvcs=true -o sop-chat \
		-ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)"

run: ## run the server on PORT with KEY (9000 and key)
	go run . $(PORT) $(KEY)

test: ## run the tests
	go test ./...

check: ## what a change must pass: tests, format, vet, modules, linters, other systems
	@.ci/run test format vet modules lint page build compare

race: ## run the tests with the race detector
	@.ci/run race

fuzz: ## run each fuzz target for a while (FUZZ_TIME=1m for longer)
	@.ci/run fuzz

model: ## check who is held and woken in every order of steps (Spin)
	@.ci/run model

simulation: ## run the seeded simulation for a million steps
	@.ci/run simulation

e2e: ## run the end-to-end tests in their full size
	@.ci/run e2e

torture: ## kill, stop and cut off a cluster's processes at random (TORTURE_DURATION=1h for longer)
	TORTURE_DURATION=$${TORTURE_DURATION:-10m} go test -count=1 -timeout 0 -v -run '^TestTorture$$' ./internal/torture

page: ## format the page's JavaScript and CSS
	cd .ci/page && npm ci --loglevel=error
	.ci/page/node_modules/.bin/biome format --write --config-path=.ci/page internal/web/page/*.js internal/web/page/*.css

licenses: ## renew THIRD_PARTY_NOTICES after modules have changed
	go test -count=1 -run Notices . -update

# PATH is given on the command line, so it would be the recipe's too. The shell's is
# still in make's own environment.
module: ## rename the module: make module PATH=github.com/you/sop-chat
ifeq ($(origin PATH),command line)
	@new=$$PATH; PATH=/usr/bin:/bin:/usr/local/bin:/usr/local/go/bin; \
	[ ! -r /proc/$$PPID/environ ] || PATH=$$(tr '\0' '\n' </proc/$$PPID/environ | sed -n 's/^PATH=//p'); \
	export PATH; scripts/rename-module "$$new"
else
	@echo "say the module's new path: make module PATH=github.com/you/sop-chat" >&2; exit 2
endif

tools: ## fetch and build the linters
	go tool -modfile=tools.mod gofumpt -version
	go tool -modfile=tools.mod staticcheck -version
