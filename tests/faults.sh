#!/bin/sh
# A sample of the failing calls that `make faults` goes through in full.
. tests/check.inc

build=${BUILD:-build}
# The sanitizers replace malloc themselves; the shim is for Linux on x86-64 with glibc.
if [ "$(uname -sm)" = "Linux x86_64" ] && ! nm "$eval" | grep -q __asan_init; then
    if "${CC:-cc}" -O1 -shared -fPIC -o "$tmp/shim.so" tests/faults/shim.c; then
        python3 tests/faults/sweep.py "$build" "$tmp/shim.so" --most 3 \
            --only needle,perplexity,table,compare,check,report,rescore,list,inspect,logits,tokenize,generate,convert,train | grep '^ok\|^not ok' || echo "not ok the sweep does not run"
    else
        echo "not ok the shim does not build"
    fi
fi
echo done
