# make demo   the main job, from nothing      make test   lint, types, all tests
# make bench  the figures                     make agent  the .mpy set in build/agent
# make soak   10 000 attestations with faults     make fuzz   coverage-guided, every reader (FUZZ="evidence 600")
# Needs Python 3.11 or newer and make; everything else is installed into .venv by hash.

PYTHON ?= python3
VENV ?= .venv
# Tests mostly wait for processes, clocks and disks.
JOBS ?= 3
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test lint types unit bench soak fuzz agent lock clean

demo: $(VENV)/demo.stamp
	$(BIN)/simbond demo

test: lint types unit

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check verifier tools tests

types: $(VENV)/dev.stamp
	$(BIN)/mypy

unit: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST)

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.bench

soak: $(VENV)/dev.stamp
	SIMBOND_SOAK=$${SIMBOND_SOAK:-10000} $(BIN)/python -m pytest tests/device/test_soak.py -s

fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m tests.fuzz $(FUZZ)

agent: $(VENV)/demo.stamp
	$(BIN)/python -m simbond_tools.build agent build/agent

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "simbond needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml | $(VENV)/pyvenv.cfg
	$(PIP) install --require-hashes -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/demo.stamp
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# Needs uv on PATH. No index is named in the result: whoever installs uses their own.
LOCK = uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-package simbond --no-emit-find-links
lock:
	$(LOCK) pyproject.toml requirements/build.in --extra dev -o requirements/dev.txt
	$(LOCK) pyproject.toml requirements/build.in -c requirements/dev.txt --extra demo -o requirements/demo.txt

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis bench.json
