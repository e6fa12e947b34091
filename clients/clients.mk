# How each client is tested; part of the Makefile at the top.

PYENV := $(HOME)/.pyenv/versions
# An interpreter of about that version where pyenv has one, else the one there is.
python-of = $(lastword python3 $(sort $(wildcard $(PYENV)/$(1).*/bin/python)))

.PHONY: test-client-python
test-client-python: .tools/python-oldest/done .tools/python-newest/done
	cd clients/python && GRPC_VERBOSITY=NONE ../../.tools/python-oldest/bin/python -m pytest
	cd clients/python && GRPC_VERBOSITY=NONE ../../.tools/python-newest/bin/python -m pytest

.tools/python-oldest/done: clients/python/pyproject.toml clients/python/tests/oldest.txt
	$(call python-of,3.10) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -e clients/python[test] -r clients/python/tests/oldest.txt
	touch $@

.tools/python-newest/done: clients/python/pyproject.toml
	$(call python-of,3.13) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -e clients/python[test]
	touch $@

.PHONY: test-client-go
test-client-go:
	cd clients/go && test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet ./... && go test -race ./...

RUST_CLIENT := CARGO_TARGET_DIR=$(CURDIR)/target/client cargo

.PHONY: test-client-rust
test-client-rust:
	cd clients/rust && cargo fmt --check && $(RUST_CLIENT) clippy --locked --all-targets --quiet -- -D warnings
	cd clients/rust && $(RUST_CLIENT) test --locked
