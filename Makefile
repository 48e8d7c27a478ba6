# Shortcuts for contributors; nothing else needs make. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup test lint types imports check bench cards ci constraints clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

setup: ## an environment in .venv with everything, browser tests as well
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install -q -c constraints.txt -e '.[test,e2e]'

test: ## all tests; `make test ARGS="tests/core -k aging -n0"` for some
	$(BIN)/python -m pytest $(ARGS)

lint: ## ruff
	$(BIN)/ruff check .

types: ## mypy, strict on core
	$(BIN)/mypy

imports: ## who may import whom
	$(BIN)/lint-imports

check: lint types imports test ## everything but the fresh environment

bench: ## how fast, on how much data
	$(BIN)/python -m bench $(ARGS)

cards: ## write the golden cards anew; read the diff before you commit it
	HUIKUAN_UPDATE_CARDS=1 $(BIN)/python -m pytest -n0 tests/messages/test_golden.py $(ARGS)

ci: ## what CI does, from nothing
	.ci/run

constraints: ## resolve the pins in constraints.txt anew (needs uv)
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --all-extras --upgrade pyproject.toml -o constraints.txt

clean: ## remove caches
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
