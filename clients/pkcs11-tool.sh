#!/bin/sh
# Shows: its own tests, EC, threads and fork; make scripts runs much more
set -eu
exec "$(dirname "$0")/../pkcs11-tool-scripts/run-all" own-tests
