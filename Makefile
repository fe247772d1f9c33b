# Every command of the project, the same that CI calls. `make` alone lists them.
# A fresh machine needs Python 3.11-3.13, make and a compiler; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
PACKAGES := domain ingest processors models alerting storage console tocsin

.PHONY: help setup setup-train demo services secrets test lint types imports docs docs-check bench bench-cluster chaos storm train lock ci clean

SETS ?= ../shared/data
WORK ?= .train
CORRECTIONS ?=
NAME ?= judge-2

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(UV):
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.installed: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/.installed ## install everything into .venv: leaves .venv/bin/tocsin

.venv/.installed-train: requirements-train.lock .venv/.installed
	$(UV) pip install --quiet --no-deps --require-hashes --requirement requirements-train.lock
	@touch $@

setup-train: .venv/.installed-train ## add what training and hub models need (PyTorch: several GB)

demo: setup ## the whole product on shipped example posts: no keys, no services, under a minute
	$(BIN)/tocsin demo

services: ## fetch the real Kafka, Elasticsearch and Prometheus that tests use: no Docker, needs Maven and Java
	deploy/services/fetch.sh

secrets: ## random passwords and certificates for docker-compose.yml, in deploy/secrets: what is there stays
	deploy/make-secrets.sh

test: setup ## all tests
	$(BIN)/pytest

lint: setup ## ruff: every rule, each exception with its reason
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## mypy strict over code and tests
	$(BIN)/mypy

imports: setup ## imports point inward
	$(BIN)/lint-imports

docs: setup ## write docs/reference from the registries
	$(BIN)/python -m tocsin.reference docs/reference

docs-check: setup ## what the docs say holds against the code
	$(BIN)/python -m tocsin.reference docs/reference --check

bench: setup ## the figures: matching, judging, the whole pipeline, memory, post to alert
	$(BIN)/python -m tests.bench.all

bench-cluster: setup services ## the same of the cluster, with the real Kafka and Elasticsearch beside it
	$(BIN)/python -m tests.bench.bench_cluster

chaos: setup services ## 50,000 posts through the cluster while all of it is killed and frozen, 40 times and more
	TOCSIN_CHAOS_POSTS=50000 TOCSIN_CHAOS_KILLS=40 TOCSIN_CHAOS_FROZEN=30 \
		$(BIN)/pytest -n0 tests/e2e/test_cluster_killed_at_will.py

storm: setup ## 100,000 posts from all networks at once while requests fail, providers are away, credentials are revoked
	TOCSIN_STORM_POSTS=100000 $(BIN)/pytest -n0 -s tests/integration/test_network_storm.py -k all_networks

train: setup-train ## the judge from the published weights to models/artefact: hours on a CPU; run again to go on
	$(BIN)/python -m models.training.make --sets $(SETS) --work $(WORK) --name $(NAME) --corrections $(CORRECTIONS)

lock: $(UV) ## resolve the dependencies anew into requirements.lock and requirements-train.lock
	$(UV) pip compile --quiet --upgrade --override requirements.overrides --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group dev --extra cluster --extra telegram pyproject.toml --output-file requirements.lock
	$(UV) pip compile --quiet --override requirements.overrides --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--constraint requirements.lock --group dev --extra cluster --extra train --extra hub pyproject.toml \
		--output-file requirements-train.lock

ci: setup-train services lint types imports docs-check test ## what CI runs

clean: ## forget everything that was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
