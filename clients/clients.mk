# How each client is tested; part of the Makefile at the top. Each runs its own tests and the shared
# scenarios of tests/fixtures/conformance, against the server that is built here.

SERVER := target/debug/tenterhook
# Runs a command with a server and a receiver beside it.
HARNESS := python3 $(CURDIR)/clients/conformance/harness.py --binary $(CURDIR)/$(SERVER) --

# Runs the three examples of a client, each a command line, until what is published has arrived.
EXAMPLES := $(HARNESS) python3 $(CURDIR)/clients/conformance/examples.py

.PHONY: server
server:
	cargo build --locked --package tenterhook

PYENV := $(HOME)/.pyenv/versions
# An interpreter of about that version where pyenv has one, else the one there is.
python-of = $(lastword python3 $(sort $(wildcard $(PYENV)/$(1).*/bin/python)))

.PHONY: test-client-python
test-client-python: server .tools/python-oldest/done .tools/python-newest/done
	cd clients/python && GRPC_VERBOSITY=NONE $(HARNESS) ../../.tools/python-oldest/bin/python -m pytest
	cd clients/python && GRPC_VERBOSITY=NONE $(HARNESS) ../../.tools/python-newest/bin/python -m pytest
	cd clients/python && ../../.tools/python-newest/bin/mypy
	cd clients/python && $(EXAMPLES) $(foreach name,publish watch receiver,"../../.tools/python-newest/bin/python examples/$(name).py")

.tools/python-oldest/done: clients/python/pyproject.toml clients/python/tests/oldest.txt
	$(call python-of,3.10) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -e clients/python[test] -r clients/python/tests/oldest.txt
	touch $@

.tools/python-newest/done: clients/python/pyproject.toml
	$(call python-of,3.13) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -e clients/python[test,typing]
	touch $@

# Go takes no notice of changes outside the module, such as those of tests/fixtures: -count=1.
.PHONY: test-client-go
test-client-go: server
	cd clients/go && gofmt -d . | (! grep .) && go vet ./... && $(HARNESS) go test -count=1 -race ./...
	mkdir -p .tools/go-examples && cd clients/go && go build -o ../../.tools/go-examples ./examples/... \
	  && $(EXAMPLES) ../../.tools/go-examples/{publish,watch,receiver}

RUST_CLIENT := CARGO_TARGET_DIR=$(CURDIR)/target/client cargo

.PHONY: test-client-rust
test-client-rust: server
	cd clients/rust && cargo fmt --check && $(RUST_CLIENT) clippy --locked --quiet -- -D warnings
	cd clients/rust && $(RUST_CLIENT) clippy --locked --all-targets --all-features --quiet -- -D warnings
	cd clients/rust && $(RUST_CLIENT) test --locked --all-features --lib && $(RUST_CLIENT) build --locked --all-features --examples
	cd clients/rust && $(HARNESS) env $(RUST_CLIENT) test --locked --all-features --test it --example publish
	$(EXAMPLES) target/client/debug/examples/{publish,watch,receiver}

