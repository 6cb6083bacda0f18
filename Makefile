# Galien: build, test and show. Needs Go and a C compiler; nothing else.
#
#   make build   bin/galien
#   make test    every test, in a few minutes
#   make check   formatting, vet, staticcheck, module hashes, tests
#   make demo    the whole journey on a small made-up population
#   make bench   the benchmarks (the large one needs about 15 GB of disk)
#   make fuzz    bounded fuzzing, and the long comparison of the two engines
#   make crash   kill -9 at many random instants

GO      ?= go
PKGS    ?= ./...
FUZZFOR ?= 30s
KILLS   ?= 50

.PHONY: build test check bench demo fuzz crash clean

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

bench:
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(PKGS)

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
	GALIEN_LONG=1 $(GO) test -count 1 -timeout 60m -run 'Differential' -v ./engine/...

crash:
	GALIEN_CRASH=$(KILLS) $(GO) test -count 1 -timeout 60m -run 'Kill|Crash' -v ./audit ./lake/... ./cmd/galien

clean:
	rm -rf bin demo fuzz-out
