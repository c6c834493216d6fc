#!/bin/sh
# difftf-train as a person meets it: errors, two at once, kills, lines of JSON, curves.
. tests/check.inc
train=${BUILD:-build}/difftf-train

# A recipe of a tiny pair; further lines are $1.
recipe() {
    cat <<END
tokenizer: models/transformer
output: $tmp/trained
corpus: [data/haystack/persuasion.txt]
checkpoint_steps: 2
validation_steps: 4
validation_sequences: 1
optimizer: {lr: 1.0e-2, warmup_steps: 2}
models:
  transformer: {model_type: llama, hidden_size: 16, head_dim: 8, num_hidden_layers: 1, num_attention_heads: 4, intermediate_size: 16, max_position_embeddings: 64, tie_word_embeddings: true}
  diff: {model_type: diff_transformer, hidden_size: 16, head_dim: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16, max_position_embeddings: 64, tie_word_embeddings: true}
stages: [{steps: ${steps:-12}, seq_len: 64, sequences: 1, mix: [{kind: text, bytes: [100, 300]}]}]
$1
END
}

recipe "seeds: [1, 2]" >"$tmp/r.yaml"
check "an unknown model" 2 "--only" "$train" "$tmp/r.yaml" --only diff-v2
check "an unknown seed" 2 "expected one of its seeds" "$train" "$tmp/r.yaml" --seed 3
check "no folder is made before the recipe is right" 0 "" sh -c "[ ! -e $tmp/trained ]; echo done"
check "lines of JSON" 0 '"model":"diff","seed":2,"step":12,"tokens":768' "$train" "$tmp/r.yaml" --threads 1 --quiet --json
check "what fills and what is packed is told" 0 '"tokens_by_kind":{"text":768},"fill_tokens":0' cat "$tmp/trained/seed-2/diff/training.json"
check "curves" 0 "" sh -c "$train curves a=$tmp/trained/seed-1/transformer b=$tmp/trained/seed-1/diff --out $tmp/curves.json && echo done"
check "a page of curves" 0 "Lambda of each layer" sh -c "$eval report $tmp/curves.json --out $tmp/page.html && cat $tmp/page.html"
check "curves of nothing" 3 "train.jsonl" "$train" curves "$tmp" --out "$tmp/curves.json"
check "curves without a place" 2 "--out" "$train" curves "$tmp/trained/seed-1/diff"
if /usr/bin/python3 -c 'import jsonschema' 2>/dev/null; then
    check "the report of curves keeps the schema" 0 "" sh -c "tests/validate-report $tmp/curves.json && echo done"
fi
check "gradients of every layer" 0 "" sh -c "$train gradients $tmp/r.yaml --batches 4 --threads 1 --out $tmp/gradients.json && $train gradients $tmp/r.yaml --batches 4 --threads 2 --out $tmp/again.json && cmp $tmp/gradients.json $tmp/again.json && echo done"
check "they are compared" 0 "diff - transformer" "$eval" table "$tmp/gradients.json"
check "lambda has its own" 0 "^lambda$" "$eval" table "$tmp/gradients.json"
check "of finished models" 0 '"trained":.true' sh -c "$train gradients $tmp/r.yaml --seed 2 --trained --batches 3 --out $tmp/trained.json && tr -d ' ' <$tmp/trained.json"
check "more batches than steps" 2 "has 12 steps" "$train" gradients "$tmp/r.yaml" --batches 13 --out "$tmp/x.json"
check "gradients without a place" 2 "--out" "$train" gradients "$tmp/r.yaml"
if /usr/bin/python3 -c 'import jsonschema' 2>/dev/null; then
    check "their report keeps the schema" 0 "" sh -c "tests/validate-report $tmp/gradients.json && echo done"
fi
check "a closed pipe ends it" 4 "standard output" sh -c "trap '' PIPE; ($train $tmp/r.yaml --threads 1 --quiet --json --fresh; echo \$? >$tmp/rc) | true; sleep 0.1; cat $tmp/rc >&2; exit \$(cat $tmp/rc)"

# Two at once on one folder: the second is refused, the first goes on.
steps=100000 recipe "seed: 1" >"$tmp/long.yaml"
"$train" "$tmp/long.yaml" --threads 1 --quiet --only diff 2>"$tmp/first" &
first=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ -e "$tmp/trained/diff/checkpoint.safetensors" ] && break
    sleep 0.3
done
check "a second training of one folder" 4 "in use" "$train" "$tmp/long.yaml" --threads 1 --quiet --only diff
kill -TERM $first
wait $first
[ $? = 143 ] && grep -q "goes on from there" "$tmp/first" && echo "ok a stopped training says that it goes on" ||
    echo "not ok a stopped training says that it goes on: $(cat "$tmp/first")"
# Killed at once, often: no temporary file stays.
for i in 1 2 3 4 5 6; do
    timeout -s KILL 0.$i "$train" "$tmp/long.yaml" --threads 1 --quiet --only diff 2>/dev/null
done
steps=100000 recipe "seed: 1" | sed 's/steps: 100000/steps: 100001/' >"$tmp/longer.yaml"
check "an unfinished training at other rates is another" 3 "another recipe" "$train" "$tmp/longer.yaml" --threads 1 --only diff
timeout -s TERM 1 "$train" "$tmp/long.yaml" --threads 1 --quiet --only diff 2>/dev/null
left=$(find "$tmp/trained" -name '*tmp*' | wc -l)
[ "$left" = 0 ] && echo "ok killed trainings leave no temporary file" || echo "not ok killed trainings leave no temporary file: $left"
echo done
