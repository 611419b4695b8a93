# Every target sets up what it needs; a fresh machine needs only Python >= 3.11 (with venv and pip) and make.
#   demo   a synthetic raw folder, its conversion and a contact sheet, in ./demo
#   quick  lint, types and the fast tests, in less than three minutes
#   test   lint, types and all tests but soak; a missing system tool is a listed skip
#   soak   fuzzing, large inputs and kill loops
#   bench  side-by-side benchmarks
#   docs   what is generated: JSON Schemas and the pictures of the README
#   clean  removes the environment, caches and the demo

PYTHON ?= python3
WORKERS ?= 2

BIN := .venv/bin
STAMP := .venv/.stamp
TIMED := sh tools/timed.sh
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)

.DEFAULT_GOAL := test
.PHONY: demo quick test soak bench docs clean lint

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "thyrodata needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)" >&2; \
	    echo "hint: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; }
	@$(TIMED) "environment in .venv" $(PYTHON) -m venv .venv
	@$(TIMED) "pip, as pinned" $(BIN)/python -m pip install --quiet --constraint constraints.txt pip
	@$(TIMED) "thyrodata and its test tools, as pinned" $(BIN)/python -m pip install --quiet \
	    --constraint constraints.txt --build-constraint constraints.txt --group test --editable .
	@touch $@

demo: $(STAMP)
	@$(TIMED) "demo" $(BIN)/thyrodata demo demo --overwrite

lint: $(STAMP)
	@$(TIMED) "ruff check" $(BIN)/ruff check --quiet .
	@$(TIMED) "ruff format" $(BIN)/ruff format --quiet --check .
	@$(TIMED) "mypy --strict" $(BIN)/mypy --strict --no-error-summary

quick: lint
	@HYPOTHESIS_PROFILE=quick $(TIMED) "quick tests" $(PYTEST) -m 'not slow and not soak'

test: lint
	@$(TIMED) "tests" $(PYTEST) -m 'not soak'

soak: $(STAMP)
	@HYPOTHESIS_PROFILE=soak $(TIMED) "soak tests" $(PYTEST) -m soak

bench: $(STAMP)
	@for bench in benchmarks/bench_*.py; do $(TIMED) "$$bench" $(BIN)/python "$$bench" || exit 1; done

docs: $(STAMP)
	@$(TIMED) "docs" $(BIN)/python tools/make_docs.py

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
