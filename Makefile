# Every target does its own set-up and does it once; `make` alone prints what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# PYTHON: any CPython from 3.11 on. ARGS: more for pytest or a benchmark, as in make quick ARGS='-k retry -x'
PYTHON ?= python3
ARGS ?=

# Snowflake's driver asks the machine where it runs as soon as it is loaded; tests talk to this machine alone.
export SNOWFLAKE_DISABLE_PLATFORM_DETECTION := true

BIN := .venv/bin
DEMO := .venv/ready-demo
DEV := .venv/ready-dev
BENCH := benchmarks/.venvs/ready
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help:  ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# -------------------------------------------------------------------------------------------------------- set-up

$(DEMO): requirements/demo.txt pyproject.toml scripts/venv
	@PYTHON=$(PYTHON) scripts/venv demo

$(DEV): requirements/dev.txt pyproject.toml scripts/venv
	@PYTHON=$(PYTHON) scripts/venv dev

$(BENCH): $(wildcard benchmarks/peers/*.txt) scripts/bench-venvs
	@PYTHON=$(PYTHON) scripts/bench-venvs

.PHONY: setup servers page lock
setup: $(DEV) servers page  ## Make .venv, build the page, install the servers that tests start

servers: $(DEV)
	@scripts/servers
	@scripts/emulators

page: $(DEV)
	@$(BIN)/python scripts/web page

lock: $(DEV)  ## Pin anew what pyproject.toml asks for: requirements/*.txt
	@scripts/lock

# --------------------------------------------------------------------------------------------------------- daily

.PHONY: demo test quick check lint types fmt docs web
demo: $(DEMO)  ## The main job, offline, in seconds
	@$(BIN)/python scripts/web page
	@$(BIN)/headrace demo

test: setup  ## Every test
	$(PYTEST) -n 2 $(ARGS)

quick: setup  ## The tests that take no time
	$(PYTEST) -n 2 -m "not slow" $(ARGS)

check: lint types quick  ## Before a commit: lint, types, quick tests

lint: $(DEV)  ## Style, who may import whom, and the same for the web page
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/web check

types: $(DEV)  ## mypy, strict, tests included
	$(BIN)/mypy

fmt: $(DEV)  ## Put the code in shape
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

web: $(DEV)  ## Build the web page, and write the types of the API for it anew
	$(BIN)/python scripts/web

docs: $(DEV)  ## Write the generated parts of docs/reference anew
	$(BIN)/python scripts/docs

# ---------------------------------------------------------------------------------------------------- now and then

.PHONY: bench bench-full bench-service bench-sources clean
bench: setup $(BENCH)  ## Speed against the floor and the peers, 1M rows, some minutes
	$(BIN)/python -m benchmarks.run $(ARGS)

bench-sources: setup  ## What each source adds to its driver, 1M and 5M rows
	$(BIN)/python -m benchmarks.sources $(ARGS)

bench-service: setup  ## What 1,000 schedules cost: idle, and all due at once
	$(BIN)/python -m benchmarks.schedules $(ARGS)

bench-full: setup $(BENCH)  ## The same with 30M rows beside it: memory must not grow
	$(BIN)/python -m benchmarks.run --full $(ARGS)

clean:  ## Remove all that make made
	rm -rf .venv benchmarks/.venvs benchmarks/.data benchmarks/results dist
	rm -rf web/node_modules src/headrace/web/static
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
