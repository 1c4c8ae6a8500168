# `make` lists what there is. Everything is installed into .venv; nothing outside this folder is touched.

VENV := .venv
PY := $(VENV)/bin/python
SOURCES := manage.py vectorsite collections_app search_app tests benchmarks documentation docker
# Chromium for the browser tests; CHROMIUM=/path/to/chrome make test names another one.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
export CHROMIUM

DOCS_PORT ?= 8090

.PHONY: docs docs-serve reference screenshots
.PHONY: help run bench quality chaos test test-all lint check-migrations format requirements clean need-chromium

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.runtime  ## Start the whole site on http://127.0.0.1:8000/ (PORT=… for another port); Ctrl-C stops it
	@exec $(PY) manage.py up --demo

bench: $(VENV)/.dev  ## Measure, side by side in one run, what the documentation claims about speed (DATA=folder of sets: nDCG too)
	@$(PY) -m benchmarks.embedding $(if $(DATA),--data "$(DATA)/scifact")
	@$(PY) -m benchmarks.one_process
	@$(PY) -m benchmarks.rebuild
	@$(PY) -m benchmarks.portable
	@$(PY) -m benchmarks.serving
	@$(PY) -m benchmarks.filtered --chunks 10000 --rivals chroma pgvector
	@for workers in 1 2 4; do $(PY) -m benchmarks.scaling --workers $$workers || exit 1; done
	@$(PY) -m benchmarks.end_to_end

quality: $(VENV)/.dev  ## Measure how well each mode finds: DATA=folder of sets, SETS="name …" (see docs/search.md)
	@test -n "$(DATA)" || { echo "Say where the sets are: make quality DATA=folder" >&2; exit 1; }
	@$(PY) -m benchmarks.quality --data "$(DATA)" $(if $(SETS),--sets $(SETS))

chaos: $(VENV)/.dev  ## Kill, stop and mislead every part of real sites: ROUNDS=n, ONLY="name …", SABOTAGE=name, DATABASE=sqlite
	@$(PY) -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY)) \
	    $(if $(SABOTAGE),--sabotage $(SABOTAGE)) $(if $(DATABASE),--database $(DATABASE))

# More processes than cores: many tests wait for servers, browsers and processes of their own.
TEST_PROCESSES := 3
# Files with few and long tests begin, so that in the end no process waits for another.
LONGEST_FIRST := --dist loadfile --no-loadscope-reorder tests/site tests/browser tests

# What touches the database; `make test-all` runs all of it on both.
DATABASE_TESTS := tests/collections_app tests/search_app tests/site tests/contracts/test_filter_agreement.py \
    tests/contracts/test_lexical_search.py
# What `make test` runs on PostgreSQL too: where SQL, locks and transactions decide.
ON_POSTGRESQL := $(sort $(wildcard tests/*_app/test_*race*.py)) tests/contracts/test_filter_agreement.py \
    tests/contracts/test_lexical_search.py $(foreach name,activity audit audit_after_crash audit_lexical audit_repair \
    audit_under_load batches budgets bulk change_field filling interruptions isolation lexical_renewal lexical_rows \
    prepared probing rebuild rebuild_proof rebuild_readers restored_database server_statements services source_leases \
    superseded_texts sync turns unused_vectors usage,tests/collections_app/test_$(name).py) \
    $(foreach name,degraded facets lexical orders phrases resident resident_view search,tests/search_app/test_$(name).py)

test: lint need-chromium  ## Lint, then run the tests on SQLite and PostgreSQL (the long matrices excepted)
	@echo "Tests on SQLite"
	@$(PY) -m pytest -q -m "not slow" -n $(TEST_PROCESSES) $(LONGEST_FIRST)
	@echo "Tests on PostgreSQL (a real server in a temporary folder)"
	@$(PY) -m tests.postgres $(PY) -m pytest -q -m "not slow" -n $(TEST_PROCESSES) --dist loadfile $(ON_POSTGRESQL)
	@echo "Chaos, in its short form"
	@$(PY) -m tests.chaos --short

test-all: lint need-chromium  ## Lint, then run every test, the long matrices too, on SQLite and PostgreSQL
	@echo "All tests on SQLite"
	@$(PY) -m pytest -q -n $(TEST_PROCESSES) $(LONGEST_FIRST)
	@echo "All tests on PostgreSQL (a real server in a temporary folder)"
	@$(PY) -m tests.postgres $(PY) -m pytest -q -n $(TEST_PROCESSES) --dist loadfile $(DATABASE_TESTS)
	@echo "Chaos, every experiment on both databases; \`make chaos\` has more rounds of each"
	@$(PY) -m tests.chaos --rounds 1

docs: $(VENV)/.docs  ## Build the documentation's site into var/docs; broken links fail
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --clean

docs-serve: $(VENV)/.docs  ## Show the documentation while it is written, on http://127.0.0.1:8090/ (DOCS_PORT=…)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs serve --dev-addr 127.0.0.1:$(DOCS_PORT)

reference: $(VENV)/.dev  ## Write anew the pages that are made from the code: commands and environment
	@$(PY) -m documentation.reference

screenshots: $(VENV)/.dev need-chromium  ## Take the documentation's pictures from a site of their own in var/screenshots
	@$(PY) -m documentation.screenshots

lint: $(VENV)/.dev check-migrations  ## Check style, types, import contracts and migrations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(SOURCES)
	$(VENV)/bin/lint-imports

check-migrations: $(VENV)/.dev  ## Check that every change of a model has its migration
	$(PY) manage.py makemigrations --check --dry-run

format: $(VENV)/.dev  ## Format the code and apply safe fixes
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

requirements: $(VENV)/.dev  ## Recompile the pinned requirements from the .in files
	$(PY) -m uv pip compile --universal --python-version 3.11 --fork-strategy fewest --no-header \
	    --no-emit-package openvino-telemetry requirements.in -o requirements.txt
	$(PY) -m uv pip compile --universal --python-version 3.11 --fork-strategy fewest --no-header \
	    requirements-dev.in -o requirements-dev.txt
	$(PY) -m uv pip compile --universal --python-version 3.11 --fork-strategy fewest --no-header \
	    requirements-docs.in -o requirements-docs.txt

clean:  ## Remove .venv and caches; your data in var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

need-chromium:
	@test -x "$(CHROMIUM)" || { echo "The browser tests need Chromium: \`apt-get install chromium\`," \
	    "or name one: CHROMIUM=/path/to/chrome make test" >&2; exit 1; }

$(VENV)/.runtime: requirements.txt
	@PYTHON="$(PYTHON)" sh .ci/install requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@PYTHON="$(PYTHON)" sh .ci/install requirements-dev.txt
	@touch $@

$(VENV)/.docs: requirements-docs.txt $(VENV)/.runtime
	@PYTHON="$(PYTHON)" sh .ci/install requirements-docs.txt
	@touch $@

.PHONY: messages
messages: $(VENV)/.dev  ## Collect the texts to translate, compile the translations (needs GNU gettext)
	$(PY) manage.py makemessages -l zh_Hans --no-location --no-wrap --no-obsolete \
	    --ignore .venv --ignore var --ignore tests --ignore benchmarks
	$(PY) manage.py compilemessages -l zh_Hans --ignore .venv --ignore var
