# Everything that a person or CI does with this project. `make` lists the targets.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Further arguments for pip, e.g. PIP_ARGS="--index-url ..." behind a company mirror.
PIP_ARGS ?=
# Further arguments for pytest, e.g. PYTEST_ARGS="-k sampler".
PYTEST_ARGS ?=
SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo run check test unit system-packages lint format types floors house faults bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## watch three drawn cameras for a minute (SECONDS=60): everything inside, no network
	$(BIN)/surveil demo --seconds $(SECONDS)

run: $(VENV)/.demo ## watch the cameras of config.yaml
	$(BIN)/surveil run -c config.yaml

check: $(VENV)/.demo ## say what is wrong with config.yaml
	$(BIN)/surveil check -c config.yaml

test: $(VENV)/.dev system-packages ## all tests, with a real broker, a real RTSP server and the real process
	$(BIN)/python -m pytest $(PYTEST_ARGS)

unit: $(VENV)/.dev ## the tests that start no other process
	$(BIN)/python -m pytest -m "not system" $(PYTEST_ARGS)

faults: $(VENV)/.dev system-packages ## the fault tests at their full counts (CI runs a tenth)
	SURVEIL_FAULTS=full $(BIN)/python -m pytest -m system --timeout 3600 $(PYTEST_ARGS)

bench: $(VENV)/.dev ## cost of capture, captions and rules on this box
	$(BIN)/surveil bench capture
	$(BIN)/surveil bench rules
	$(BIN)/surveil bench caption

system-packages: ## install what the system tests need from Debian, when this user may
	@tests/support/system-packages

lint: $(VENV)/.dev types house ## ruff, mypy --strict, and the measures of the house (floors among them)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev ## put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev
	$(BIN)/mypy

floors: $(VENV)/.dev
	$(BIN)/lint-imports

house: $(VENV)/.dev ## how well the code can be read: sizes, names, circles, dead code, one frame's way
	$(BIN)/python -m tests.house.measure

clean: ## remove the virtual environment and what runs left behind
	rm -rf $(VENV) demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Surveil needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --disable-pip-version-check -q $(PIP_ARGS) torch==2.13.0
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --disable-pip-version-check -q $(PIP_ARGS) -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --disable-pip-version-check -q $(PIP_ARGS) -e '.[dev]'
	@touch $@

-include install.mk
