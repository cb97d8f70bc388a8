# Cupel. `make demo` and `make test` are all a newcomer needs: each sets up what is missing first.

SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export SOLCX_BINARY_PATH := $(CURDIR)/scripts/solc
export APE_DATA_FOLDER := $(CURDIR)/build/ape
# Compiled once, and not beside the sources: a test that starts a process would compile all of them again.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
# The lock has both: this one hashes some words in a quarter of the time that pycryptodome takes.
test-python contracts-on-py-evm contracts-on-anvil: export ETH_HASH_BACKEND := pysha3
# Set in many images of containers: it would have ape alone compiled anew each time, 8 seconds of CPU.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo quickstarts test test-python test-contracts compiled contracts-on-py-evm contracts-on-anvil test-invariants invariants coverage slither lint abi abi-check same-bits pandas3 bench-scoring bench-data bench-rewards bench-large bench-oracle bench-journal bench-submissions bench-encryption bench-server bench-web bench-gas bench-proof gas-check package docs web web-check web-images test-web web-setup prove mutate mutate-python chaos soak drill deploy-kills rehearse agents numerapi-tests hostile fuzz-proofs verify-input simulate compare lock clean rehearse-bridge chaos-compute test-podman fuzz-api fuzz-bridge

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup:  ## install everything that is missing, into this folder
	@sh scripts/setup.sh

demo: setup  ## settle rounds on real market data on a local chain, into build/demo
	@cupel demo --out build/demo

# What has one process beside what has as many as there are cores: the compiler works while Python's tests run.
test: setup  ## every fast test
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target $(CONTRACTS) test-invariants & others=$$!; \
		$(MAKE) --no-print-directory test-python; python=$$?; wait $$others && exit $$python

# Two a core, since tests wait for chains and servers half of the time; each takes up to 1.3 GB of memory.
test-python: WORKERS = $(shell echo $$(( $$(nproc) * 2 )) $$(awk '/^MemAvailable/ {print int($$2 / 2097152)}' /proc/meminfo) 2 | tr ' ' '\n' | sort -n | sed -n 2p)
test-python: setup
	@sh scripts/sandbox_setup.sh || true
	@# Once, before the workers: each would compile all modules and tests for itself.
	@mkdir -p build
	@pytest --collect-only -qqq > build/collected.txt || { cat build/collected.txt; exit 1; }
	pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

CONTRACTS := contracts-on-py-evm contracts-on-anvil

test-contracts: setup
	$(MAKE) --no-print-directory --jobs 2 $(CONTRACTS)

$(CONTRACTS): compiled

# As the package deploys them, unless one was changed since.
compiled: setup
	@python tests/contracts/exported.py || ape compile

contracts-on-py-evm:
	ape test tests/contracts

contracts-on-anvil:
	ape test tests/contracts --network ethereum:local:foundry

test-invariants: setup
	FOUNDRY_PROFILE=invariants forge test --no-match-contract InvariantsTest
	python tests/invariants/campaign.py

invariants: setup  ## the stateful invariants, deep: a thousand runs of two hundred calls for each (an hour)
	python tests/invariants/campaign.py --deep

coverage: setup  ## lines and branches of contracts/ that the forge tests run through; fails below 98 %
	python tests/invariants/coverage.py

slither: setup .venv-analysis/.ready  ## static analysis; fails where a finding of medium severity is not explained
	python tests/static/check.py .venv-analysis/bin/slither

prove: setup .venv-analysis/.ready  ## halmos: the libraries of contracts/ equal a plain reference for all inputs (minutes)
	python tests/symbolic/prove.py .venv-analysis/bin/halmos

mutate: setup  ## one small fault after the other in a copy of contracts/; fails where no test notices one (hours)
	python -m tests.mutation.run

.venv-analysis/.ready: requirements-analysis.lock
	python -m venv .venv-analysis
	.venv-analysis/bin/python scripts/install_locked.py requirements-analysis.lock
	touch $@

chaos: setup  ## kill, reorganise, cut off and stall the daemons at every labelled point (an hour)
	PYTHONPATH=. python tests/chaos/run.py

chaos-compute: setup  ## fifty models of six kinds take part in ten rounds while node, server and chain are killed (an hour, and more on a busy machine)
	sh scripts/sandbox_setup.sh
	PYTHONPATH=. python tests/chaos/compute.py

