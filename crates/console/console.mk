# The console's pages: built from crates/console/ui into crates/console/dist, which is checked in, so that
# building the server needs only Rust.

CONSOLE_UI := crates/console/ui
CONSOLE_READY := $(CONSOLE_UI)/node_modules/.package-lock.json

.PHONY: console
console: $(CONSOLE_READY) ## build the console's pages into crates/console/dist
	cd $(CONSOLE_UI) && npm run --silent check && npm run --silent build

.PHONY: check-console
check-console: $(CONSOLE_READY) ## fail if crates/console/dist is not what its sources give
	cd $(CONSOLE_UI) && npm run --silent check && npm run --silent build -- --outDir $(CURDIR)/target/console --emptyOutDir
	diff -r crates/console/dist target/console

# The browser is Debian's chromium, which is installed where that is possible; CHROMIUM names another one.
.PHONY: test-console
test-console: server chromium $(CONSOLE_READY) ## test the console: its pure parts, and in a browser against a real server
	cd $(CONSOLE_UI) && npm run --silent build:tests && npm run --silent test
	@if [ -x "$${CHROMIUM:-/usr/bin/chromium}" ]; then \
	  cd $(CONSOLE_UI) && TENTERHOOK=$(CURDIR)/$(SERVER) npm run --silent test:browser; \
	else \
	  echo "test-console: the tests in a browser are SKIPPED: there is no /usr/bin/chromium and CHROMIUM names none"; \
	fi

.PHONY: bench-console
bench-console: server chromium $(CONSOLE_READY) ## measure first paint and scrolling of the console beside a bare page
	cd $(CONSOLE_UI) && npm run --silent build:tests && TENTERHOOK=$(CURDIR)/$(SERVER) node build/browser/bench.js

.PHONY: pictures
pictures: server chromium $(CONSOLE_READY) ## take the pictures of docs/console again, after a change of the pages
	cd $(CONSOLE_UI) && npm run --silent build:tests && TENTERHOOK=$(CURDIR)/$(SERVER) node build/browser/pictures.js

$(CONSOLE_READY): $(CONSOLE_UI)/package-lock.json
	npm ci --prefix $(CONSOLE_UI) --no-audit --no-fund --silent
	touch $@
