# The four commands. All are safe to run twice and say what they do.
#   SANDBOX=docker|bubblewrap|process  forces the box that untrusted programs run in (default: the best one here)
#   SEED=2                             the quickstart's seed
#   LOCK=gpu                           installs requirements/gpu.txt instead of cpu.txt
#   PYTHON=/path/to/python3.11         the Python that .venv is made with

PYTHON ?= python3.11
LOCK ?= cpu
SANDBOX ?=
SEED ?=

OVERRIDES = $(if $(SANDBOX),sandbox.kind=$(SANDBOX)) $(if $(SEED),seed=$(SEED))
# What was asked for and is missing makes a test fail instead of being skipped.
REQUIRE = $(if $(filter docker,$(SANDBOX)),ASSAY_REQUIRE_DOCKER=1) $(if $(filter bubblewrap,$(SANDBOX)),ASSAY_REQUIRE_BUBBLEWRAP=1)

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test soak

help:
	@echo "make setup       make .venv, with assay in it, and the image of the sandbox"
	@echo "make quickstart  set up, then train a small model on math, code and schema problems on the CPU"
	@echo "make test        set up, then ruff, mypy and the tests"
	@echo "make soak        set up, then the tests that take long"
	@sed -n 's/^#   /  /p' Makefile

setup:
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) is missing: apt-get install python3.11 python3.11-venv" >&2; exit 3; }
	@$(PYTHON) requirements/install.py --lock "$(LOCK)" --sandbox "$(SANDBOX)"
	@.venv/bin/assay sandbox build $(if $(SANDBOX),--sandbox $(SANDBOX))

quickstart: setup
	.venv/bin/assay train quickstart $(OVERRIDES)

test: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(REQUIRE) .venv/bin/pytest

soak: setup
	$(REQUIRE) .venv/bin/pytest -m soak
