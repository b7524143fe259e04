# `make` lists the targets. Each does its own set-up; nothing has to be run first.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: bypass drivers help pictures setup native clients cluster cluster-down cluster-binaries cluster-ahead cluster-wait check fmt generate test demo fuzz bench bench-check bench-publish bench-decisions bench-path bench-admission bench-pods build images e2e clean accept-foundation accept-gateway accept-operator accept-sidecar accept-lineage accept-conformance
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

MINUTES ?= 5
TESTS ?= test/**/*.test.ts
# What V8 makes of a source is kept for the next process that has the same: without it half of a small file's time.
# Twice as many files as a small machine has cores: most wait for a server most of the time. Clusters with a node, each of which is
# as much as the machine can do, are fewer at once.
FILES_AT_ONCE := 4
NODE_TEST = NODE_COMPILE_CACHE=$(CURDIR)/.cache/compiled node --test --test-concurrency=$(FILES_AT_ONCE) --test-timeout=300000 --test-reporter=./tools/test/reporter.ts

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the locked packages (done by every other target)
	@tools/setup/setup.sh

native: setup ## compile what is C: the addon that asks the kernel about sockets
	@node tools/images/make-addon.ts

clients: setup
	@tools/setup/clients.sh

# Kubernetes is built once per machine, which takes minutes: it begins first, and is waited for when its tests are next.
test: cluster-ahead check native clients cluster-wait ## everything that must hold: checks, then all tests (TESTS=glob narrows it)
	@$(NODE_TEST) '$(TESTS)'

cluster: setup ## a Kubernetes with one node that stays; prints what your shell is to eval for kubectl and helm
	@{ tools/setup/kubectl.sh && tools/setup/node-tier.sh; } >&2; node tools/cluster/node/up.ts

cluster-down: setup ## end what make cluster left
	@node tools/cluster/node/down.ts

cluster-binaries: setup ## build etcd and Kubernetes for tests, once per machine
	@node tools/cluster/build.ts

cluster-ahead: setup
	@node tools/cluster/build.ts --for='$(TESTS)' --while=$$PPID >/dev/null 2>&1 &

cluster-wait: setup cluster-ahead
	@node tools/cluster/build.ts --for='$(TESTS)'

check: setup ## format, lint, types, dead code, generated files
	@biome format --log-level=warn .
	@oxlint --type-aware --deny-warnings --quiet
	@tsc
	@knip
	@node tools/kinds/generate.ts --check

fmt: setup ## format the sources
	@biome format --write .

generate: setup ## write what is generated: from crds/, from PostgreSQL's own catalogs, and the dashboards
	@node tools/kinds/generate.ts
	@node tools/stock-catalog/generate.ts
	@node tools/monitoring/generate.ts
	@biome format --write --log-level=warn crds

demo: setup ## an agent without a password, a real PostgreSQL and the gateway between them (ONCE=1: end by itself; PORT=6432; CLUSTER=1: in a Kubernetes)
	@$(if $(CLUSTER),tools/setup/kubectl.sh && tools/setup/node-tier.sh && node tools/demo/cluster.ts,node tools/demo/demo.ts $(if $(PORT),--port=$(PORT))) $(if $(ONCE),--once)

fuzz: setup ## find planted defects, then let every fuzzer and every property run on new seeds for MINUTES=n (5)
	@node tools/fuzz/run.ts --minutes $(MINUTES)

drivers: clients native ## every driver, every feature, past the gateway and through it: docs/drivers.md (ONLY=driver,… for single columns)
	@node tools/drivers/run.ts $(if $(ONLY),--only='$(ONLY)')

conformance: clients native ## the suites of PostgreSQL and node-postgres, straight, through pgbouncer and through the gateway: what differs, and why
	@tools/setup/proxies.sh
	@tools/setup/conformance.sh
	@node tools/conformance/main.ts $(if $(PAGE),--page)

bypass: clients native cluster-binaries ## every way around that somebody has thought of, with and without what is in it, as a table
	@node tools/bypass/table.ts

bench: setup ## what the gateway costs beside haproxy, pgbouncer and a bare relay, in one run
	@tools/setup/proxies.sh
	@node bench/performance.ts

bench-check: setup ## compare a shorter run with the committed baseline; fails where something has become slower than noise explains
	@tools/setup/proxies.sh
	@node bench/check.ts

bench-publish: setup ## measure on a quiet machine what docs/performance.md shows (one run) and bench-check compares with (five)
	@tools/setup/proxies.sh
	@node bench/performance.ts --publish
	@node bench/check.ts --record

bench-decisions: setup ## what a decision costs, what a pod's gateway weighs, how long it waits for a credential, and 2,000 gateways that lose their broker
	@node bench/policy.ts
	@node bench/sidecar.ts
	@node bench/exchange.ts --model
	@node bench/storm.ts

bench-path: setup ## what the engine itself takes for a statement and for a row, without sockets and processes
	@node bench/path.ts

bench-admission: clients ## what admission adds to the making of a pod, at 10,000 pods and 50 a second
	@node tools/cluster/build.ts --for='test/webhook/*.test.ts'
	@node bench/admission.ts

bench-pods: clients ## what capture adds to a pod's connections, and how soon a change in the cluster holds in 20 pods beside 2,000 streams
	@node tools/cluster/build.ts --for='test/cluster-broker/*.test.ts'
	@node bench/capture.ts
	@node bench/propagation.ts

build: setup ## bundle the programs into dist/
	@rolldown -c rolldown.config.ts --log-level warn

images: setup ## the images of a release under dist/images, with nothing but Node, Go and a C compiler at hand
	@node tools/images/make.ts

e2e: FILES_AT_ONCE := 3
e2e: clients native ## what takes longer: a release through its life, every way around admission, replicas, killed clusters
	@node tools/cluster/build.ts --for='test/**/*.e2e.ts'
	@$(NODE_TEST) --test-timeout=1800000 'test/**/*.e2e.ts'

pictures: clients native ## draw the dashboards of docs/operations/dashboards.md anew, of what a real Prometheus answers
	@node tools/cluster/build.ts --for='test/monitoring/*.e2e.ts'
	@PICTURES=$(CURDIR)/docs/pictures $(NODE_TEST) test/monitoring/real.e2e.ts

accept-foundation: setup ## prove the foundation point by point
	@node tools/accept/foundation.ts

accept-gateway: clients ## prove the standalone gateway point by point
	@tools/setup/proxies.sh
	@node tools/accept/gateway.ts

accept-operator: clients ## prove the cluster side point by point: admission, kinds, chart, on a real Kubernetes
	@node tools/accept/operator.ts

accept-sidecar: clients ## prove what is in a pod and what serves it, point by point, with its figures
	@node tools/accept/sidecar.ts

accept-lineage: clients native ## prove families of agents, their revocation and the dashboards point by point, with every attack
	@node tools/accept/lineage.ts

accept-conformance: clients native ## prove what PostgreSQL's users, attackers and stop-watches would find, point by point
	@node tools/accept/conformance.ts

clean: ## remove what the targets made
	@[ ! -e .cache/cluster/standing.json ] || node tools/cluster/node/down.ts
	rm -rf node_modules dist .cache
