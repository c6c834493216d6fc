#!/bin/sh
# The prompts and scores of ruler against RULER's rules, and its own data files.
. tests/check.inc

ruler="$eval ruler --no-progress --threads 1"
one="--samples 1 --model transformer=models/transformer --quiet"
$ruler $one --out "$tmp/r.json"
$ruler $one --sets cwe --lengths 4096 --out "$tmp/long.json"
for r in r long; do
    python3 tests/ruler.py prompts "$tmp/$r.json" || echo "not ok a prompt of ruler"
done
python3 tests/ruler.py outputs "$tmp/r.json" "$tmp/random.json"
check "random outputs are scored again" 0 "answers found" "$eval" rescore "$tmp/random.json" --out "$tmp/scored.json"
python3 tests/ruler.py scores "$tmp/scored.json" || echo "not ok a score of ruler"

check "what does not fit is named" 2 "512 tokens are too few for cwe with transformer, expected at least" $ruler --sets cwe --lengths 512 --out "$tmp/x.json"
check "and left out where it was not asked for" 0 "cwe is left out" $ruler --lengths 512 --samples 1 --dry-run
printf '{"data": [{"title": "t", "paragraphs": [{"context": "The cat is red.", "qas": [{"question": "What colour?", "answers": [{"text": "red"}]}, {"question": "Why?", "is_impossible": true, "answers": []}]}]}]}' >"$tmp/squad.json"
printf '[{"question": "Who?", "answer": "Ann", "context": [["A", ["Ann sings.", " Bob does not."]], ["B", ["Nothing."]]]}]' >"$tmp/hotpot.json"
check "question files of either format" 0 "questions, two passages" $ruler --sets qa_1,qa_2 --samples 1 --data "$tmp/hotpot.json" --data "$tmp/squad.json" --out "$tmp/q.json"
check "the same format twice" 2 "has the format of another file" $ruler --sets qa_1 --data "$tmp/squad.json" --data "$tmp/squad.json" --out "$tmp/x.json"
echo '{"questions": 1}' >"$tmp/wrong.json"
check "another format" 3 "neither SQuAD's format nor HotpotQA's" $ruler --sets qa_1 --data "$tmp/wrong.json" --out "$tmp/x.json"
echo '[{"question": "Who?"}]' >"$tmp/wrong.json"
check "a question without documents" 3 "entry 1: is not as in HotpotQA" $ruler --sets qa_2 --data "$tmp/wrong.json" --out "$tmp/x.json"
sed 's/{query}/{question}/' configs/ruler/ruler.yaml >"$tmp/form.yaml"
check "a form with an unknown hole" 3 "question" $ruler --sets vt --form "$tmp/form.yaml" --out "$tmp/x.json"
sed '/^vt:/d' configs/ruler/ruler.yaml >"$tmp/form.yaml"
check "a form without a prompt" 3 "vt" $ruler --sets vt --form "$tmp/form.yaml" --out "$tmp/x.json"
printf 'adjectives: [red]\nnouns: [cat]\nverbs: []\n' >"$tmp/words.yaml"
check "too few words" 3 "has 1 words, expected at least 10" $ruler --sets cwe --words "$tmp/words.yaml" --out "$tmp/x.json"
echo done
