# Everything sets itself up in .venv; nothing outside the checkout is touched.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup test foreign soak fuzz check bench bench-queues sanitize demo demo-ticks demo-ticks-sub-pub demo-streamer \
        demo-streamer-one-way demo-queue demo-queue-rep demo-bridge demo-bridge-jobs \
        demo-reliable-queue demo-market-data demo-work-farm demo-route-split demo-route-canary \
        demo-route-by-key demo-farm demo-crash demo-durable demo-failover demo-top picture readme man clean
help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 22

setup: $(READY)  ## make the virtual environment

# The C half of the data path, for the compiler alone.
RELAY_C   := $(wildcard zmqdev/relay/_*.[ch] zmqdev/system/_*.[ch])
C_INCLUDE  = -I$(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
C_STRICT   = -std=c11 -Wall -Wextra -Werror -DPy_LIMITED_API=0x030A0000 $(C_INCLUDE)
SANITIZED := build/sanitized

$(READY): pyproject.toml $(RELAY_C)
	@echo "Setting up $(VENV): a virtual environment, zmqdev with its C half, its tools for tests."
	@echo "Packages come from the index that pip is set to; a first time takes about a minute."
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --upgrade pip
	@# Without the warnings: setuptools calls its own table for C files experimental.
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -e '.[dev,metrics]'
	@touch $@
	@echo "Set up: $(BIN)/zmqdev"

test: $(READY)   ## the whole suite
	$(BIN)/python -m pytest -n 4 --dist worksteal

# Programs of others that zmqdev must get along with; nothing of them is needed to run it.
FOREIGN := locust zerorpc ipykernel ipyparallel
foreign: $(READY) ## servers of other makes behind a device: installed in build/foreign, then run
	$(PYTHON) -m venv build/foreign
	build/foreign/bin/pip install -q $(FOREIGN)
	$(BIN)/python -m pytest -n 2 tests/e2e/test_foreign_servers.py -rs

soak: $(READY)   ## the long runs, ten minutes of attacks and the long tests: build/soak/report.md
	cd tests && ../$(BIN)/python -m support.soak ../build/soak $(SOAK)

FUZZ_SECONDS ?= 60
fuzz: $(READY)   ## parsers under a coverage-guided fuzzer, FUZZ_SECONDS each; random ZMTP at every side
	$(BIN)/python -m pip install -q atheris
	cd tests && ../$(BIN)/python -m support.fuzz $(FUZZ_SECONDS)
	ZMQDEV_SOAK=$$(( ($(FUZZ_SECONDS) + 9) / 5 )) $(BIN)/python -m pytest -n 4 tests/hostile/test_random_zmtp.py -o timeout=7200

check: $(READY)  ## linter, type checker, and the C half without a warning
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v $(CC) >/dev/null; then set -x; \
	  $(CC) $(C_STRICT) -O2 -fsyntax-only zmqdev/relay/_native.c zmqdev/system/_survival.c; \
	else echo "no C compiler: the C half is not checked"; fi

sanitize: $(READY) ## the C half under address, undefined behaviour and leak checks
	rm -rf $(SANITIZED) && mkdir -p $(SANITIZED)
	cp -R zmqdev $(SANITIZED) && rm -f $(SANITIZED)/zmqdev/relay/*.so
	$(CC) $(C_STRICT) -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	  -fno-sanitize-recover=undefined -shared -fPIC zmqdev/relay/_native.c \
	  -o $(SANITIZED)/zmqdev/relay/_native.abi3.so
	cd $(SANITIZED) && PYTHONPATH=. PYTHONMALLOC=malloc ZMQDEV_RELAY=native \
	  LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) \
	  ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=1 \
	  $(CURDIR)/$(BIN)/python -m pytest $(CURDIR)/tests/relay -k native -p no:cacheprovider

# The table goes into the README as it is; ROUNDS=1 make bench is a quick look.
BENCH  := build/bench
ROUNDS ?= 5
bench: $(READY)  ## the standard benchmark, some minutes: table, chart and JSON in build/bench
	@mkdir -p $(BENCH)
	$(BIN)/zmqdev bench --standard --rounds $(ROUNDS) --json \
	  --markdown $(BENCH)/table.md --svg $(BENCH)/chart.svg > $(BENCH)/report.json
	cd tests && ../$(BIN)/python -m support.bench_targets ../$(BENCH) $(ROUNDS)
	@cat $(BENCH)/table.md

QUEUES := build/queues
bench-queues: $(READY) ## other queues that flush before they acknowledge, beside the store; about six minutes
	@cd tests && ../$(BIN)/python -m support.queue_servers ../$(QUEUES)
	cd tests && ../$(BIN)/python -m support.queues ../$(QUEUES) 3 $(ROUNDS)

# Each arrangement of the README for about ten seconds: DEMO=30s make demo-queue
DEMO ?= 10s
demo: demo-ticks ## ticks from a publisher through a forwarder to a subscriber, live
demo-ticks demo-ticks-sub-pub demo-streamer demo-streamer-one-way demo-queue demo-queue-rep \
demo-bridge demo-bridge-jobs demo-reliable-queue demo-market-data demo-work-farm demo-route-split demo-route-canary \
demo-route-by-key: demo-%: $(READY) configs/%.yaml
	@sed -n '2,/^[^#]/s/^# *//p' configs/$*.yaml
	@echo "Running configs/$*.yaml for $(DEMO); Ctrl-C ends it sooner."
	$(BIN)/zmqdev run configs/$*.yaml --duration $(DEMO)
	@printf '%s\n' "" "Next: . $(BIN)/activate, then" \
	  "  zmqdev graph configs/$*.yaml      draws what just ran" \
	  "  zmqdev run configs/$*.yaml        runs it until Ctrl-C; meanwhile, in another terminal:" \
	  "  zmqdev top, zmqdev ctl            shows rates; steers its devices" \
	  "  zmqdev help first-steps           a tour; make help lists more demonstrations"

demo-farm: $(READY) ## a work farm whose workers are killed: every request is answered
	cd tests && ../$(BIN)/python -m support.farm 5

demo-crash: $(READY) ## kill workers under load, behind a reliable queue and behind a plain one
	cd tests && ../$(BIN)/python -m support.crash $(DEMO)

demo-durable: $(READY) ## posts, a queue that is killed three times, and all replies collected
	cd tests && ../$(BIN)/python -m support.durable

demo-failover: $(READY) ## two queues over one PostgreSQL; one is killed under load, nothing is lost
	cd tests && ../$(BIN)/python -m support.failover

demo-top: $(READY) configs/three-devices.yaml ## three devices with traffic in one table; q ends it
	@$(BIN)/zmqdev run configs/three-devices.yaml -q --stats off > /dev/null 2>&1 & devices=$$!; \
	  trap 'kill $$devices; wait $$devices' EXIT; $(BIN)/zmqdev top --duration $(DEMO)

picture: $(READY) # draw the live view in the README again, from a run of a minute
	cd tests && ../$(BIN)/python -m support.picture ../configs/live-view.svg 66

readme: $(READY) ## write the tables of README and help topics from the declarations
	cd tests && ../$(BIN)/python -m support.reference
	$(BIN)/zmqdev schema > configs/zmqdev.schema.json

man: $(READY)    ## the manual pages in build/man, as the wheel has them: man -l build/man/zmqdev.1
	$(BIN)/python -m zmqdev.tools.man build/man

clean:           ## remove what was built
	rm -rf $(VENV) build dist *.egg-info zmqdev/*/*.so