test-podman: setup  ## hostile models in containers by podman and runc, without images (minutes)
	PYTHONPATH=. pytest -m long tests/compute/test_providers.py

soak: setup  ## 200 rounds of 1,000 models, ten at a time, under random faults; memory must not grow (an hour or more)
	PYTHONPATH=. python tests/chaos/soak.py

mutate-python: setup  ## small faults in what decides, signs and reports; fails where under 85 % are noticed (an hour)
	python -m tests.mutation_python.run

drill: setup  ## the drill that an operator can try, of some minutes
	cupel oracle drill --out build/drill

deploy-kills: setup  ## kill a deployment at nine points of every transaction; each ends in the same manifest (minutes)
	pytest -m "long or not long" tests/deployment/test_deploy.py -k "killed or endpoint"

numerapi-tests: setup  ## numerapi's own tests, live ones included, against a server (pip downloads them)
	python -m tests.server.numerapi_suite

rehearse: setup  ## a dress rehearsal of a public deployment on a chain that stands in for Amoy (minutes)
	python scripts/rehearse.py --out build/rehearsal

agents: setup  ## an agent acts on a signed consensus on a second chain, within its limits and out of them (minutes)
	rm -rf build/agents
	python scripts/agents_rehearsal.py --out build/agents

rehearse-bridge: setup  ## tokens, a round, a vote and faults between two chains with Polygon's own contracts (minutes)
	python scripts/rehearse_bridge.py --out build/rehearse-bridge

hostile: setup  ## fuzz every parser of what a stranger wrote, 50,000 inputs each, and tamper with bundles (hours)
	python -m tests.hostile.tampering
	python -m tests.hostile.run

fuzz-api: setup  ## a server's every root, route and tool with a hundred generated inputs each (an hour)
	CUPEL_FUZZ=100 pytest tests/server/test_fuzz.py

fuzz-bridge: setup  ## two EVMs with a bridge between them: anything in any order, forty times fifty steps (a quarter of an hour)
	CUPEL_FUZZ=40 pytest -s -m long tests/bridge/test_fuzz.py

verify-input: setup  ## each contract's input for Etherscan and Sourcify gives the deployed code to the byte
	python scripts/verify_input.py --check

fuzz-proofs: setup  ## a million scores, factors, rewards and sums of meta models against the scorer's, into build/proofs, and walks over a court (an hour)
	PYTHONPATH=. pytest -m long tests/proofs/test_court_walks.py
	PYTHONPATH=. python -m tests.proofs.campaign

simulate: setup  ## 500 rounds of 1,000 made-up models under Cupel's rules, into build/sim
	cupel simulate --out build/sim

compare: setup  ## what attackers earn under Cupel's rules and others, into build/compare
	cupel simulate --compare --out build/compare

package: setup  ## build the package, and try it where nothing else of ours is
	python scripts/try_package.py

docs: setup .venv-docs/.ready  ## build the documentation's site into build/docs; fails on a warning
	python scripts/docs_site.py build/docs-source
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

.venv-docs/.ready: requirements-docs.lock
	python -m venv .venv-docs
	.venv-docs/bin/python scripts/install_locked.py requirements-docs.lock
	touch $@

web-setup: setup
	@sh scripts/web_setup.sh

web: web-setup  ## build the page's scripts and styles into the Python package
	cd web && node_modules/.bin/tsc --noEmit && node build.mjs

web-check: web-setup  ## fail when the built scripts and styles are not those of web/
	cd web && node_modules/.bin/tsc --noEmit && node build.mjs --check

web-images: web-setup  ## pictures of every page, into docs/images/web (minutes)
	@sh scripts/browser_setup.sh
	PYTHONPATH=. python -m tests.web.screenshots

test-web: web-check  ## the page in a real headless browser, against a local tournament (minutes)
	@sh scripts/browser_setup.sh
	pytest -n 2 --dist loadfile -m long tests/web

quickstarts: setup  ## type the quick starts, the tutorials and the README's commands at a terminal (minutes)
	@sh scripts/sandbox_setup.sh
	pytest -m "long or not long" tests/docs/test_quickstarts.py tests/docs/test_tutorials.py

lint: setup  ## style, strict types, imports that run one way, and the field's words
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-cache
	python scripts/check_words.py

abi: setup  ## export the contracts' ABIs, bytecode and record for verification into the Python package
	python scripts/export_artifacts.py
	python scripts/verify_input.py

