# `make demo` and `make test` set everything up by themselves; a second call installs nothing.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check bench lab clean

demo: $(READY)
	$(BIN)/voidlab demo

test: $(READY)
	$(BIN)/python -m pytest -n 2

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/typos

bench: $(READY)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -s

lab: $(READY)
	$(BIN)/voidlab lab

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv reports/* data/demo
