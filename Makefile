# Everything runs in .venv, which is made on first use and again when the dependencies change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

EXTRAS := dev,test-lakes,postgres,snowflake,bigquery,ducklake,mysql,deltalake,pyiceberg
EXTRAS := $(EXTRAS),export,report,test-browser,test-packaging

# Hundreds of processes import the package and the tests, so their compiled files are kept.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest
# Tests wait for sockets, disks and other processes, so twice as many processes as cores.
WORKERS := $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) * 2)')
IN_PARALLEL := --numprocesses $(WORKERS) --dist worksteal

# The package runs with later releases, but dlt's own `dataset()` does not, which tests call.
CAPS := 'duckdb<2' 'sqlglot<30.22'

# The oldest dlt that pyproject.toml allows, and what is run with it: a minute or two.
OLDEST_DLT := $(shell sed -n 's/^ *"dlt\[duckdb\]>=\([0-9.]*\),.*/\1/p' pyproject.toml)
OLDEST_TESTS := $(addprefix tests/,test_source.py runner/test_guests.py \
	exactness/test_crashes.py::test_a_kill_between_staging_rows_and_recording_it_stores_nothing_twice \
	$(addprefix destinations/test_,defaults.py dlt_commands.py dlt_internals.py last_run.py \
	lost_tables.py story.py verbs.py))

.PHONY: demo test test-oldest test-pythons test-slow test-orchestrators bench docs lint constraints clean

demo: $(VENV)/.installed
	@$(BIN)/chatislav demo

test: $(VENV)/.installed-dev
	$(PYTEST) $(IN_PARALLEL)

# The oldest dlt of the range, in an environment of its own; `test` has the newest.
test-oldest: .venvs/oldest/.installed
	.venvs/oldest/bin/python -m pytest $(IN_PARALLEL) $(OLDEST_TESTS)

# The wheel in the other Pythons of this machine: a part of the tests, or the demo; under a minute.
test-pythons: $(VENV)/.installed-dev
	$(BIN)/python -m tests.packaging.pythons

# What `test` leaves out: the emulators of Snowflake and BigQuery, each in an environment of its
# own, and the storms that `test` runs shorter.
test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m tests.destinations.servers.environments
	$(PYTEST) $(IN_PARALLEL) --timeout 300 -m slow

# Real Airflow and Dagster, each in an environment of its own: minutes, so not part of `test`.
test-orchestrators: $(VENV)/.installed-dev
	$(BIN)/python -m tests.orchestrators.environments
	CHATISLAV_TEST_ORCHESTRATORS=1 $(PYTEST) tests/orchestrators

# Not beside the clients of other warehouses: they bring pandas, which Arrow then imports.
bench: .venvs/bench/.installed
	.venvs/bench/bin/python -m tests.benchmarks

# The site, in build/site; a link that leads nowhere is an error.
docs: .venvs/docs/.installed
	NO_MKDOCS_2_WARNING=1 .venvs/docs/bin/python -m mkdocs --quiet build --strict
	$(BIN)/python -m tests.docs.links build/site

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[$(EXTRAS)]'
	@touch $@ $(VENV)/.installed

.venvs/bench/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venvs/bench
	.venvs/bench/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[dev,postgres]'
	@touch $@

.venvs/docs/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venvs/docs
	.venvs/docs/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt mkdocs mkdocs-material
	@touch $@

.venvs/oldest/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venvs/oldest
	sed 's/^dlt==.*/dlt==$(OLDEST_DLT)/' constraints.txt > .venvs/oldest/constraints.txt
	.venvs/oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		-c .venvs/oldest/constraints.txt -e '.[dev,postgres,sqlalchemy]'
	@touch $@

constraints: $(VENV)/bin/python
	$(PIP) uv
	printf '%s\n' $(CAPS) > $(VENV)/caps.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
		--constraints $(VENV)/caps.txt --no-annotate --no-header pyproject.toml -o constraints.txt
	sed -i '1i # Every version that is tested, for all extras; `make constraints` writes it anew.' \
		constraints.txt

clean:
	rm -rf $(VENV) .venvs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
