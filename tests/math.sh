#!/bin/sh
# The math task on the command line: its default, forms, errors, rescoring, going on after an interruption.
. tests/check.inc

math="$eval math --samples 10 --max-new-tokens 24 --no-progress --threads 1"
check "the default is generated" 0 "right answers" $math --out "$tmp/r.json"
check "it reports the length of outputs" 0 "tokens of an output" "$eval" table "$tmp/r.json"
check "levels are in order" 0 "level=1,record=.*level=2,record=" sh -c "$eval math --dry-run --samples 40 | tr '\n' ' '"
check "a form that is not there" 2 "from configs/math" $math --form nothing --out "$tmp/x.json"
check "a form without its data" 2 "--data: is missing, expected the records of gsm8k" $math --form gsm8k --out "$tmp/x.json"
printf '{"question": "1 + 1?", "answer": "It is 2.\\n#### 2"}\n{"question": "2 + 2?", "answer": "It is 4.\\n#### 4"}\n' >"$tmp/sums.jsonl"
check "a public form" 0 "accuracy, gsm8k, 1 example" $math --form gsm8k --data "$tmp/sums.jsonl" --shots 1 --out "$tmp/g.json"
check "the prompt holds a worked example" 0 "^#### " sh -c "$eval show $tmp/g.json --item task=gsm8k,shots=1,record=0 --run"
check "more shots than there are" 0 "there are 1 worked examples" $math --form gsm8k --data "$tmp/sums.jsonl" --shots 3 --out "$tmp/g3.json"
check "a field that is not there" 3 "field 'level' is missing" $math --form math --data "$tmp/sums.jsonl" --out "$tmp/x.json"
sed 's/extract: .*/extract: [boxed]/' configs/math/arithmetic.yaml >"$tmp/boxed.yaml"
check "rescored by another form" 0 "without an answer" "$eval" rescore "$tmp/r.json" --set "form=$tmp/boxed.yaml" --out "$tmp/boxed.json"

# Killed and started again: the same report.
$eval math --samples 40 --quiet --threads 1 --out "$tmp/whole.json"
$eval math --samples 40 --quiet --threads 1 --out "$tmp/cut.json" &
running=$!
for _ in $(seq 600); do
    [ "$(grep -c . "$tmp/cut.json.journal" 2>/dev/null)" -gt 4 ] 2>/dev/null && break
    sleep 0.02
done
kill -9 $running 2>/dev/null
wait $running 2>/dev/null
$eval math --samples 40 --quiet --threads 2 --out "$tmp/cut.json"
report() { sed '/"run":/,$d' "$1"; }
[ "$(report "$tmp/whole.json" | cksum)" = "$(report "$tmp/cut.json" | cksum)" ] && echo "ok a killed run ends with the same report" || echo "not ok a killed run ends with another report"
echo done
