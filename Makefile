# Everything runs in .venv; a stamp file remembers what has been installed there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One process for each core, one thread in each: small networks gain nothing from a second thread.
SPREAD := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: app test quick lint types assets audit clean

app: $(VENV)/app.stamp
	$(BIN)/convlens

test: $(VENV)/test.stamp
	$(SPREAD)

quick: $(VENV)/test.stamp
	$(SPREAD) tests/unit tests/architecture -m "not slow and not audit"

audit: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.audit

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

assets: $(VENV)/test.stamp
	$(BIN)/python -m assets.make_samples
	$(BIN)/python -m dashboard.make_assets

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit("ConvLens needs Python 3.11 or newer, not %d.%d: add PYTHON=python3.12, or the one you have." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/app.stamp: pyproject.toml constraints.txt $(VENV)/made.stamp
	$(INSTALL) --editable .
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt $(VENV)/made.stamp
	$(INSTALL) --editable ".[test]"
	touch $@ $(VENV)/app.stamp

$(VENV)/dev.stamp: pyproject.toml constraints.txt $(VENV)/made.stamp
	$(INSTALL) --editable ".[test,dev]"
	touch $@ $(VENV)/test.stamp $(VENV)/app.stamp
