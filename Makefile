# Each target installs what it needs and says what it does. See README.md.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST = HOTLINE_SHARED_DIR="$(abspath $(SHARED))" $(BIN)/pytest
SHARED ?= $(or $(HOTLINE_SHARED_DIR),../shared)

.PHONY: run test check lint console install system-packages bench clean

run: install console  ## the whole hotline on this machine
	$(BIN)/hotline run

test: install system-packages console lint  ## every test, real components included
	$(PYTEST) --ignore tests/e2e -n 2 --dist loadfile
	$(PYTEST) tests/e2e -m "not alone"
	$(PYTEST) tests/e2e -m alone

lint: install  ## ruff, mypy, import-linter, the city's files, the console's own checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hotline check
	$(BIN)/python -m casebook.console.build --check

bench: install  ## the comparisons of benchmarks/
	$(BIN)/python -m benchmarks.agi
	$(BIN)/python -m benchmarks.webhook

install: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml
	@echo "Installing the Python packages of requirements.lock into $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=...)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { .ci/packages.sh python3-venv && $(PYTHON) -m venv $(VENV); }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

console: install  ## builds the console where its sources are newer
	$(BIN)/python -m casebook.console.build

system-packages: install
	@.ci/packages.sh sip-tester chromium fonts-wqy-microhei postgresql

clean:
	rm -rf $(VENV) build casebook/console/dist casebook/console/node_modules
