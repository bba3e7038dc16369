# Every command of the project. `make` alone lists them.
.DEFAULT_GOAL := help
PY := .venv/bin/python
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.venv/.run: requirements.lock
	python3 -m venv .venv
	$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

.PHONY: run
run: .venv/.run ## Serve the practice grid behind the gateway; ARGS="--data-listen :9080"
	@$(PY) -m gateway demo $(ARGS)

.venv/.dev: requirements-dev.lock
	python3 -m venv .venv
	$(PY) -m pip install --quiet --require-hashes -r requirements-dev.lock
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
test: .venv/.dev ## The whole suite
	$(PY) -m pytest -q -n 2

.PHONY: lock
lock: .venv/.dev ## Recompute both lock files from pyproject.toml
	$(PY) -m piptools compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras -o requirements.lock pyproject.toml

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
