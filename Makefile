# `make help` lists what there is. Everything sets up what it needs first; what is set up already costs under a second.
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build demo test lint format bench clean distclean

# More arguments for the command behind demo, test: make test ARGS="-k conversions", make demo ARGS="--seed 3"
ARGS ?=
IN_ENV := source scripts/env.sh &&

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: ## Install what is missing into .venv and build the interfaces
	@scripts/setup.sh

build: setup ## The same: set-up ends with the build

# The demo's status is that of the questions: whether the pick succeeds is told, and hangs on the model.
demo: setup ## Camera, node and planner as processes of their own: ask, point, show the error; then pick one thing up
	@$(IN_ENV) viper demo $(ARGS) && { viper demo pick "the red mug" || echo "the pick did not succeed"; }

# A domain of its own for each run, so that two runs and a robot nearby do not hear each other.
test: setup ## Run every test
	@$(IN_ENV) ROS_DOMAIN_ID=$$((RANDOM % 100 + 1)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST OMP_NUM_THREADS=1 \
		python -m pytest $(ARGS)

lint: setup ## Check style and formatting
	@$(IN_ENV) ruff check . && ruff format --check .

format: setup ## Mend style and formatting
	@$(IN_ENV) ruff check --fix --exit-zero . && ruff format .

bench: setup ## Run the benchmarks; each prints one JSON object
	@$(IN_ENV) for script in bench/*.py; do echo "# $$script" >&2; python "$$script"; done

clean: ## Remove builds, logs and caches; .venv stays
	rm -rf build install log .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## Remove .venv as well
	rm -rf .venv
