#!/bin/sh
# What surrounds a run: descriptors, limits, signals, files that change, several programs at once.
. tests/check.inc

build=${BUILD:-build}
small="--samples 4 --lengths 256 --depths 0,100 --needles 1/1 --threads 2"
# shellcheck disable=SC2086
run() { "$eval" needle $small "$@"; }
run --out "$tmp/base.json" --quiet

say() { # NAME COMMAND..: ok when the command holds
    name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name: $*"; fi
}
nothing_left() { [ -z "$(find "$1" -name '*.tmp.*')" ]; }

# Lost output.
for command in "--help" "--version" "list" "compare $tmp/base.json" "table --all $tmp/base.json" "table --format json $tmp/base.json" "needle --help"; do
    check "a full disk: $command" 4 "standard output: cannot be written" sh -c "$eval $command >/dev/full"
done
check "closed output" 4 "standard output: cannot be written" sh -c "$eval list >&-"
check "train --help to a full disk" 4 "standard output: cannot be written" sh -c "$build/difftf-train --help >/dev/full"
for program in eval train bench; do
    check "$program: a closed pipe" 4 "difftf-$program: standard output: cannot be written" \
        sh -c "(sleep 0.3; $build/difftf-$program --help; echo \$? >$tmp/code) | true; exit \$(cat $tmp/code)"
done

check "input that cannot be read" 4 "standard input: cannot be read: Is a directory" sh -c "$eval tokenize <$tmp"

# Descriptors: what is said must not go into a file of ours.
mkdir "$tmp/closed"
run --out "$tmp/closed/c.json" --samples 40 >/dev/null 2>&- <&- &
closed=$!
for _ in $(seq 600); do
    [ "$(grep -c . "$tmp/closed/c.json.journal" 2>/dev/null)" -gt 5 ] 2>/dev/null && break
    sleep 0.1
done
kill -9 $closed
wait $closed 2>/dev/null
say "closed standard error stays out of the journal" sh -c "! grep -qv '^[0-9a-f]\{8\} {' $tmp/closed/c.json.journal"

# Limits.
check "a file that may not grow" 4 "cannot be written" sh -c "ulimit -f 1; $eval needle $small --fresh --quiet --out $tmp/closed/limit.json"
say "it leaves no temporary file" nothing_left "$tmp/closed"
check "no descriptor is left" 4 "Too many open files" sh -c "ulimit -n 4; $eval needle $small --fresh --quiet --out $tmp/closed/limit.json"

# Signals. A HUP says what TERM says; one that is ignored stays so.
check "SIGHUP" 129 "the same command goes on" timeout -s HUP --preserve-status 1 "$eval" needle --out "$tmp/h.json" --no-progress --samples 2000
check "nohup" 143 "the same command goes on" sh -c "trap '' HUP; $eval needle --out $tmp/h.json --no-progress --samples 2000 & p=\$!; sleep 0.5; kill -HUP \$p; sleep 0.5; kill -TERM \$p; wait \$p"
check "two runs on one output" 4 "is in use" sh -c "$eval needle --out $tmp/two.json --quiet --samples 2000 & p=\$!; sleep 1; $eval needle --out $tmp/two.json --quiet --samples 2000; code=\$?; kill \$p; wait \$p; exit \$code"

# A journal with a damaged line: the others are kept, and the report is the same. A stranger's file stays as it is.
report() { sed '/"run":/,$d' "$1"; }
"$eval" needle --out "$tmp/j.json" --lengths 256 --depths 0,100 --needles 1/1 --samples 10 --quiet --threads 1
report "$tmp/j.json" >"$tmp/whole"
"$eval" needle --out "$tmp/j.json" --lengths 256 --depths 0,100 --needles 1/1 --samples 10 --quiet --threads 1 --fresh &
running=$!
for _ in $(seq 600); do
    [ "$(grep -c . "$tmp/j.json.journal" 2>/dev/null)" -gt 6 ] 2>/dev/null && break
    sleep 0.02
done
kill -9 $running
wait $running 2>/dev/null
rm -f "$tmp/j.json"
sed -i '4s/result/rosult/' "$tmp/j.json.journal"
kept=$(wc -l <"$tmp/j.json.journal")
check "a damaged line is said" 0 "j.json.journal: 1 damaged line, whose items run again" "$eval" needle --out "$tmp/j.json" --lengths 256 --depths 0,100 --needles 1/1 --samples 10 --no-progress --threads 1
report "$tmp/j.json" >"$tmp/resumed"
say "the resumed report of $kept lines is the same" cmp -s "$tmp/whole" "$tmp/resumed"
echo "my diary" >"$tmp/d.json.journal"
check "a stranger's file" 3 "d.json.journal: is no journal" sh -c "$eval needle $small --fresh --quiet --out $tmp/d.json"
say "it stays as it was" grep -qx "my diary" "$tmp/d.json.journal"

# A model that changes while it is used.
changing() { # NAME EXIT PATTERN HOW-TO-CHANGE
    rm -rf "$tmp/model" "$tmp/m.json.journal"
    cp -r models/transformer "$tmp/model"
    check "$1" "$2" "$3" sh -c "$eval needle --model m=$tmp/model --out $tmp/m.json --fresh --no-progress --samples 2000 & p=\$!
        for i in \$(seq 300); do grep -q item $tmp/m.json.journal 2>/dev/null && break; sleep 0.1; done; $4; wait \$p"
    say "$1: no report" test ! -e "$tmp/m.json"
}
changing "a model that is cut" 3 "model.safetensors: has become shorter\|has changed" "truncate -s 5000 $tmp/model/model.safetensors"
changing "a model that is written over" 3 "model.safetensors: has changed" "dd if=/dev/zero of=$tmp/model/model.safetensors bs=1000 seek=300 count=1 conv=notrunc 2>/dev/null"
changing "a model that is replaced" 3 "model.safetensors: has changed" "cp $tmp/model/model.safetensors $tmp/new; mv $tmp/new $tmp/model/model.safetensors"

# What a killed program has left goes when the file is written again; what a living one writes stays.
: >"$tmp/base.json.tmp.0123456789abcdef"
: >"$tmp/base.json.tmp.12345"
: >"$tmp/base.json.tmp.notours"
"$eval" rescore "$tmp/base.json" --out "$tmp/base.json" >/dev/null
say "left-overs are cleared" test ! -e "$tmp/base.json.tmp.0123456789abcdef" -a ! -e "$tmp/base.json.tmp.12345"
say "other files are not" test -e "$tmp/base.json.tmp.notours"
check "a device is not replaced" 4 "no regular file" "$eval" report "$tmp/base.json" --out /dev/full

# Little memory: an answer, or one line and exit 4 (127: the loader could not even map the libraries), and soon.
if [ "$build" = build ]; then # sanitizers want terabytes of addresses
    bad=
    for kilobytes in 60000 80000 120000 180000 260000 400000 600000 1000000; do
        (ulimit -v $kilobytes && timeout -s KILL 20 "$eval" needle --samples 1 --lengths 256 --depths 0 --needles 1/1 --fresh --quiet --out "$tmp/v.json") >/dev/null 2>&1
        code=$?
        case $code in 0 | 4 | 127) ;; *) bad="$bad $kilobytes:$code" ;; esac
    done
    say "little memory never hangs${bad:+: $bad}" test -z "$bad"
fi
echo done
