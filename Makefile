# Galien: build, test and show. Needs Go and a C compiler; nothing else.
#
#   make build   bin/galien
#   make test    every test, in a few minutes
#   make check   formatting, vet, staticcheck, module hashes, tests
#   make bench-circe  the phenotype library on 300,000 to 10 million persons
#   make demo    the whole journey on a small made-up population
#   make circe   every reference definition against OHDSI Circe's own answers
#   make bench   the benchmarks, on 1 million persons and 200 million events
#   make fuzz    bounded fuzzing, and the long comparison of the two engines
#   make crash   kill -9 at many random instants

GO      ?= go
PKGS    ?= ./...
FUZZFOR ?= 30s
CASES   ?= 3000
KILLS   ?= 50
PERSONS ?= 1000000

.PHONY: build test check circe bench bench-circe demo fuzz crash clean

build:
	$(GO) build -o bin/galien ./cmd/galien

test:
	$(GO) test -timeout 15m $(PKGS)

check:
	@unformatted="$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...))"; \
	if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet $(PKGS)
	$(GO) tool staticcheck $(PKGS)
	$(GO) mod verify
	$(GO) test -timeout 15m $(PKGS)

circe:
	GALIEN_CIRCE=all $(GO) test -count 1 -timeout 60m -run Circe -v ./engine/...

bench:
	GALIEN_BENCH_PERSONS=$(PERSONS) $(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(PKGS)

bench-circe:
	GALIEN_BENCH=circe $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 120m ./engine/columnar

demo: build
	./bin/galien demo

# Each fuzz target on its own, as `go test -fuzz` wants it.
fuzz:
	@set -e; for pkg in $$($(GO) list $(PKGS)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target ($(FUZZFOR))"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZFOR) $$pkg; \
		done; \
	done
	GALIEN_SEED=$${GALIEN_SEED:-$$(date +%s)} GALIEN_CASES=$(CASES) $(GO) test -count 1 -timeout 60m -run '^TestDifferential$$' -v ./engine/duckdb

crash:
	GALIEN_CRASH=$(KILLS) $(GO) test -count 1 -timeout 60m -run 'Kill|Crash' $(PKGS)

clean:
	rm -rf bin demo fuzz-out
