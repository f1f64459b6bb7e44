# Everything a developer or an operator types. `make` lists it.
PYTHON ?= $(shell for name in python3.11 python3; do command -v $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
CODE := model service tests

.DEFAULT_GOAL := help
.PHONY: help setup serve train evaluate test check fmt lint types imports bench soak clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# torch alone first: a resolver that may choose would fetch a larger build than is needed.
	$(BIN)/python -m pip install torch==2.13.0 -c constraints.txt
	$(BIN)/python -m pip install -e '.[dev]' -c constraints.txt
	@touch $@

setup: $(INSTALLED) ## Make .venv and install, once and again when the pins change

serve: setup ## Serve on 127.0.0.1:8000 with the bundled weights (ARGS='--port 9000')
	$(BIN)/abair serve $(ARGS)

train: setup ## Train: make train ARGS='PHASE --hours 3'
	$(BIN)/abair train $(ARGS)

evaluate: setup ## PSNR and SSIM of a folder of pairs: make evaluate ARGS=DIR
	$(BIN)/abair evaluate $(ARGS)

test: setup ## Run the whole test suite (ARGS='-k psnr')
	$(BIN)/python -m pytest $(ARGS)

check: setup ## Formatting, lint, types, import contracts and tests: what CI runs
	$(BIN)/ruff format --check $(CODE)
	@$(MAKE) --no-print-directory lint types imports test

fmt: setup ## Format, and mend what lint can mend
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

lint: setup ## Ruff's rules
	$(BIN)/ruff check $(CODE)

types: setup ## mypy, strict
	$(BIN)/mypy $(CODE)

imports: setup ## The import arrows of docs/architecture.md
	$(BIN)/lint-imports

bench: setup ## Measure speed and memory, write docs/performance.md
	$(BIN)/python -m tests.bench $(ARGS)

soak: setup ## Load the service for 30 minutes (ARGS='5' for 5), write docs/soak.md
	$(BIN)/python -m tests.soak $(ARGS)

clean: ## Remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
