#!/bin/sh
# The installed program, staged as packagers do: it finds its data from anywhere, and its selftest sees what is wrong.
. tests/check.inc

root=$tmp/root
if make -s install BUILD="${BUILD:-build}" DESTDIR="$root" PREFIX=/usr >"$tmp/out" 2>&1; then echo "ok install"; else
    echo "not ok install:"
    cat "$tmp/out"
fi
case $eval in /*) built=$eval ;; *) built=$PWD/$eval ;; esac
share=$root/usr/share/difftf
check "the program's own selftest" 0 "checks hold" "$built" selftest --threads 1
cd "$tmp" || exit 1
eval=$root/usr/bin/difftf-eval
mkdir temporary
check "the installed program's selftest" 0 "checks hold" env TMPDIR="$tmp/temporary" "$eval" selftest --threads 2
grep -q "^not ok" "$tmp/out" && echo "not ok a check of it fails" || echo "ok no check of it fails"
grep -qE "kernels [a-z0-9]+, [A-Za-z]+ [0-9.]+ [A-Za-z]+" "$tmp/out" && echo "ok it says what computes" || echo "not ok it says what computes"
[ -z "$(ls temporary)" ] && echo "ok it leaves nothing" || echo "not ok it leaves nothing"
check "selftest takes no file" 2 "expected options alone" "$eval" selftest x
check "the machine" 0 "memory_bytes" "$eval" inspect --machine
"$eval" inspect --machine --json >"$tmp/machine.json"
python3 -c "import json; m = json.load(open('$tmp/machine.json')); assert m['cpu'] and m['kernels'] and m['blas'] and m['processors'] >= 1 and m['threads'] >= 1 and m['memory_bytes'] > 0" \
    && echo "ok the machine as JSON" || echo "not ok the machine as JSON"
check "a folder and the machine" 2 "or --machine alone" "$eval" inspect --machine x

# One damaged number, a missing case, a model that is not there: a line each, the other checks still run.
damage() { # FILE: the last byte but two is another
    size=$(wc -c <"$1")
    printf '\101' | dd of="$1" bs=1 seek=$((size - 3)) conv=notrunc 2>/dev/null
}
damage "$share/tests/fixtures/diff-mha/expected.safetensors"
check "a number that does not agree" 1 "not ok model diff-mha: .* expected" "$eval" selftest --threads 1
grep -q "ok report of the embedded pair" "$tmp/out" && echo "ok the other checks run" || echo "not ok the other checks run"
rm -r "$share/tests/fixtures/tokenizers/bert"
check "a case that is missing" 1 "not ok tokenizer tokenizers/bert" "$eval" selftest --threads 1
rm -r "$share/models/transformer"
check "the failures are counted" 1 "3 of [0-9]* checks failed" "$eval" selftest --threads 1
echo done
