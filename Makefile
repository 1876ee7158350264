# What a user calls. Each target is a line or two; what they do is written in include/shotclock_launcher.
.DEFAULT_GOAL := help
.PHONY: help env data demo demo-history up serve notebook secrets test test-python test-chaos test-compose coverage lint audit sbom clean lock bench bench-scale screenshots pages
.NOTPARALLEL:
unexport PYTHONDONTWRITEBYTECODE

run := .venv/bin/python -m
# Plain calls and single servers, of which two at once disturb nobody.
# Flows first: their files take longest, and the last ones to be taken up should be short.
plain := tests/integration/flows tests/integration/package tests/security/test_mlflow_roles.py \
  $(patsubst %,tests/integration/test_%.py,mlflow_login ui_plugin worker_health object_storage demo_history serving notifications)
WITH ?= 3.13
spread := -n auto --dist loadfile --no-loadscope-reorder # tests that need no quiet, a file at a time to each worker
export OMP_NUM_THREADS := 1
ifdef PORT
export SHOTCLOCK_PORT := $(PORT)
endif
ifdef MLFLOW_PORT
export SHOTCLOCK_MLFLOW_PORT := $(MLFLOW_PORT)
endif
ifdef SERVING_PORT
export SHOTCLOCK_SERVING_PORT := $(SERVING_PORT)
endif

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 15
	@echo 'Ports: make up PORT=8081 MLFLOW_PORT=5002 SERVING_PORT=5003; further settings: .env.example'

env: # .venv, and .venv-pycaret where a project asks for it, made from their locks where they are not what those say
	@include/shotclock_launcher/scripts/bootstrap.sh

data: env ## get every project's raw files into data/raw
	@$(run) shotclock_launcher data

demo: data ## the whole loop once, until it is at rest: train, score, check, retrain, check again; then a summary
	@$(run) shotclock_launcher demo $(if $(PROJECT),--project $(PROJECT))

demo-history: data ## the years go by: the production rows season by season, a line for each
	@$(run) shotclock_launcher demo-history $(if $(PROJECT),--project $(PROJECT)) $(if $(BATCHES),--batches $(BATCHES)) $(if $(BY),--by $(BY))

up: data ## Airflow, MLflow, the dashboard and the endpoint, until Ctrl-C
	@$(run) shotclock_launcher up

serve: env ## the endpoint alone: the champion over HTTP, until Ctrl-C
	@$(run) shotclock_launcher serve $(if $(PROJECT),--project $(PROJECT)) $(if $(HOST),--host $(HOST))

notebook: env ## JupyterLab on notebooks/kobe_shots.ipynb: project, champion, predictions, windows, record at hand
	@include/shotclock_launcher/scripts/notebook.sh
	@$(run) shotclock_launcher notebook

secrets: env ## passwords and keys for docker-compose.yaml, into .env: what is lacking, never what is there
	@$(run) shotclock_deployment.keys .env

test: data lint ## lint, types, and all tests
	@$(run) pytest -q $(spread) tests/unit
	@$(run) pytest -q $(spread) $(plain)
	@$(run) pytest -q $(spread) tests/dags
	@tests/beside.sh $(addprefix --ignore ,$(plain)) $(filter-out tests/unit/ tests/dags/ tests/production/,$(wildcard tests/*/))

test-python: env ## the unit tests on another Python, in an environment of its own from the same lock: WITH=3.12
	@.venv/bin/uv venv --quiet --allow-existing --python $(WITH) .venv-$(WITH)
	@.venv/bin/uv pip sync --quiet --python .venv-$(WITH) --require-hashes requirements.txt
	@.venv/bin/uv pip install --quiet --python .venv-$(WITH) --no-deps --no-build-isolation --editable .
	@.venv-$(WITH)/bin/python -m pytest -q $(spread) tests/unit

test-chaos: data ## every service of docker-compose.yaml killed in the midst of every stage (22 minutes); 200 kills of flows; a clock that is moved; all flights; 1,000 triggers
	@$(run) pytest -q -s tests/production/chaos.py
	@KILLS=200 $(run) pytest -q tests/integration/flows/test_kills.py tests/integration/package/test_changed_versions.py
	@CLOCK=1 $(run) pytest -q tests/integration/flows/test_clock.py
	@EVERY=1 $(run) pytest -q tests/integration/flows/test_late_flights.py
	@TRIGGERS=1000 $(run) pytest -q tests/security/test_many_triggers.py

test-compose: data ## docker-compose.yaml under Docker: built, up, the loop, crashes, stops, backup, restore (minutes)
	@$(run) pytest -q -s tests/production/with_docker.py

coverage: data ## how much of the package its own tests run through, by lines and branches
	@$(run) pytest -q $(spread) tests/unit tests/integration/package --cov

lint: env ## style, types, which way imports point, and whether what is imported is declared
	@$(run) ruff check .
	@$(run) ruff format --check .
	@$(run) mypy
	@PYTHONPATH=dashboard:plugins:dags .venv/bin/lint-imports
	@$(run) deptry .

bench: data ## steps in plain Python and through Airflow, endpoint and plain MLflow, side by side
	@$(run) benchmarks.chain
	@$(run) benchmarks.serving

screenshots: env # the pictures in docs/images, from the running system: see docs/pages.md
	@$(run) shotclock_launcher screenshots $(if $(PROJECT),--project $(PROJECT))

pages: data # pictures of every page, wide and narrow, light and dark, in var/pages; says what is wrong with one
	@SCREENSHOTS=var/pages $(run) pytest -q tests/browser/test_journeys.py tests/browser/test_pages.py

bench-scale: data ## scoring 10 and 50 million rows (ROWS="200000000" for others), by 1 and 2 workers, next to plain copies
	@$(run) benchmarks.scale $(if $(ROWS),--rows $(ROWS))

clean: ## remove what running left behind, and the environments; data/raw stays
	@include/shotclock_launcher/scripts/clean.sh

audit: env ## known vulnerabilities of what the three locks hold; AUDIT="--ignore-vuln ID" and the like go to pip-audit
	@$(foreach lock,$(wildcard requirements*.txt),$(run) shotclock_deployment.audit $(lock) $(AUDIT) || failed=1;) exit $${failed:-0}

# By itself: what it checks its own output with, jsonschema would import in each of Airflow's processes, 0.9 of their first 2 CPU seconds.
sbom: env ## what the environment consists of, with licences and who needs what, in sbom.json: CycloneDX 1.6
	@.venv/bin/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file sbom.json .venv/bin/python

lock: env ## requirements.txt anew from pyproject.toml, PyCaret's lock and JupyterLab's; UPGRADE=1: with the newest of everything
	@include/shotclock_launcher/scripts/lock.sh $(if $(UPGRADE),--upgrade)
