# Everything a user or a developer calls; each target brings up what it needs by itself.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
MEMBERS := libs/common libs/policies services/enrollment services/assessment services/provider-registry \
           services/settlement services/fund-ledger deploy/standalone
CHANGHU_DATA ?= .changhu
PEOPLE ?= 2000
SEED ?= 1
SCALE ?= 0.01
READY := .venv/.ready

.PHONY: help setup demo demo-wenzhou run test check bench kafka lock clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## install everything into .venv

$(READY): requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet 'uv==0.13.*'
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS)) requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(addprefix -e ./,$(MEMBERS))
	@touch $@

demo: $(READY) ## watch one city's month, from enrolment to the fund's books
	@$(BIN)/changhu demo --data $(CHANGHU_DATA) --people $(PEOPLE) --seed $(SEED)

demo-wenzhou: $(READY) ## enrol and charge a whole city at SCALE (1: 2.4 million people)
	@$(BIN)/changhu demo-city 330300 --scale $(SCALE) --data $(CHANGHU_DATA)-wenzhou-$(SCALE)

run: $(READY) ## keep the demo's city serving on this machine
	@$(BIN)/changhu run --data $(CHANGHU_DATA)

test: $(READY) ## every test, on real PostgreSQL and real Kafka
	@$(BIN)/pytest --numprocesses 2 --dist loadfile $(PYTEST_ARGS)

check: $(READY) ## lint, format, types, who may import whom, the packs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/changhu policy check

bench: $(READY) ## each hot path beside its baseline, as a table and bench.json
	@$(BIN)/python -m tests.performance.bench

kafka: $(READY) ## a real broker on this machine, until Ctrl-C
	@$(BIN)/python -m tests.support.kafka

lock: $(READY) ## resolve the dependencies anew
	@$(BIN)/uv lock --quiet && $(BIN)/uv export --all-packages --all-groups --no-emit-workspace \
	  --format requirements-txt --quiet --no-header > requirements.lock

clean: ## remove the environment and the demo's own folder
	rm -rf .venv .changhu build
