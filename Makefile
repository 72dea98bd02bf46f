# Every target sets up what it needs: Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PORT ?= 31337
DIR ?= demo-data
SCALE ?= 1
K ?=
SECONDS ?= 300
N ?= 10000
SEED ?= $(shell date +%s)

.DEFAULT_GOAL := help
.PHONY: help install demo test proofs night fuzz trino oracle check format bench docs wire clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

install: $(STAMP) ## set up .venv

demo: $(STAMP) ## build a sample warehouse, serve it, print what to paste (PORT=, DIR=, SCALE=)
	@exec $(BIN)/flight-server demo --port $(PORT) --dir $(DIR) --scale $(SCALE)

test: $(STAMP) ## run the tests but the long proofs (K=name runs some of all)
	$(BIN)/python -m pytest $(if $(K),-k '$(K)',-m 'not proof and not night')

proofs: $(STAMP) ## the long ones: oracle, attacks by every way, mutants, real clients, soak
	$(BIN)/python -m pytest --numprocesses=3 -m proof

night: $(STAMP) ## longer still: Athena by its double, real catalogs, S3 with faults
	$(BIN)/python -m pytest -m night

fuzz: $(STAMP) ## send damaged messages for longer, with a new seed (SECONDS=, SEED=)
	FLIGHT_SERVER_FUZZ=$(SECONDS) FLIGHT_SERVER_FUZZ_SEED=$(SEED) \
		$(BIN)/python -m pytest -s --numprocesses=0 tests/protocol/test_fuzz.py

trino: $(STAMP) ## prove the dialect of Athena on a real Trino, keep what was proven (Java 24)
	$(BIN)/python -m tests.trino.server

oracle: $(STAMP) ## compare N random statements with physical copies; reloads, timing (N=, SEED=)
	FLIGHT_SERVER_ORACLE=$(N) FLIGHT_SERVER_ORACLE_SEED=$(SEED) FLIGHT_SERVER_RELOADS=120 \
		$(BIN)/python -m pytest -s --numprocesses=0 tests/oracle tests/security/test_revocation.py
	$(BIN)/python -m pytest -s --numprocesses=0 -m slow tests/security/test_timing.py

check: $(STAMP) ## format, lint, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(STAMP) ## format the code and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure all but Athena; some forty minutes on two cores
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.governed
	$(BIN)/python -m benchmarks.planning
	$(BIN)/python -m benchmarks.iceberg
	$(BIN)/python -m benchmarks.iceberg_scan
	$(BIN)/python -m benchmarks.deleted
	$(BIN)/python -m benchmarks.storage --rate 60
	$(BIN)/python -m benchmarks.catalogs

docs: $(STAMP) ## write the generated pages of docs/
	$(BIN)/python -m docs.generate

wire: $(STAMP) ## generate the wire messages from their .proto files
	$(BIN)/python -m flight_server.protocol.wire.generate

clean: ## remove everything that was made here
	rm -rf $(VENV) $(DIR) build dist *.egg-info
