# EXACT: `make demo` runs it, `make test` checks it. Everything else is below.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt
# uv does not read pip's settings: hand it a local wheel folder when pip has one.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Torch comes from such a folder too, else from PyTorch's own index: the build for what this machine has, CPU or GPU.
TORCH = $(if $(UV_FIND_LINKS),,$(or $(addprefix UV_FIND_LINKS=,$(PIP_CONFIGURED)),UV_TORCH_BACKEND=auto))
PIP_CONFIGURED = $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null)

PACKAGES := $(wildcard pyproject.toml hatch_build.py sdk/pyproject.toml plugins/*/pyproject.toml frontend/package-lock.json frontend/vendor.json)
LIGHT_PLUGINS := plugins/eiph_score plugins/media plugins/screening

.PHONY: demo test test-python test-js lint types bench dev docs clean

demo: $(VENV)/.demo  ## the main job: a real slide, ready to annotate in the browser
	@$(BIN)/exact demo --port $(PORT) $(if $(SLIDES),--slides "$(SLIDES)")

dev: $(VENV)/.dev  ## everything needed to work on EXACT, in .venv

test: export PYTHONDONTWRITEBYTECODE :=  # compiled once, not by each process that tests start
test: $(VENV)/.dev  ## every test: Python on SQLite and PostgreSQL, node, Chromium
	@scripts/provide-chromium
	@scripts/provide-postgres $(BIN)
	$(BIN)/python -m pytest -n 3 --dist loadgroup
	cd frontend && npm test

lint: $(VENV)/.dev  ## style, types and layout of Python and JavaScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd frontend && npm run --silent check

bench: $(VENV)/.dev  ## the measured ratios, one JSON object per line
	@$(BIN)/python -m benchmarks

docs: $(VENV)/.dev  ## rewrite the generated pages
	$(BIN)/exact plugins docs --write docs/hooks.md
	for plugin in $(notdir $(patsubst %/,%,$(dir $(wildcard plugins/*/pyproject.toml)))); do \
		$(BIN)/exact plugin docs $$plugin --write || exit 1; done

clean:
	rm -rf $(VENV) frontend/node_modules exact_core/web/static/vendor

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "EXACT needs Python 3.11 or newer; say PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv 2>/dev/null || $(BIN)/pip install uv

$(VENV)/.demo: $(BIN)/uv $(PACKAGES)
	$(UV) -e . $(patsubst %,-e %,$(LIGHT_PLUGINS))
	@touch $@

$(VENV)/.dev: $(BIN)/uv $(PACKAGES) requirements-dev.txt
	$(TORCH) $(UV) -r requirements-dev.txt
	cd frontend && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@ $(VENV)/.demo
