# `make demo` and `make test` each work on a fresh machine with Python 3.11 or 3.12: they make .venv as needed.

SHELL := /bin/bash
PYTHON ?= $(shell for name in python3.11 python3.12 python3 python; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
TORCH := $(shell grep '^torch==' constraints.txt)+cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
WORKERS ?= 2

.PHONY: demo test lint bench clean
.DEFAULT_GOAL := demo

demo: $(VENV)/base.stamp
	$(BIN)/likeness demo --out demo --overwrite

test: $(VENV)/dev.stamp
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --jaxtyping-packages=likeness,beartype.beartype $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/base.stamp
	$(BIN)/likeness bench

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@bash tools/system_packages.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/base.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

# Where torch is missing it comes first, as the build without CUDA: from where pip looks by itself, or its own index.
$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -m pip show --quiet torch 2>/dev/null || $(INSTALL) '$(TORCH)' 2>/dev/null || $(INSTALL) --extra-index-url $(TORCH_INDEX) '$(TORCH)'
	$(INSTALL) -e '.[dev]'
	@touch $(VENV)/base.stamp $@
