# Everything sets itself up in .venv; nothing outside the checkout is touched.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup test check demo demo-ticks demo-ticks-sub-pub demo-streamer \
        demo-streamer-one-way demo-queue demo-queue-rep demo-bridge demo-bridge-jobs demo-crash picture \
        readme clean
help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 22

setup: $(READY)  ## make the virtual environment

$(READY): pyproject.toml zmqdev/relay/_native.c
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --upgrade pip
	@# Without the warnings: setuptools calls its own table for C files experimental.
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -e '.[dev,metrics]'
	@touch $@

test: $(READY)   ## the whole suite
	$(BIN)/python -m pytest

check: $(READY)  ## linter and type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Each arrangement of the README for about ten seconds: DEMO=30s make demo-queue
DEMO ?= 10s
demo: demo-ticks ## ticks from a publisher through a forwarder to a subscriber, live
demo-ticks demo-ticks-sub-pub demo-streamer demo-streamer-one-way demo-queue demo-queue-rep \
demo-bridge demo-bridge-jobs: demo-%: $(READY) configs/%.yaml
	$(BIN)/zmqdev run configs/$*.yaml --duration $(DEMO)

demo-crash: $(READY) ## kill workers under load, behind a reliable queue and behind a plain one
	cd tests && ../$(BIN)/python -m support.crash $(DEMO)

picture: $(READY) # draw the live view in the README again, from a run of a minute
	cd tests && ../$(BIN)/python -m support.picture ../configs/live-view.svg 66

readme: $(READY) ## write the tables of the README from the declarations
	cd tests && ../$(BIN)/python -m support.reference

clean:           ## remove what was built
	rm -rf $(VENV) build dist *.egg-info zmqdev/relay/*.so
