# Common tasks. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run test fast lint format types coverage wheel clean

help:  ## List these tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Make .venv with everything that running and testing need
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[test]'

run:  ## Open the page at http://localhost:8501
	$(BIN)/dssm-lens

test:  ## Run every check, as CI does (minutes, all cores)
	$(BIN)/ruff format --check && $(BIN)/ruff check && $(BIN)/mypy && $(BIN)/pytest

fast:  ## Run all but the slow and the browser tests (a minute on two cores)
	$(BIN)/pytest -m "not slow and not browser"

lint:  ## Check style
	$(BIN)/ruff format --check && $(BIN)/ruff check

format:  ## Put style right
	$(BIN)/ruff check --fix && $(BIN)/ruff format

types:  ## Check types
	$(BIN)/mypy

coverage:  ## Run all but the browser tests and list the lines that none of them reaches
	$(BIN)/pytest -m "not browser" --cov=dssm_core --cov-report=term-missing:skip-covered

wheel:  ## Build the wheel into build/wheel
	rm -rf build/lib build/bdist.* build/wheel
	$(BIN)/pip wheel -q --no-deps --wheel-dir build/wheel .

clean:  ## Delete caches and what was built
	rm -rf build/lib build/bdist.* build/wheel *.egg-info .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find dssm_core tests -name __pycache__ -type d -prune -exec rm -rf {} +
