# Everything a developer or an operator types. `make` lists it.
PYTHON ?= $(shell for name in python3.11 python3; do command -v $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
SERVING := $(VENV)/serving-installed
INSTALLED := $(VENV)/installed
CODE := model service benchmarks tools tests

.DEFAULT_GOAL := help
.PHONY: help setup install serve train evaluate test test-deploy test-containers container-engine check fmt \
	lint types imports bench soak fuzz audit sbom image image-steps clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SERVING): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# torch alone first: a resolver that may choose would fetch a larger build than is needed.
	$(BIN)/python -m pip install torch==2.13.0 -c constraints.txt
	$(BIN)/python -m pip install -e . -c constraints.txt
	@touch $@

$(INSTALLED): $(SERVING)
	$(BIN)/python -m pip install -e '.[dev]' -c constraints.txt
	@touch $@

setup: $(INSTALLED) ## Make .venv with everything that development needs, again when the pins change

install: $(SERVING) ## Make .venv with what serving and restoring need, nothing else

serve: install ## Serve on 127.0.0.1:8000 with the bundled weights (ARGS='--port 9000')
	$(BIN)/abair serve $(ARGS)

train: setup ## Train: make train ARGS='PHASE --hours 3'
	$(BIN)/abair train $(ARGS)

evaluate: setup ## PSNR and SSIM of a folder of pairs: make evaluate ARGS=DIR
	$(BIN)/abair evaluate $(ARGS)

test: setup ## Run the whole test suite (ARGS='-k psnr')
	$(BIN)/python -m pytest $(ARGS)

test-deploy: setup ## Only the deployment tests; leaves out those whose programs are missing
	$(BIN)/python -m pytest tests/deploy $(ARGS)

test-containers: setup ## Build the image, run the compose file in Podman, kill and replace replicas (root)
	$(BIN)/python -m tools.containers
	TEST_CONTAINERS=1 $(BIN)/python -m pytest tests/containers $(ARGS)

container-engine: ## Install what test-containers needs (Debian, root): Podman and what makes base images
	apt-get update
	apt-get install --no-install-recommends --yes podman runc iptables netavark aardvark-dns mmdebstrap

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

PINS := benchmarks/peers/requirements.txt

$(VENV)/peers/installed: $(INSTALLED) $(PINS)
	$(PYTHON) -m venv $(VENV)/peers
	@# What cannot be installed is no reason to measure nothing: its rows say that it is missing.
	{ $(VENV)/peers/bin/python -m pip install torch==2.13.0 && \
		$(VENV)/peers/bin/python -m pip install -r $(PINS); } && touch $@ || true

bench: $(VENV)/peers/installed ## Measure speed and memory, other servers too; write docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

image: ## Build the container image for the CPU (ARGS='--build-arg BASE=...'); needs Docker
	@# The version comes from the Dockerfile, where a test compares it with pyproject.toml's.
	docker build -t abair:cpu --build-arg REVISION="$$(git rev-parse HEAD)" $(ARGS) .

image-steps: setup ## The Dockerfile's build steps in a folder, without an engine; then serve from there
	$(BIN)/python -m tools.image_steps $(ARGS)

$(VENV)/audit: $(INSTALLED)
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install pip-audit==2.10.1 cyclonedx-bom==7.5.0

audit: $(VENV)/audit ## Known vulnerabilities in the pinned versions; needs the internet
	$</bin/pip-audit -r constraints.txt --no-deps --disable-pip --strict

sbom: $(VENV)/audit ## Bill of materials of what is installed, CycloneDX, into dist/sbom.json
	mkdir -p dist
	$</bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		-o dist/sbom.json $(BIN)/python

fuzz: setup ## Feed mutated files to what reads pictures for ten minutes (ARGS='60' for one)
	$(BIN)/python -m tools.fuzzing $(ARGS)

soak: setup ## Load the service for 30 minutes (ARGS='5' for 5), write docs/soak.md
	$(BIN)/python -m benchmarks.soak $(ARGS)

clean: ## Remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
