# SPDX-License-Identifier: Apache-2.0
# Tokenry. `make help` lists what there is; Meson and ninja do the work, in $(BUILD).

BUILD ?= build
PORT ?= 8080
DATA ?= data
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help configure build run test lint sanitize fuzz bench install clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

configure:
	@tools/packages build
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD)

build: configure ## compile into build/
	@ninja -C $(BUILD)

# The program alone: a newcomer need not wait for the tests to compile.
run: configure ## start an authority on ./data; PORT=8080
	@tools/packages run
	@ninja -C $(BUILD) src/cli/tokenry
	@tools/run --tokenry $(BUILD)/src/cli/tokenry --data $(DATA) --port $(PORT)

test: build ## every test; the last line is the count
	@tools/packages test
	@tools/run-tests --build $(BUILD) --expect $(SUITES) tests/tools $(wildcard tests/regression) tests/integration

lint: build ## formatting, static analysis, house rules
	@tools/packages lint
	@tools/lint $(BUILD)

sanitize: ## the tests under ASan+UBSan, then under TSan
	@tools/packages build
	@tools/sanitize

fuzz: ## each fuzz target for FUZZ_SECONDS=60
	@tools/packages build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

bench: build ## the figures, beside nginx's
	@tools/packages bench
	@tools/bench --build $(BUILD)

install: build ## into DESTDIR=, below PREFIX=/usr/local
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean: ## remove what was built; ./data stays
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz

# Meson suites that must have run tests, so that one that silently vanished is a failure.
SUITES := unit,conformance,scenario,fuzz,lint
