# Everything a developer types. `make demo` and `make test` need nothing before them.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# The first interpreter that really runs and is new enough (a version manager's shim may do neither).
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help setup protos demo test check bench chaos build clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

setup: $(STAMP) ## the virtual environment .venv

$(STAMP): pyproject.toml protos/hatch_build.py $(shell find protos -name '*.proto')
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[server]' --group dev
	touch $(STAMP)

protos: ## generate the wire code again
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .

demo: $(STAMP) ## see it work
	$(BIN)/python -m demo

test: $(STAMP) ## every test
	$(BIN)/python -m tests.halves

check: $(STAMP) ## style, types, imports, wire
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	@sh tests/support/buf.sh lint protos

bench: $(STAMP) ## the figures of the README
	$(BIN)/python -m tests.bench

chaos: $(STAMP) ## every promise, for CHAOS_MINUTES (30)
	$(BIN)/python -m tests.chaos

build: $(STAMP) ## sdist and wheel
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist build
