#!/bin/sh
# As RUSTC_WORKSPACE_WRAPPER: counts covered branches in the crates of this workspace alone, so that
# all others are compiled once, for the tests and for this.
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
