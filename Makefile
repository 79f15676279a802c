# `make demo` and `make test` set everything up by themselves; a second call installs nothing.
# The Python is the first of PYTHONS that answers, is 3.11 to 3.13 and can make environments: each is run, as a shim on
# the path may refuse. To use another, delete .venv and say `make demo PYTHON=/path/to/python`.
PYTHONS := python3.13 python3.12 python3.11 python3
SUITS := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench lab clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 18

demo: $(READY) ## install, simulate a tilt series, run all stages, print the report's path
	$(BIN)/voidlab demo

test: $(READY) ## install, run the tests that a change needs at once
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(READY) ## run every test: also killed kernels, a browser, long statistics
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=10

check: $(READY) ## linters, type checker, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos

bench: $(READY) ## run the benchmarks
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -s

lab: $(READY) ## open JupyterLab on the notebooks
	$(BIN)/voidlab lab

$(READY): pyproject.toml constraints.txt
	@if $(BIN)/python -c '$(SUITS)' >/dev/null 2>&1; then exit 0; fi; \
	for python in $(or $(PYTHON),$(PYTHONS)); do \
	  if $$python -c '$(SUITS)' >/dev/null 2>&1; then \
	    echo "Installing into .venv with $$python: 3 to 4 minutes"; exec $$python -m venv --clear .venv; \
	  fi; \
	done; \
	echo "voidlab needs Python 3.11, 3.12 or 3.13 with venv; $(or $(PYTHON),none of $(PYTHONS)) will not do." >&2; \
	echo "Install one (Debian, Ubuntu: with python3-venv), or name it: make demo PYTHON=/path/to/python" >&2; exit 1
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean: ## delete .venv; reports and images, in which there may be files of your own, stay
	@if [ -f .venv/pyvenv.cfg ]; then rm -rf .venv; fi
	@echo "reports/ and data/ were left as they are: delete there by hand what you no longer need"