TYPESCRIPT_FILES := README.md bench examples src test tsconfig.json
NODE_TEST := --test --test-timeout=900000 --test-reporter=spec dist/{test,examples}/*.test.js

# The browser for the scenarios over gRPC-Web and the console; without one their tests say that they are skipped.
.PHONY: chromium
chromium:
	@if ! command -v chromium >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; \
	  then :; else echo "chromium: NOT INSTALLED; nothing is tested in a browser (apt-get install chromium)"; fi; \
	fi

.PHONY: test-client-typescript
test-client-typescript: server chromium .tools/typescript-oldest/done .tools/typescript-newest/done
	$(call test-typescript,oldest,node)
	$(call test-typescript,newest,node_modules/.bin/node)
	cd .tools/typescript-newest && export NEXT_TELEMETRY_DISABLED=1 PATH="$$PWD/node_modules/.bin:$$PATH" \
	  && next build test/next && $(HARNESS) node $(NODE_TEST:dist/%=dist/test/next/*.test.js)
	cd .tools/typescript-oldest && $(EXAMPLES) "node dist/examples/"{publish,watch,receiver}.js

# Builds a copy, so that each has dependencies of its own: $(1) says which.
define build-typescript
cd .tools/typescript-$(1) && rm -rf dist $(TYPESCRIPT_FILES) && cp -r $(TYPESCRIPT_FILES:%=../../clients/typescript/%) . \
  && npx tsc
endef

# Tests that copy; $(2) runs it.
define test-typescript
$(call build-typescript,$(1)) && $(HARNESS) $(2) $(NODE_TEST)
endef

# The Node that there is, and the oldest dependencies that package.json allows.
.tools/typescript-oldest/done: clients/typescript/package.json clients/clients.mk
	mkdir -p $(@D) && cp $< $(@D)
	cd $(@D) && npm install --no-audit --no-fund --silent --save-exact @bufbuild/protobuf@2.7.0 \
	  @connectrpc/connect@2.1.0 @connectrpc/connect-node@2.1.0 @connectrpc/connect-web@2.1.0
	touch $@

# A newer Node, which the newest dependencies want.
.tools/typescript-newest/done: clients/typescript/package.json clients/clients.mk
	mkdir -p $(@D) && cp $< $(@D)
	cd $(@D) && npm install --no-audit --no-fund --silent --save-exact @bufbuild/protobuf@2.17.0 node@22.23.3 \
	  @connectrpc/connect@2.2.0 @connectrpc/connect-node@2.2.0 @connectrpc/connect-web@2.2.0 \
	  next@16.4.6 react@19.2.0 react-dom@19.2.0
	touch $@

# Writes down where the dependencies are.
CLASSPATH_GOAL := org.apache.maven.plugins:maven-dependency-plugin:2.8:build-classpath -Dmdep.outputFile=target/classpath

.PHONY: test-client-java
test-client-java: server
	cd clients/java && $(HARNESS) mvn --batch-mode --no-transfer-progress test $(CLASSPATH_GOAL)
	cd clients/java && java="java -cp target/classes:$$(cat target/classpath) examples/" \
	  && $(EXAMPLES) "$$java"{Publish,WatchDeliveries,Receiver}.java

# What the client for Kotlin is built on goes into Maven's local repository.
.PHONY: install-client-java
install-client-java:
	cd clients/java && mvn --batch-mode --no-transfer-progress --quiet -Dmaven.test.skip -Dmaven.javadoc.skip -Dmaven.source.skip install

.PHONY: test-client-kotlin
test-client-kotlin: server install-client-java
	cd clients/kotlin && $(HARNESS) mvn --batch-mode --no-transfer-progress test $(CLASSPATH_GOAL)
	cd clients/kotlin && kotlin="java -cp target/test-classes:target/classes:$$(cat target/classpath)" \
	  && $(EXAMPLES) "$$kotlin publish.PublishKt" "$$kotlin watch.WatchDeliveriesKt" "$$kotlin receiver.ReceiverKt"

RUBY_PACKAGES := ruby ruby-grpc ruby-google-protobuf ruby-googleapis-common-protos-types ruby-minitest ruby-rack \
  ruby-sinatra ruby-actionpack ruby-webrick rubocop
RUBY_READY := ruby -e '%w[grpc google/rpc/status_pb minitest rack sinatra/base action_controller webrick rubocop].each { |name| require name }'

# Ruby and the libraries that its client is tested with, which are Debian's; without them its tests say that they are skipped.
.PHONY: ruby
ruby:
	@if ! $(RUBY_READY) 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y --no-install-recommends $(RUBY_PACKAGES); \
	  then $(RUBY_READY); else echo "ruby: NOT INSTALLED; the Ruby client is not tested (apt-get install $(RUBY_PACKAGES))"; fi; \
	fi

.PHONY: test-client-ruby
test-client-ruby: server ruby
	@if $(RUBY_READY) 2>/dev/null; then $(MAKE) --no-print-directory run-test-client-ruby; else echo "test-client-ruby: SKIPPED"; fi

.PHONY: run-test-client-ruby
run-test-client-ruby:
	cd clients/ruby && rubocop --cache false --format quiet
	cd clients/ruby && ruby -e 'load Gem.bin_path("rbs", "rbs")' -- -I sig validate --silent
	cd clients/ruby && GRPC_VERBOSITY=NONE $(HARNESS) ruby -Ilib -Itest test/all.rb
	cd clients/ruby && $(EXAMPLES) "ruby -Ilib examples/"{publish,watch,receiver}.rb

RECEIVERS_PACKAGES := php-cli elixir

# The functions of docs/RECEIVERS.md, in the languages that are there.
.PHONY: test-receivers
test-receivers:
	@if ! { command -v php && command -v elixir; } >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -qq -y --no-install-recommends $(RECEIVERS_PACKAGES); \
	fi
	python3 clients/conformance/receivers.py

# What users install, of each client: wheel and sdist, tgz, crate, a Maven repository, a Go module proxy, a gem.
PACKAGES := $(CURDIR)/target/packages
CLIENT_VERSION := 0.1.0

.PHONY: packages
packages: $(CLIENTS:%=package-%) ## build the packages of all clients into target/packages

.PHONY: $(CLIENTS:%=package-%)
package-python: .tools/packages-python/done license-python
	cd clients/python && ../../.tools/packages-python/bin/python -m build --outdir $(PACKAGES)
	.tools/packages-python/bin/twine check --strict $(PACKAGES)/tenterhook-$(CLIENT_VERSION){-py3-none-any.whl,.tar.gz}

.tools/packages-python/done: clients/clients.mk
	$(call python-of,3.13) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check build==1.3.0 twine==6.2.0
	touch $@

# From a copy, so that nothing is written into the checkout.
package-typescript: license-typescript
	rm -rf target/package-typescript && mkdir -p target/package-typescript $(PACKAGES)
	cd clients/typescript && cp -r $(TYPESCRIPT_FILES) LICENSE package.json package-lock.json ../../target/package-typescript
	cd target/package-typescript && npm ci --no-audit --no-fund --silent && npm pack --silent --pack-destination $(PACKAGES)

package-go: license-go
	python3 clients/packages/go_proxy.py clients/go $(PACKAGES)/go v$(CLIENT_VERSION)

# Uncommitted changes are packaged too: it is the index that must be clean for a release.
package-rust: license-rust
	mkdir -p $(PACKAGES) && cd clients/rust && $(RUST_CLIENT) package --quiet --locked --no-verify --allow-dirty
	cp target/client/package/tenterhook-client-$(CLIENT_VERSION).crate $(PACKAGES)

package-java: license-java
	cd clients/java && mvn --batch-mode --quiet -DskipTests deploy -DaltDeploymentRepository=packages::default::file://$(PACKAGES)/maven

package-kotlin: license-kotlin install-client-java package-java
	cd clients/kotlin && mvn --batch-mode --quiet -Dmaven.test.skip deploy -DaltDeploymentRepository=packages::default::file://$(PACKAGES)/maven

package-ruby: ruby license-ruby
	mkdir -p $(PACKAGES) && cd clients/ruby && gem build --quiet --strict --output $(PACKAGES)/tenterhook-$(CLIENT_VERSION).gem

# Each package carries the license; it is one text.
license-%: LICENSE
	cmp $< clients/$*/LICENSE

