# The commands of the project; `make` alone lists them. Recipes are short: what is longer
# than a line lies in scripts/.
SHELL := /bin/bash

out := $(CURDIR)/out
# Outside the clone, so that a new clone on the same machine builds quickly.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dibhost/target
cargo := scripts/cargo

export PREFIX ?= /usr/local
export DESTDIR ?=

.DEFAULT_GOAL := help
.PHONY: help build elements host languages install uninstall deb image test test-all test-hostile records golden lint bench bench-disk bench-many bench-plan bench-step bench-cache clean

help: ## Lists these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

build: ## Builds the program (out/bin/dibhost) and the elements (out/elements/*.wasm)
	@scripts/install-dependencies build
	@$(MAKE) --no-print-directory host

# The program knows its own elements by their digests: they are built first.
host: elements
	DIBHOST_FIRST_PARTY=$(out)/elements/digests.txt $(cargo) build --release --locked -p dibhost
	@scripts/install-program $(out)

elements:
	elements/build.sh --out $(out)/elements

languages: ## Builds the examples in C, JavaScript and Python (out/languages/*.wasm)
	@elements/examples/build-languages.sh --out $(out)/languages

install: ## Installs what `make build` made below PREFIX (/usr/local), or DESTDIR/PREFIX
	@scripts/install $(out)

uninstall: ## Takes it away again
	@scripts/install --uninstall $(out)

deb: ## Makes a Debian package, out/dibhost_VERSION_ARCH.deb
	@scripts/install-dependencies deb
	@$(MAKE) --no-print-directory host
	@scripts/make-deb $(out)

image: ## Makes out/debian-vm.qcow2, from nothing, and shows how to boot it
	@scripts/install-dependencies image
	@$(MAKE) --no-print-directory host
	$(out)/bin/dibhost build examples/debian-vm.toml -o $(out)/debian-vm.qcow2
	@scripts/show-image $(out)/debian-vm.qcow2

test: ## Runs what CI runs: formats, lints, all tests but the long ones
	@scripts/test

test-all: ## Runs every test, the long ones, all fuzz targets and `make test-hostile` too
	@scripts/test --all

records: host ## Records the steps anew that elements' own tests replay
	scripts/records

golden: host ## Writes what is made from the program anew: golden plans, schemas, picture, pages
	DIBHOST_GOLDEN=write $(cargo) test --locked --workspace --test golden --test page

test-hostile: ## Attacks the host, each time without the check that should stop it; shows what bites
	@scripts/install-dependencies test
	@$(MAKE) --no-print-directory host
	@scripts/test-hostile

lint: ## Checks formats and lints of the host, the elements and the scripts
	@scripts/install-dependencies lint
	@scripts/lint

bench: ## Compares time and CPU with diskimage-builder
	@scripts/install-dependencies bench
	@$(MAKE) --no-print-directory host
	tests/bench/dib.sh

bench-disk: host ## Measures a disk of a tree of 800 MB, beside `mke2fs -d` and mounting
	tests/bench/disk.py

bench-many: host ## Measures trees of many files, of one large folder, of large and sparse files
	tests/bench/many.py

bench-cache: ## Measures builds that begin with layers, beside diskimage-builder and mkosi
	@scripts/install-dependencies bench
	@$(MAKE) --no-print-directory host
	tests/bench/cache.py

bench-plan: host ## Measures `dibhost plan` with 100 elements and 1,000 facts
	tests/bench/plan.py

bench-step: host ## Measures what a step that does nothing costs, beside `bash -c true`
	$(cargo) run --quiet --locked -p dibhost-tests --example step

clean: ## Removes out/ (not cargo's target folder, which clones share)
	rm -rf $(out)
