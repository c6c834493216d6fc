#!/bin/sh
# Shards of a run: each has its own items and journal; joined they are the report of one process.
. tests/check.inc

report() { sed '/"run":/,$d' "$1"; }
same() { # NAME A B
    if [ -s "$2" ] && [ "$(report "$2" | cksum)" = "$(report "$3" | cksum)" ]; then
        echo "ok $1"
    else
        echo "not ok $1: $(report "$2" | diff - "$3" | head -5)"
    fi
}
shards() { # NAME N OPTIONS..
    run=$1 n=$2
    shift 2
    $eval "$@" --quiet --threads 1 --out "$tmp/$run.json" 2>/dev/null
    for i in $(seq "$n"); do
        $eval "$@" --quiet --threads 1 --shard "$i/$n" --out "$tmp/$run-$i.json" 2>/dev/null
        tests/validate-report "$tmp/$run-$i.json" || echo "not ok $run-$i.json does not follow the schema"
    done
    set --
    for i in $(seq "$n"); do set -- "$tmp/$run-$i.json" "$@"; done
    check "$run: $n shards are joined" 0 "report:" "$eval" merge "$@" --out "$tmp/$run-all.json"
    same "$run: $n shards are the report of one process" "$tmp/$run.json" "$tmp/$run-all.json"
}
shards needle 3 needle --lengths 256 --depths 0,100 --needles 1/1 --samples 4
shards icl 2 icl --samples 2 --orders 2 --shots 2
case ${BUILD:-build} in
*sanitize*) ;; # the others differ in what they measure, not in how they are joined
*)
    shards ruler 2 ruler --sets vt,qa_1 --samples 3 --lengths 512
    shards choice 2 choice --samples 6
    shards outliers 2 outliers --tokens 2000 --samples 2
    shards math 2 math --samples 4 --max-new-tokens 4
    shards hallucination 2 hallucination --samples 2
    shards perplexity 2 perplexity --length 512 --samples 4
    shards few 4 needle --lengths 256 --depths 50 --needles 1/1 --samples 3
    ;;
esac

cd "$tmp" || exit 1
case $eval in /*) ;; *) eval=$OLDPWD/$eval ;; esac
check "a shard that is missing" 3 "3 of 8 items are missing, the first is '.*sample=0', expected the report of shard 1/3" "$eval" merge needle-2.json needle-3.json --out x.json
check "a shard that is there twice" 3 "needle-2.json: item '.*sample=1' is in needle-2.json, too" "$eval" merge needle-1.json needle-2.json needle-2.json needle-3.json --out x.json
check "a whole report" 3 "is a whole report" "$eval" merge needle.json --out x.json
check "shards of two runs" 3 "key 'task' is another" "$eval" merge needle-1.json icl-2.json --out x.json
check "a shard beyond the last" 2 "expected I/N" "$eval" needle --shard 4/3
check "no shard" 2 "expected I/N" "$eval" needle --shard 0/3
check "a task without models" 2 "runs no models" "$eval" scaling --shard 1/2
echo done
