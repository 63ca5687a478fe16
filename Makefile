# Everything that is done to this project is a target here. It needs Node with npm, or the Bun that package.json names.
#
## help      this list
## serve     set up, build, and run the demo realm in the foreground
## demo      a server, two clients and a short conversation on the screen
## build     dist/server and dist/client
## test      set up, build, and run all tests
## e2e       only the tests that run the executables
## slow      all tests, with the long random runs and ten minutes of traffic
## cover     all tests, and how much of each file they reach
## check     format, lint, types, import rules, lockfile
## bench     what the server costs, beside a bare relay; a few minutes (JSON lines on stdout)
## smoke     run what was built, away from its sources
## dist      build twice, compare, write SHA256SUMS (PLATFORMS="linux-x64 linux-arm64 darwin-arm64 ...")
## install   ims-server and ims-client into PREFIX/bin (/usr/local)
## clean     remove what was built

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help serve demo build test e2e slow cover check check-lint check-types check-layers check-lockfile bench smoke \
  dist install clean FORCE

SAY := printf '%s\n' >&2

VERSION := $(shell sed -n 's/^  "version": "\(.*\)".*/\1/p' package.json)
COMMIT := $(shell test -e .git && GIT_OPTIONAL_LOCKS=0 git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo none)

help:
	@sed -n 's/^## /  make /p' Makefile

# Set-up. The packages are those of package-lock.json, checked by hash, and no script of theirs runs. Bun is one of
# them; one of exactly that version on the PATH is used instead, and then Node is not needed. The stamp tells which way
# it was, because only the first way leaves a Bun in node_modules.

BUN_VERSION := $(shell sed -n 's/^ *"bun": "\(.*\)".*/\1/p' package.json)
PATH_BUN := $(filter-out $(CURDIR)/node_modules/%,$(shell command -v bun 2>/dev/null))
ifneq ($(PATH_BUN),)
ifneq ($(shell bun --version 2>/dev/null),$(BUN_VERSION))
PATH_BUN :=
endif
endif

ifeq ($(PATH_BUN),)
BUN := node_modules/.bin/bun
READY := node_modules/.ready-npm

# The package's own install script would do the last step, but fetches without a hash what it does not find.
$(READY): package-lock.json
	@command -v npm >/dev/null || { $(SAY) 'set-up: needs Node with npm, or bun $(BUN_VERSION), on the PATH'; exit 1; }
	@$(SAY) 'set-up: packages of package-lock.json ...'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || { $(SAY) 'set-up: npm ci failed, see above'; exit 1; }
	@for bun in node_modules/@oven/*/bin/bun; do \
	  if test "$$("$$bun" --version 2>/dev/null)" = '$(BUN_VERSION)'; then \
	    mv -f "$$bun" node_modules/bun/bin/bun.exe && touch $@ && exit 0; \
	  fi; \
	done; \
	$(SAY) 'set-up: package-lock.json has no Bun that runs on this machine'; exit 1
else
BUN := bun
READY := node_modules/.ready-bun

$(READY): package-lock.json
	@$(SAY) 'set-up: packages of package-lock.json ...'
	@rm -f node_modules/.ready-*
	@bun install --frozen-lockfile --ignore-scripts --no-progress --no-summary >&2
	@touch $@
endif

# The executables. The outfile's name is part of its content, so it is built under its own name and then moved, which
# also leaves a running one alone. They must not act on a .env or bunfig.toml of the folder they are started in.

BUILD_FLAGS := --compile --production --minify --bytecode --sourcemap --format=esm \
  --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
  --define 'IMS_VERSION="$(VERSION)"' --define 'IMS_COMMIT="$(COMMIT)"'
SOURCES := $(shell find core cmd -name '*.ts') package.json tsconfig.json

build: dist/server dist/client

dist/server dist/client: dist/%: $(SOURCES) $(READY) dist/.stamp
	@$(BUN) build $(BUILD_FLAGS) --outfile dist/.build-$*/$* cmd/$*.ts >/dev/null
	@mv -f dist/.build-$*/$* $@
	@rm -rf dist/.build-$*
	@$(SAY) 'built: $@ $(VERSION) ($(COMMIT))'

# Changes when what is stamped in does.
dist/.stamp: FORCE
	@mkdir -p dist
	@test "$$(cat $@ 2>/dev/null)" = '$(VERSION) $(COMMIT) $(BUN_VERSION)' || echo '$(VERSION) $(COMMIT) $(BUN_VERSION)' >$@

