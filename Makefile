# make quickstart   raw text in, a served model out, in about 6 minutes
# make test         lint, types, tests
# Both set everything up in .venv first, with the exact versions of the lock.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
WORK ?= runs/quickstart
INPUT ?=
# Word pieces; empty: by the size of the text.
VOCABULARY_SIZE ?=
# Training settings, such as SETTINGS='train.train_steps=20 train.seed=2'.
SETTINGS ?=

.PHONY: help setup quickstart test lint types lock

help:
	@sed -n '1,3p' Makefile

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml setup.py
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "error: $(PYTHON) is not Python 3.11; expected 3.11. Run make PYTHON=/path/to/python3.11" >&2; exit 2; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

quickstart: setup
	$(BIN)/python examples/quickstart.py --work='$(WORK)' --input='$(INPUT)' \
	  $(VOCABULARY_SIZE:%=--vocabulary_size=%) $(SETTINGS:%=--set='%')

test: setup lint types
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy electra_keras beam_pipelines examples

# Needs uv; run after changing dependencies in pyproject.toml.
lock:
	uv pip compile pyproject.toml --extra train --extra dev --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header -o requirements.lock
