#!/bin/sh
# Models behind HTTP: the protocol, the numbers, the same bits whatever runs beside, hostile clients.
. tests/check.inc
build=${BUILD:-build}

python3 tests/serve.py "$build" || echo "not ok serve.py ended with $?"
python3 tests/faults/hostile.py "$build" --requests 126 || echo "not ok hostile.py ended with $?"

check "others need a key" 2 "expected --api-key-file" "$eval" serve --host 0.0.0.0 --port 0
check "no address" 2 "expected an address of this machine" "$eval" serve --host no.such.host.invalid
: >"$tmp/empty"
check "no key in the file" 3 "expected a key a line" "$eval" serve --api-key-file "$tmp/empty"
check "no folder" 3 "no-such-folder" "$eval" serve --model x=no-such-folder
check "a name twice" 2 "is given twice" "$eval" serve --model a=models/transformer --model a=models/transformer
echo done
