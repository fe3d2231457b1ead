# `make help` lists the targets. Everything needs Go; the rest is installed by
# `make deps` where that is possible.

GO        ?= go
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64 windows/amd64
FUZZTIME  ?= 1m
SOAKTIME  ?= 1h
TEST      := $(GO) test -race -count=1 -p=1 -timeout=30m -timeout=20m

# Programs that the tests run: a compiler for -race, the others as examples of
# what works in a sandbox and as what it is compared with.
PACKAGES := gcc libc6-dev make \
	apparmor bubblewrap crun runc uidmap libcap2-bin util-linux busybox-static \
	bash bzip2 coreutils curl git hostname netbase nodejs openssl perl python3 tar tzdata xz-utils \
	chromium dnsmasq-base iproute2 mariadb-client mariadb-server \
	debian-archive-keyring debootstrap e2fsprogs qemu-system-arm qemu-system-x86 secilc

# What bench compares with; nsjail takes part where it is in the PATH.
RIVALS := gcc libc6-dev libseccomp-dev bubblewrap crun firejail runc util-linux

# The module in bench follows the library's requirements by -mod=mod: commit what that
# changes in its go.mod and go.sum.

# Where all of them are installed first, a test must not skip for want of one.
ifneq ($(and $(filter 0,$(shell id -u)),$(shell command -v apt-get)),)
export SANDBOX_TEST_PROGRAMS := required
endif

# One failure does not hide the next: everything runs, and then make fails.
MAKEFLAGS += --keep-going --no-print-directory
.NOTPARALLEL:
.PHONY: help test deps lint gofmt vet cross staticcheck test-caller test-user test-vm bench bench-packages fuzz soak clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' Makefile

test: lint test-caller test-user test-vm ## everything that must pass before a change is merged

deps: ## install what the tests need (as root, with apt), or say what is missing
	@.ci/deps $(PACKAGES)

lint: gofmt vet cross staticcheck ## all checks that run no test

gofmt: ## formatting
	@echo '== gofmt'
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }

vet: ## go vet for every platform
	@bad=0; for p in $(PLATFORMS); do echo "== go vet $$p"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) vet ./... || bad=1; done; \
		echo '== go vet bench'; cd bench && GOOS=linux CGO_ENABLED=0 $(GO) vet -mod=mod ./... || bad=1; exit $$bad

cross: ## build for every platform
	@bad=0; for p in $(PLATFORMS); do echo "== go build $$p"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) build ./... || bad=1; done; exit $$bad

staticcheck: ## honnef.co/go/tools, at the version of go.mod
	@echo '== staticcheck'
	@$(GO) tool staticcheck ./...
	@check=$$($(GO) tool -n staticcheck) && cd bench && $$check ./...

# Packages run one after the other: some look at all processes and cgroups.
test-caller: deps ## the tests as the user who runs make
	@echo "== go test as $$(id -un)"
	@$(TEST) ./...
	@cd bench && $(TEST) -mod=mod ./...

test-user: deps ## the same tests as an ordinary user, when root runs make
	@test $$(id -u) != 0 || { echo '== go test as user 1000'; .ci/test-user $(TEST); }

# Root gets and builds what the machines need; another user who lacks it is told.
test-vm: deps ## the tests in virtual machines: other kernels, LSMs, pure cgroup v2, systemd, arm64
	@echo '== virtual machines'
	@$(GO) run ./internal/vmtest/cmd -strict -or-skip

bench: ## measure starts beside other sandboxes for five minutes (as root), and write docs/performance.md
	@.ci/deps $(RIVALS)
	@cd bench && $(GO) run -mod=mod . -o ../docs/performance.json -page ../docs

bench-packages: ## the benchmarks of the packages
	@$(GO) test -run='^$$' -bench=. -benchmem ./...

fuzz: ## each fuzz target for FUZZTIME (1m)
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list='^Fuzz' $$p | grep '^Fuzz'); do echo "== $$p $$f"; \
			$(GO) test -run='^$$' -fuzz="^$$f\$$" -fuzztime=$(FUZZTIME) $$p || exit 1; done; done

soak: ## faults at every call, then mixed load for SOAKTIME (1h); ends with leak checks and a table
	@echo '== every fault'
	@SANDBOX_TEST_THOROUGH=1 $(GO) test -count=1 -timeout=60m -v -run 'Host|Launcher|Call|Context' . ./internal/faults
	@echo '== soak for $(SOAKTIME)'
	@$(GO) run ./internal/soak/cmd -for $(SOAKTIME)

clean: ## remove what git ignores, and cached test results
	git clean -qfdX
	$(GO) clean -testcache
