PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Beam starts workers as fresh interpreters: byte code and kernels are compiled once, here.
STAMP := $(VENV)/.ready

.PHONY: help run test slow lint format bench pins clean

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

$(STAMP): requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -c "from filters import kernels; kernels.warm_up()"
	@touch $@

run: $(STAMP) ## the main job: an hour of events to repositories, fetched, to a release
	$(BIN)/python -m examples.demo build

test: $(STAMP) lint ## everything that must hold
	$(BIN)/pytest -q -n 2 --dist loadfile

slow: $(STAMP) ## many kills, memory: what takes minutes
	$(BIN)/pytest -q -m slow

lint: $(STAMP) ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP) ## make the code look alike
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## seconds and MB/s beside the floor and the peers
	$(BIN)/python -m bench.kernels
	$(BIN)/python -m bench.signals
	$(BIN)/python -m bench.language
	$(BIN)/python -m bench.licenses
	$(BIN)/python -m bench.pairs
	$(BIN)/python -m bench.stages
	$(BIN)/python -m bench.gharchive
	$(BIN)/python -m bench.fetch
	$(BIN)/python -m bench.republish

pins: ## resolve the pinned requirements again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate --output-file requirements.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate --group dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean: ## forget the environment, the demo and its workspace
	rm -rf $(VENV) build