abi-check: setup  ## fail when the exported ABIs and bytecode are not those of contracts/
	python scripts/export_artifacts.py --check

same-bits: setup .venv-numpy1/.ready  ## scores under four BLAS kernels and other threads, and data sets, under numpy 1.26 too (minutes)
	OTHER_PYTHON=.venv-numpy1/bin/python pytest -m "long or not long" tests/scoring/test_same_bits.py tests/scoring/test_same_ppm.py tests/data/test_same_bits.py

.venv-numpy1/.ready: requirements-numpy1.lock
	python -m venv .venv-numpy1
	.venv-numpy1/bin/python scripts/install_locked.py requirements-numpy1.lock
	touch $@

pandas3: setup .venv-pandas3/.ready  ## the tests of the scores, and a data set, under pandas 3 (the lock file has pandas 2)
	PYTHONPATH=. .venv-pandas3/bin/python -m pytest --confcutdir=tests/scoring tests/scoring
	OTHER_PYTHON=.venv-pandas3/bin/python pytest tests/data/test_same_bits.py

.venv-pandas3/.ready: requirements-pandas3.lock
	python -m venv .venv-pandas3
	.venv-pandas3/bin/python scripts/install_locked.py requirements-pandas3.lock
	touch $@

bench-scoring: setup  ## time the scores against numerai-tools in one run, into build/bench/scoring.json
	PYTHONPATH=. python benchmarks/scoring/bench.py

bench-data: setup  ## build a data set of 6,000 ids x 500 eras x 1,000 features beside pyarrow, into build/bench/data.json (minutes, 8 GB)
	PYTHONPATH=. python benchmarks/data/bench.py

bench-rewards: setup  ## time rewards, report and bundle of 10,000 models against their scoring, into build/bench/rewards.json
	PYTHONPATH=. python benchmarks/rewards/bench.py

bench-large: setup  ## memory of storing and scoring 100,000 models x 6,000 ids, into build/bench/large.json (minutes, 10 GB of disk)
	PYTHONPATH=. python benchmarks/rewards/large.py

bench-oracle: setup  ## from outcome known to the last chunk settled, and what an idle cycle costs, into build/bench/oracle.json
	PYTHONPATH=. python benchmarks/oracle/bench.py

bench-journal: setup  ## look-ups of a cycle and the size of a journal of a year, against a select by primary key
	PYTHONPATH=. python benchmarks/journal/bench.py

bench-submissions: setup  ## read 10,000 submissions in child processes and in one, into build/bench/submissions.json
	PYTHONPATH=. python benchmarks/submissions/bench.py

bench-server: setup  ## submissions and reads a second of a server on loopback, into build/bench/server.json
	PYTHONPATH=. python benchmarks/server/bench.py

bench-web: setup  ## server time of a leaderboard of 10,000 models, cached and cold, into build/bench/web.json
	PYTHONPATH=. python benchmarks/web/bench.py

bench-encryption: setup  ## encrypt predictions, and decide on 10,000 envelopes as a member does, into build/bench/encryption.json
	PYTHONPATH=. python benchmarks/encryption/bench.py

bench-gas: setup  ## gas of rounds of up to 10,000 models, of single calls and of peers, into build/bench/gas.json
	PYTHONPATH=. python benchmarks/gas/bench.py --check

gas-check: setup  ## the same without the largest round; fails when a figure is not the committed snapshot's
	PYTHONPATH=. python benchmarks/gas/bench.py --check --quick

bench-proof: setup  ## gas of proofs in rounds of 500 models, as whole transactions, into build/bench/proof.json
	PYTHONPATH=. python benchmarks/proofs/bench.py

lock:  ## renew the lock files (needs uv on PATH)
	uv pip compile pyproject.toml --extra dev --override requirements-overrides.txt --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate --generate-hashes --upgrade -o requirements.lock
	uv pip compile requirements-numpy1.in --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate --generate-hashes --upgrade -o requirements-numpy1.lock
	uv pip compile requirements-pandas3.in --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate --generate-hashes --upgrade -o requirements-pandas3.lock
	uv pip compile requirements-docs.in --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate --generate-hashes --upgrade -o requirements-docs.lock
	npm install --package-lock-only

clean:  ## remove what was built, but not what was installed
	rm -rf build .build .cache out cache
