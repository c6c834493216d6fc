#!/bin/sh
# What work costs, counted, not timed: instructions against committed figures, and growth over the length.
# `tests/cost.sh record` prints the figures of this build, to be committed with the reason why they changed.
. tests/check.inc

bench="${BUILD:-build}/difftf-bench" figures=tests/fixtures/cost.tsv tolerance=3 # percent
case ${BUILD:-build} in *sanitize*) echo done && exit ;; esac # its instructions are the sanitizers'

# The program does not start itself again: valgrind would not follow.
# instructions FUNCTION MODEL WORK LENGTH: in the function and what it calls; what they depend on is left in $tmp/MODEL.key
instructions() {
    function=$1
    shift
    DIFFTF_STARTED=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$function" "$bench" fixed "$@" \
        >"$tmp/$1.run" 2>"$tmp/$1.count"
    sed 's/, peak.*//' "$tmp/$1.run" >"$tmp/$1.key"
    sed -n 's/.*Collected : *//p' "$tmp/$1.count"
}
peak() { "$bench" fixed "$@" | sed -n 's/.*peak \([0-9]*\) KB/\1/p'; }
exponent() { awk "BEGIN { printf \"%.2f\", log($2 / $1) / log($3) }"; } # of growth from $1 to $2 over a length $3 times as long
within() { awk "BEGIN { exit !($1 >= $2 && $1 <= $3) }"; }

record() { # model work length
    count=$(instructions bench_fixed_work "$@")
    printf '%s\t%s\t%s\t%s\t%s\n' "$(cat "$tmp/$1.key")" "$@" "$count"
}

compare() { # model work length
    count=$(instructions bench_fixed_work "$@") name="instructions of $2, $1"
    kept=$(grep -F "$(cat "$tmp/$1.key")	$1	$2	$3	" "$figures" | cut -f 5)
    if [ -z "$count" ]; then
        echo "not ok $name: nothing was counted" && cat "$tmp/$1.run" "$tmp/$1.count"
    elif [ -z "$kept" ]; then # another processor or OpenBLAS: its counts are nobody's fault
        echo "ok $name: $count, no figure for $(cat "$tmp/$1.key")"
    elif ! within "$count" 0 "$kept * (1 + $tolerance / 100)"; then
        echo "not ok $name: $count, at most $tolerance % more than $kept expected"
    elif ! within "$count" "$kept * (1 - $tolerance / 100)" "$count"; then
        echo "not ok $name: $count is well below $kept: good, record it (tests/cost.sh record)"
    else
        echo "ok $name"
    fi
}

# Doubling the length makes attention cost four times as much, less in short texts, and memory twice as much.
growth() { # model
    e=$(exponent "$(instructions attention_forward "$1" prefill 128)" "$(instructions attention_forward "$1" prefill 256)" 2)
    name="attention's cost grows as length^$e, $1"
    within "$e" 1.5 2.05 && echo "ok $name" || echo "not ok $name: expected 1.5 to 2.05"
    base=$(peak "$1" prefill 16)
    e=$(exponent $(($(peak "$1" prefill 1024) - base)) $(($(peak "$1" prefill 4096) - base)) 4)
    name="memory grows as length^$e, $1"
    within "$e" 0 1.1 && echo "ok $name" || echo "not ok $name: expected at most 1.1"
}

each_work() { # what model
    "$1" "$2" prefill 128
    "$1" "$2" decode 64
    "$1" "$2" train 32
}

if [ "${1:-}" = record ]; then
    each_work record transformer && each_work record diff
    exit
fi

# The page of a run.
part='{"part": "mlp", "seconds": 1, "share": 0.9, "gflops": 80, "gigabytes_per_second": 2, "intensity": 40}'
entry='"work": "a prompt", "peak_gflops": 100, "read_gigabytes": 10, "parts": ['$part']'
row='{"name": "prefill", "rate": 5, "unit": "tokens/s", "limit": 100, "limit_name": "sgemm", "ratio": 0.8, "spread": 0.1, "goal": 0.75}'
echo "{\"machine\": {}, \"rows\": [$row], \"layers\": [{\"model\": \"t\", $entry}, {\"model\": \"d\", $entry}]}" >"$tmp/bench.json"
check "a page of a bench" 0 "" sh -c "$bench page '$tmp/bench.json' '$tmp/bench.html' && echo"
check "with its roofline" 0 "d, mlp: 80 GFLOP/s, 80 % of the roof, 90 % of the time" cat "$tmp/bench.html"
check "and its rows" 0 "<td>100.0</td><td>sgemm</td><td>80 %</td><td>75 %</td>" cat "$tmp/bench.html"
echo '{}' >"$tmp/bench.json"
check "a file that is no bench" 3 "expected what difftf-bench --json wrote" "$bench" page "$tmp/bench.json" "$tmp/bench.html"
check "work that there is not" 2 "expected transformer or diff, prefill, decode or train" "$bench" fixed transformer nothing 3

check "a part that there is not" 2 "prefil: there is no such part, did you mean prefill" "$bench" prefil
check "threads that there are not" 2 "expected an integer from 0 to 4096" "$bench" train --threads -1
check "a file that cannot be written is known before the work" 4 "no/x.json: cannot be written" timeout 10 "$bench" all --json no/x.json

check "a first token and the memory it took" 0 "peak [0-9]* KB" "$bench" first models/transformer 1
check "a first token of a folder that is not there" 3 "no/model" "$bench" first no/model 1

for model in transformer diff; do
    { each_work compare $model && growth $model; } >"$tmp/$model.results" &
done
wait
cat "$tmp/transformer.results" "$tmp/diff.results"
echo done
