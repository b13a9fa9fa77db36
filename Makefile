.DEFAULT_GOAL := help
.PHONY: lock help run test bench token synth lint types advisories lambda-report setup install clean
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.stamp
ROLE ?= radiologist
HOSPITAL ?=
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := 1
export NODE_NO_WARNINGS := 1

help: ## This list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'

$(SETUP): tests/requirements.txt infra/requirements-bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s." % sys.version.split()[0])'
	@echo "Installing Python packages into .venv (takes a minute the first time) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python's venv module is missing (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/requirements-bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r tests/requirements.txt
	@touch $@

setup: $(SETUP) ## Make the Python environment

install: $(SETUP) ## Set up everything that run and test need, without starting anything
	@$(BIN)/python -m localstack install

run: $(SETUP) ## Start the whole platform in the foreground (Ctrl-C stops it, data survives)
	@$(BIN)/python -m localstack run

test: $(SETUP) ## Run every check and test
	@sh tests/system_packages.sh
	@$(BIN)/python -m localstack install
	@$(MAKE) --no-print-directory lint types advisories
	@sh tests/run.sh $(BIN)/python

bench: $(SETUP) ## Benchmarks against peers, written under bench/results/
	@$(BIN)/python -m localstack install
	$(BIN)/python -m bench

token: $(SETUP) ## A bearer token of the running platform: make -s token ROLE=radiologist HOSPITAL=hopital-nord
	@$(BIN)/python -m localstack token --role "$(ROLE)" --hospital "$(HOSPITAL)"

synth: $(SETUP) ## CDK synthesis into build/cdk.out, and its checks
	@cd infra/cdk && { test -x node_modules/.bin/cdk || npm ci --no-audit --no-fund --loglevel error; }
	cd infra/cdk && node_modules/.bin/cdk synth --quiet --output ../../build/cdk.out $(CDK_ARGS)
	$(BIN)/python -m pytest -q tests/infra

lambda-report: $(SETUP) ## Size and import time of each Lambda's package, alone in a clean environment
	@$(BIN)/python -m infra.lambda_report

lint: $(SETUP) ## Style, format, dependencies between modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

advisories: $(SETUP) ## Known vulnerabilities of what is locked; says so where the services cannot be reached
	@$(BIN)/python -m infra.advisories

types: $(SETUP) ## Static types
	$(BIN)/mypy

clean: ## Remove what was built (not .local, which holds the local platform's data)
	rm -rf build .chalice/deployments viewer_static/dist infra/cdk/cdk.out infra/cdk/chalice.out

lock: $(SETUP) ## Compile every requirements*.in into its lock file, with hashes
	@sh infra/lock.sh $(BIN)/uv