# Each login costs a good half second of a processor; a test waits 12 s for what should take one.
TEST := $(BUN) test --max-concurrency=4

serve: build
	@$(SAY) '' 'The demo realm: everybody knows its keys and passwords, and it serves this machine only.' \
	  'In another terminal:   cd $(CURDIR) && dist/client' \
	  'Log in as Alice, password P4nc@ke$$, and in a third terminal as Bob, password i<3j@1eb!' \
	  'Ctrl-C stops the server.' ''
	@dist/server --config sconf.json

demo: build
	@$(BUN) test/e2e/demo.ts

test: build
	@$(TEST)

e2e: build
	@$(TEST) ./test/e2e

slow: build
	@SLOW=1 $(TEST)

cover: build
	@$(TEST) --coverage

check: check-lint check-types check-layers check-lockfile

check-lint: $(READY)
	@$(BUN) node_modules/@biomejs/biome/bin/biome ci --colors=off --error-on-warnings .

check-types: $(READY)
	@$(BUN) node_modules/typescript/bin/tsc --project .
	@$(SAY) 'types: ok'

check-layers: $(READY)
	@$(BUN) test ./test/layers.test.ts

# Bun alone does not mind a range, a missing hash or a missing lockfile.
check-lockfile: $(READY)
	@{ $(BUN) test/support/checkLockfile.ts && \
	  $(BUN) install --frozen-lockfile --ignore-scripts --dry-run --silent; } || \
	  { $(SAY) 'lockfile: package.json and package-lock.json disagree; run "npm install --package-lock-only"'; exit 1; }
	@$(SAY) 'lockfile: ok'

bench: build
	@$(BUN) bench/run.ts

smoke: build
	@$(BUN) test/e2e/smoke.ts

# A release is built twice, the second time from a copy of the sources in another folder, and must be the same bytes.

HOST := $(shell uname -sm | sed -e 's/^Linux/linux/' -e 's/^Darwin/darwin/' -e 's/ x86_64$$/-x64/' -e 's/ aarch64$$/-arm64/' -e 's/ arm64$$/-arm64/')
PLATFORMS ?= $(HOST)
SHA256 := $(if $(shell command -v sha256sum 2>/dev/null),sha256sum,shasum -a 256)

dist: $(PLATFORMS:%=dist-%)

dist-%: $(READY) FORCE
	@rm -rf dist/$* dist/.again-$*
	@mkdir -p dist/$* dist/.again-$*/node_modules
	@cp -R core cmd package.json tsconfig.json dist/.again-$*
	@cp -R node_modules/@noble node_modules/@zxcvbn-ts node_modules/qr dist/.again-$*/node_modules
	@for program in server client; do \
	  began=$$(date +%s); \
	  $(BUN) build $(BUILD_FLAGS) --target=bun-$* --outfile dist/$*/$$program cmd/$$program.ts >/dev/null || exit 1; \
	  $(BUN) --cwd=dist/.again-$* build $(BUILD_FLAGS) --target=bun-$* --outfile again/$$program cmd/$$program.ts >/dev/null || exit 1; \
	  cmp dist/$*/$$program dist/.again-$*/again/$$program || { $(SAY) 'dist: two builds differ'; exit 1; }; \
	  $(SAY) "dist: $* $$program: $$(wc -c <dist/$*/$$program | tr -d ' ') bytes, twice the same, in $$(($$(date +%s) - began)) s"; \
	done
	@rm -rf dist/.again-$* dist/$*/*.map
	@cd dist/$* && $(SHA256) server client >SHA256SUMS && cat SHA256SUMS

PREFIX ?= /usr/local

# Builds nothing, so that it can run as root without leaving files of root's in the folder.
install:
	@test -x dist/server && test -x dist/client || { $(SAY) 'install: nothing is built yet; run "make build" first'; exit 1; }
	@install -d '$(DESTDIR)$(PREFIX)/bin'
	@install -m 755 dist/server '$(DESTDIR)$(PREFIX)/bin/ims-server'
	@install -m 755 dist/client '$(DESTDIR)$(PREFIX)/bin/ims-client'
	@$(SAY) 'installed: $(DESTDIR)$(PREFIX)/bin/ims-server and ims-client'

clean:
	@rm -rf dist coverage
