# One vocabulary for people and CI: make demo | test | check | bench. Everything installs itself into .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := benchmarks/peers/.venv
SNOWFLAKE_ML := .venv-snowflake-ml
# A worker per core and one more: tests/distribution.py says who runs what. Each may take two gigabytes with what it starts.
PYTEST := $(BIN)/pytest -n logical --maxprocesses 4
UV_VERSION := 0.13.8

.DEFAULT_GOAL := help
.PHONY: help install snowflake-ml demo up down check docs format test test-celery test-quick bench bench-demo bench-drift bench-garments bench-inference bench-ledger bench-memory bench-parity bench-readme bench-startup bench-suite bench-training bench-warehouse bench-write-back requirements clean

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## Make .venv and install requirements.txt into it

$(INSTALLED): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "Driftgate needs Python 3.11: install it, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.txt
	@touch $@

snowflake-ml: $(SNOWFLAKE_ML)/.installed  ## Make .venv-snowflake-ml, which registry.publish: snowflake needs

$(SNOWFLAKE_ML)/.installed: requirements-snowflake-ml.txt $(INSTALLED)
	test -x $(SNOWFLAKE_ML)/bin/python || $(PYTHON) -m venv $(SNOWFLAKE_ML)
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(SNOWFLAKE_ML)/bin/python requirements-snowflake-ml.txt
	@touch $@

demo: $(INSTALLED)  ## The whole story on scikit-learn's digits; DATASET=path/to/folder: on your own images
	@./driftgate demo $${DATASET:+--dataset "$$DATASET"}

up: $(INSTALLED)  ## Start the embedded warehouse and Airflow
	@./driftgate up

down:  ## End what the demo or `make up` started
	@./driftgate down --all

check: $(INSTALLED)  ## Lint, format and types of Python and SQL; docker-compose.yaml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar include/sql
	$(BIN)/python -m tests.compose.validate

docs: $(INSTALLED)  ## Write docs/commands.md from the command
	$(BIN)/python -m include.commands.reference

format: $(INSTALLED)  ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(INSTALLED)  ## All tests, the ones through the real scheduler too
	$(PYTEST)

test-celery: $(INSTALLED)  ## The one with Celery workers alone: needs Debian's postgresql and redis-server
	DRIFTGATE_CELERY_TEST=required $(BIN)/pytest tests/end_to_end/test_celery.py

test-quick: $(INSTALLED)  ## The tests that need neither the scheduler nor minutes
	$(PYTEST) -m "not end_to_end and not slow"

bench: bench-demo bench-drift bench-inference bench-training bench-startup bench-ledger bench-warehouse bench-write-back bench-memory bench-parity bench-suite $(if $(DATASET),bench-garments) bench-readme  ## All benchmarks; those on garments with DATASET=path/to/garments

bench-demo: $(INSTALLED)  ## What the demo takes and reaches: benchmarks/results/demo.json
	$(BIN)/python -m benchmarks.demo --runs 3

bench-drift: $(INSTALLED)  ## What the drift check reaches, on photos with DATASET=path/to/garments: benchmarks/results/drift.json
	$(BIN)/python -m benchmarks.drift $${DATASET:+--dataset "$$DATASET"}

bench-warehouse: $(INSTALLED)  ## What the embedded warehouse takes: benchmarks/results/warehouse.json
	$(BIN)/python -m benchmarks.warehouse

bench-write-back: $(INSTALLED)  ## What it takes to commit a million answers and to follow 100,000 files: benchmarks/results/write_back.json
	$(BIN)/python -m benchmarks.write_back

bench-garments: $(INSTALLED)  ## What the demo reaches on photos, DATASET=path/to/garments: benchmarks/results/garments.json
	$(BIN)/python -m benchmarks.garments $${DATASET:+--dataset "$$DATASET"}

bench-inference: $(INSTALLED) $(PEERS)/.installed  ## What inference reaches of the machine's limit and beside others, on photos with DATASET=folder: benchmarks/results/inference.json
	$(BIN)/python -m benchmarks.inference $${DATASET:+--dataset "$$DATASET"}

bench-training: $(INSTALLED)  ## What training and retraining take to an accuracy, on photos with DATASET=folder: benchmarks/results/training.json
	$(BIN)/python -m benchmarks.training $${DATASET:+--dataset "$$DATASET"}

bench-parity: $(INSTALLED)  ## Whether SQL gets the answers that the tasks give, on photos with DATASET=folder: benchmarks/results/parity.json
	$(BIN)/python -m benchmarks.parity $${DATASET:+--dataset "$$DATASET"}

bench-startup: $(INSTALLED)  ## What of an inference run is start-up, through the scheduler, on photos with DATASET=folder: benchmarks/results/startup.json
	$(BIN)/python -m benchmarks.startup $${DATASET:+--dataset "$$DATASET"}

$(PEERS)/.installed: benchmarks/peers/requirements-peers.txt $(INSTALLED)  # Ray Data, which Driftgate does not need
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(PEERS)/bin/python benchmarks/peers/requirements-peers.txt
	@touch $@

bench-ledger: $(INSTALLED)  ## What it takes to read the ledger of 1,000 versions and 10 million answers: benchmarks/results/ledger.json
	$(BIN)/python -m benchmarks.ledger

bench-memory: $(INSTALLED)  ## What each task takes of memory with 100,000 images: benchmarks/results/memory.json
	$(BIN)/python -m benchmarks.memory

bench-suite: $(INSTALLED)  ## What the tests take: benchmarks/results/suite.json
	$(BIN)/python -m benchmarks.suite

bench-readme: $(INSTALLED)  ## Put what was measured of speed into the README
	$(BIN)/python -m benchmarks.readme

requirements:  ## Pin requirements.in anew, and what the benchmarks' peers and Snowflake's Model Registry need
	$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header requirements.in --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header benchmarks/peers/requirements-peers.in --output-file benchmarks/peers/requirements-peers.txt
	$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header requirements-snowflake-ml.in --output-file requirements-snowflake-ml.txt

clean:  ## End everything, and remove the environment and all local state
	-@./driftgate down --all
	rm -rf $(VENV) $(PEERS) $(SNOWFLAKE_ML) .local
