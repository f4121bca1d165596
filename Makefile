# Everything that is made lies in .cache/; `make clean` takes it away.

TOOLS  := tests/tools
PYTHON := .cache/venv/bin/python
export PYTHONPATH := tests

# USER is also a variable of every shell: only the one named on the command line counts.
ifeq ($(origin USER),command line)
  LOGIN_AS := $(USER)
else
  LOGIN_AS :=
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test peers bench appliance login docs lint pictures release clean

help: ## show these lines
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='|' read -r name text; do printf '  %-11s %s\n' "$$name" "$$text"; done

setup: ## make the environments for everything below, in .cache/
	@$(TOOLS)/setup.sh test

demo: ## show the whole story on the simulated appliance (about a minute, no root)
	@$(TOOLS)/setup.sh demo
	@$(TOOLS)/demo.sh

test: ## run every check and test
	@$(TOOLS)/test.sh

peers: ## run the modules on SCIM servers that others wrote (needs Node.js, Go, or Java with Maven; skips what is missing)
	@$(TOOLS)/peers.sh

bench: ## measure, and print a report; some of it: make bench ONLY=role
	@$(TOOLS)/setup.sh demo
	@PYTHONPATH=tests:.cache/collections $(PYTHON) -m bench $(ONLY)

appliance: ## start the simulated appliance and tell how to reach it
	@$(TOOLS)/setup.sh demo
	@$(PYTHON) -m simulator start

login: ## log in at the simulated appliance: make login USER=muffin
	@test -n "$(LOGIN_AS)" || { echo "Who? Say: make login USER=muffin" >&2; exit 2; }
	@$(TOOLS)/setup.sh demo
	@$(PYTHON) -m simulator login "$(LOGIN_AS)"

docs: ## build the documentation site, in .cache/site
	@$(TOOLS)/setup.sh test
	@$(TOOLS)/docs.sh

lint: ## run the linters only
	@$(TOOLS)/test.sh --lint

pictures: ## make the pictures of the README anew, from real runs
	@$(TOOLS)/setup.sh test
	@$(PYTHON) $(TOOLS)/pictures.py

release: ## make the working tree a release: make release VERSION=1.0.0
	@$(TOOLS)/release.sh "$(VERSION)"

clean: ## remove everything that was made
	rm -rf .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache tests/output
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
