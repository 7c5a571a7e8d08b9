# All of it works in a fresh clone: `make demo`, `make test` and the others make .venv first where it is missing.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-system test-all test-chaos check bench docs clean

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Makes .venv and installs tithe with its development tools, as pinned in constraints.txt.

# The stamp keeps pip from running again until a dependency or an entry point changes.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: install ## Runs the bundled example into demo/: a simulation and its report.
	$(BIN)/tithe demo --out demo

# Two test processes on two cores: with two torch threads each they wait for one another, and take three times as long.
# Nothing is fetched; a name that is not here is told at once instead of after retries.
test test-system test-all test-chaos docs: export OMP_NUM_THREADS = 1
test test-system test-all test-chaos docs: export HF_HUB_OFFLINE = 1

test: install ## Runs the default tests: five minutes on two cores.
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not system"

test-system: install ## Runs those with servers, browsers, kills and several processes: seven minutes more.
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "system and not slow"

test-all: install ## Runs all tests, those of minutes too.
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-chaos: export TITHE_TEST_CHAOS ?= 1
test-chaos: install ## Runs those with a browser where all that may be late is late; another seed: TITHE_TEST_CHAOS=2.
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests/browser

check: install ## Lints, checks the format and the types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/.installed-bench: $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bench]'
	touch $@

bench: .venv/.installed-bench ## Measures the strategies against scikit-activeml.
	$(BIN)/python bench/selection.py

docs: install ## Runs the examples in the docstrings and in the docs.
	$(BIN)/python -m pytest --doctest-modules --doctest-glob='*.md' src README.md docs

clean: ## Removes what building, testing and the demo left; keeps .venv.
	rm -rf build dist demo out .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
