# Everything there is to do with a clone, by name. `make` alone lists it.

CARGO ?= cargo
PREFIX ?= /usr/local
MODULE := $(CURDIR)/target/release/libkeyward_pkcs11.so
# Where the benchmark program's sources are; it is not part of this repository.
P11BENCH ?= ../shared/p11bench

.DEFAULT_GOAL := help
.PHONY: help build demo test check scripts clients newer vectors fuzz-smoke bench install deb dist sbom

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the module and the program (target/release)
	@scripts/need cc make perl
	$(CARGO) build --release --locked

demo: ## from nothing to wrapped customer keys and a shredded domain key, with one member and with three
	@scripts/need cc make perl pkcs11-tool openssl postgresql
	@demo/run
	@demo/members
	@demo/members postgres

test: ## run every test
	@scripts/need cc make perl pkcs11-tool openssl p11tool valgrind ssh-keygen engine-pkcs11 softhsm2-util postgresql
	$(CARGO) test --locked --no-fail-fast

check: ## formatting, lints, documentation, licences, structure
	@scripts/need cc make perl
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path demo/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps
	@scripts/deny
	$(CARGO) test --locked --test structure

scripts: build ## run pkcs11-tool-scripts/ against the built module
	@scripts/need pkcs11-tool openssl
	@pkcs11-tool-scripts/run-all

clients: build ## run other programs (OpenSSL, GnuTLS, OpenSSH, nginx, Java, Python, Rust, Node) against the built module
	@scripts/need cc make perl pkcs11-tool openssl p11tool ssh-keygen sshd engine-pkcs11 p11-kit p11-kit-client nginx java python3 python3-venv node
	@clients/run

newer: build ## the clients that Debian 13 has newer, against the built module, in a tree of their own (root, debootstrap)
	@scripts/need cc make perl debootstrap
	@clients/in-debian13

vectors: ## run the published test vectors through the C interface, with a count for each file
	@scripts/need cc make perl
	$(CARGO) test --locked --test vectors -- --nocapture

fuzz-smoke: ## forged and random domain tokens, session messages and key tokens, many more than `make test` tries
	@scripts/need cc make perl
	PROPTEST_CASES=20000 $(CARGO) test --locked --test domain -- form::any operator_sessions::no_
	PROPTEST_CASES=20000 $(CARGO) test --locked --lib -- key_token

bench: build ## instructions a call beside the last committed, then against SoftHSM2; P11BENCH=DIRECTORY says where p11bench is
	@scripts/need cc make perl valgrind softhsm2-util
	$(CARGO) bench --locked --bench calls
	@scripts/bench "$(P11BENCH)" "$(MODULE)"

install: build ## install everything under PREFIX (/usr/local); DESTDIR goes before it, LIBDIR is for the module
	@DESTDIR="$(DESTDIR)" LIBDIR="$(LIBDIR)" scripts/install "$(PREFIX)"

deb: build ## a Debian package (target/dist)
	@scripts/need dpkg-deb cc objdump
	@scripts/dist deb

dist: build ## an archive to unpack at the root, for containers (target/dist)
	@scripts/need cc
	@scripts/dist tar

sbom: ## a software bill of materials, CycloneDX (target/dist/keyward.cdx.json)
	@scripts/need python3
	@mkdir -p target/dist
	@scripts/sbom >target/dist/keyward.cdx.json
	@echo target/dist/keyward.cdx.json
