# The two commands are `make run` and `make test`; both install what is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
DEMO_OPTIONS ?=
TEST_PROCESSES ?= $(shell nproc)

.PHONY: help run test check bench docs format clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s $$'\t'

run: ## Start the whole product with its demo site at http://127.0.0.1:8080
	@scripts/setup run
	@.venv/bin/plumbline up --demo $(DEMO_OPTIONS)

test: ## Install what is missing and run every test
	@scripts/setup test
	@cd web && PATH="$(CURDIR)/.venv/bin:$$PATH" npm test --silent
	@$(PYTHON) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_OPTIONS)

check: ## Format, lint, types, imports, dependencies, docs: fast
	@scripts/setup test
	@.venv/bin/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/pyright --warnings
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/deptry --no-ansi .
	@.venv/bin/plumbline docs --check
	@.venv/bin/plumbline dashboards check
	@cd web && PATH="$(CURDIR)/.venv/bin:$$PATH" npm run check --silent

format: ## Format the code and mend what can be mended by itself
	@.venv/bin/ruff format --quiet .
	@.venv/bin/ruff check --fix --quiet .

docs: ## Write the generated pages of docs/
	@.venv/bin/plumbline docs

bench: ## Measure the whole chain
	@scripts/setup run
	@.venv/bin/plumbline bench e2e

clean: ## Remove what was built and installed here (not the data in var/)
	@rm -rf .venv .tools web/node_modules web/dist tests/grafana/node_modules tracking_service/static/wall .pytest_cache .ruff_cache .hypothesis .import_linter_cache
