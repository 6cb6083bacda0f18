# Galien: build, test and show. Needs Go and a C compiler; nothing else.
#
#   make build   bin/galien
#   make test    every test, in a few minutes
#   make check   formatting, vet, staticcheck, module hashes, tests
#   make bench-circe  the phenotype library on 300,000 to 10 million persons
#   make bench-snds   an invented extraction of PERSONS persons and three years
#   make demo    the whole journey on a small made-up country's claims
#   make circe   every reference definition against OHDSI Circe's own answers
#   make rules   every cleaning rule of the claims switched off, one by one
#   make bench-vault  derivations, rotations, IDENTITIES without a collision, linking two sources of PERSONS
#   make bench   the benchmarks, on 1 million persons and 200 million events
#   make fuzz    bounded fuzzing
#   make differential   engines against the oracle on CASES random definitions
#   make crash   kill -9 at many random instants, and 1,000 between an entry and its answer
#   make tamper  every bit of a log and of a proof, flipped alone
#   make attack  the attacks on the Adult table, on more targets
#   make tracker attacks on a count endpoint, and how many of a library's questions are answered

GO      ?= go
PKGS    ?= ./...
FUZZFOR ?= 30s
CASES   ?= 20000
SEED    ?= $(shell date +%s)
SHARD   ?= 1/1
KILLS   ?= 50
PERSONS ?= 1000000
IDENTITIES ?= 10000000

.PHONY: build test check circe rules bench bench-circe bench-snds bench-vault demo fuzz differential crash tamper tracker attack matrix clean

build:
	$(GO) build -o bin/galien ./cmd/galien
	CGO_ENABLED=0 $(GO) build -o bin/galien-verify ./cmd/galien-verify

test:
	$(GO) test -timeout 15m $(PKGS)

check:
	@unformatted="$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...))"; \
	if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet $(PKGS)
	$(GO) tool staticcheck $(PKGS)
	$(GO) mod verify
	$(GO) test -timeout 15m $(PKGS)

# The tests write a line for each engine and set to one table, shown at the end.
circe:
	@table="$$(mktemp)"; \
	GALIEN_CIRCE=all GALIEN_CIRCE_TABLE="$$table" $(GO) test -count 1 -timeout 60m -run Circe ./engine/...; status=$$?; \
	echo; printf '%-10s %-10s %12s %7s %7s %7s %8s %8s\n' engine set definitions agree tied differ refused time; \
	sort "$$table"; rm -f "$$table"; exit $$status

rules:
	GALIEN_RULES=all $(GO) test -count 1 -timeout 60m -run TestEachRuleMatters -v ./source/snds

bench:
	GALIEN_BENCH_PERSONS=$(PERSONS) $(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(PKGS)

bench-circe:
	GALIEN_BENCH=circe $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 120m ./engine/columnar

bench-snds:
	GALIEN_BENCH=snds GALIEN_BENCH_PERSONS=$(PERSONS) $(GO) test -run '^$$' -bench BenchmarkClaims -benchtime 1x -timeout 180m ./cmd/galien

bench-vault:
	$(GO) test -run '^$$' -bench 'Derive|Convert|Find|Seal|Rotate|Keys' -cpu 1 -timeout 60m ./vault
	GALIEN_IDENTITIES=$(IDENTITIES) $(GO) test -count 1 -run '^TestNoCollision$$' -v -timeout 120m ./vault
	GALIEN_BENCH_PERSONS=$(PERSONS) $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 120m ./vault/link

demo: build
	./bin/galien demo

# Each fuzz target on its own, as `go test -fuzz` wants it. Making an interesting
# input shorter takes a minute each unless it is bounded, and nothing else runs.
# Before Go 1.27 a target may end with "context deadline exceeded" and no failing
# input (golang/go#75804): run it again.
fuzz:
	@set -e; for pkg in $$($(GO) list $(PKGS)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target ($(FUZZFOR))"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZFOR) -fuzzminimizetime 1s $$pkg; \
		done; \
	done

# Twenty thousand cases take a night: SEED=1 SHARD=2/8 is the second of eight
# parts of the cases of seed 1. Every part of the model is looked at too.
differential:
	GALIEN_SEED=$(SEED) GALIEN_CASES=$(CASES) GALIEN_SHARD=$(SHARD) GALIEN_EFFECTS=all \
		$(GO) test -count 1 -timeout 12h -run '^TestDifferential$$|^TestScopes$$|^TestEffects$$' -v ./engine/...

# Every case of who may do what, in place of a sample.
matrix:
	GALIEN_MATRIX=full $(GO) test -count 1 -timeout 30m -run '^TestMatrix$$' -v ./permit/policy

crash:
	GALIEN_CRASH=$(KILLS) $(GO) test -count 1 -timeout 60m -run 'Kill|Crash' $(PKGS)

tamper:
	GALIEN_TAMPER=all CGO_ENABLED=0 $(GO) test -count 1 -timeout 60m -run 'EveryBit|NothingOfABundle' -v ./audit ./cmd/galien-verify

attack:
	GALIEN_ATTACK_TARGETS=60 $(GO) test -count 1 -v -timeout 30m ./attack

tracker:
	GALIEN_TRACKER=all GALIEN_LEDGER=library $(GO) test -count 1 -timeout 120m -run 'TestTracker|TestLibrary|TestEditing' -v ./ledger

clean:
	rm -rf bin demo fuzz-out