.PHONY: test-packages
test-packages: $(CLIENTS:%=test-package-%) ## install each package into an empty project and run its examples and the quick start of its README

# Each with a server of its own: the examples of all clients make the same webhook.
.PHONY: $(CLIENTS:%=test-package-%)
$(CLIENTS:%=test-package-%): test-package-%: server package-%
	CARGO_TARGET_DIR=$(CURDIR)/target/client $(HARNESS) python3 $(CURDIR)/clients/packages/install.py $(PACKAGES) $*
	CARGO_TARGET_DIR=$(CURDIR)/target/client $(HARNESS) python3 $(CURDIR)/clients/packages/quick_start.py $*

.PHONY: bench-clients
bench-clients: ruby .tools/python-newest/done .tools/typescript-newest/done ## measure the clients beside the code generated for them
	cargo build --profile dist --locked --package tenterhook
	cd clients/go && go build -o ../../.tools/go-examples/bench ./bench
	cd clients/rust && $(RUST_CLIENT) bench --locked --bench publish --no-run
	$(call build-typescript,newest)
	cd clients/java && mvn --batch-mode --quiet compile $(CLASSPATH_GOAL)
	$(MAKE) --no-print-directory install-client-java
	cd clients/kotlin && mvn --batch-mode --quiet test-compile $(CLASSPATH_GOAL)
	@python3 clients/conformance/bench.py --binary target/dist/tenterhook \
	  "Rust=env $(RUST_CLIENT) bench --quiet --locked --manifest-path clients/rust/Cargo.toml --bench publish --" \
	  "Go=.tools/go-examples/bench" \
	  "Python, blocking=.tools/python-newest/bin/python clients/python/bench/publish.py blocking" \
	  "Python, asyncio=.tools/python-newest/bin/python clients/python/bench/publish.py asyncio" \
	  "TypeScript=.tools/typescript-newest/node_modules/.bin/node .tools/typescript-newest/dist/bench/publish.js" \
	  "Java=java -cp clients/java/target/classes:$$(cat clients/java/target/classpath) clients/java/bench/Publish.java" \
	  "Kotlin=java -cp clients/kotlin/target/test-classes:clients/kotlin/target/classes:$$(cat clients/kotlin/target/classpath) bench.PublishKt" \
	  "Ruby=ruby -Iclients/ruby/lib clients/ruby/bench/publish.rb"
