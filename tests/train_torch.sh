#!/bin/sh
# tools/train-torch against difftf-train: 50 steps in float32 from one export; only where PyTorch is installed.
. tests/check.inc
train="${BUILD:-build}/difftf-train"
python="${DIFFTF_PYTHON:-python3}"

shape="hidden_size: 32, head_dim: 16, num_hidden_layers: 2, intermediate_size: 64, max_position_embeddings: 64, rms_norm_eps: 1.0e-5, rope_theta: 10000, tie_word_embeddings: true"
cat >"$tmp/recipe.yaml" <<END
seeds: [3, 4]
tokenizer: models/transformer
output: $tmp/ours
attention: across_documents
corpus: [data/haystack/persuasion.txt]
checkpoint_steps: 100
validation_steps: 25
validation_sequences: 2
models:
  transformer: {model_type: llama, num_attention_heads: 4, $shape}
  diff: {model_type: diff_transformer, num_attention_heads: 2, $shape}
  diff-v2: {model_type: diff_transformer_v2, num_attention_heads: 4, num_key_value_heads: 2, $shape}
optimizer: {lr: 1.0e-2, min_lr: 1.0e-4, warmup_steps: 5, beta1: 0.9, beta2: 0.98, weight_decay: 0.1, clip: 0.5}
stages:
  - {steps: 30, seq_len: 48, sequences: 4, mix: [{kind: pairs, bytes: [60, 120]}, {kind: text, bytes: [60, 200]}]}
  - {steps: 20, seq_len: 64, sequences: 2, mix: [{kind: text, bytes: [60, 200]}]}
END
check "a recipe with seeds asks for one" 2 "has 2 seeds, expected --seed" "$train" export "$tmp/recipe.yaml" "$tmp/export"
check "a training is exported" 0 "" sh -c "'$train' export '$tmp/recipe.yaml' '$tmp/export' --seed 3 && echo"
check "its tokens are those of the steps, each sequence after the end token" 0 "^8480 True$" python3 - "$tmp/export" <<'END'
import gzip, json, struct, sys
export = json.load(open(sys.argv[1] + "/export.json"))
data = gzip.open(sys.argv[1] + "/training.gz").read()
ids = struct.unpack(f"<{len(data) // 2}H", data)
at, starts = 0, []
for stage in export["stages"]:
    for _ in range(stage["steps"] * stage["sequences"]):
        starts.append(ids[at])
        at += stage["seq_len"] + 1
print(sum(s["steps"] * s["sequences"] * (s["seq_len"] + 1) for s in export["stages"]), at == len(ids) and set(starts) == {export["end_token"]})
END

if ! "$python" -c 'import numpy, torch' 2>/dev/null; then
    echo "done"
    exit
fi
check "the same training by difftf-train" 0 "" sh -c "'$train' '$tmp/recipe.yaml' --seed 3 --threads 1 --quiet && echo"
check "and by train-torch" 0 "" sh -c "'$python' tools/train-torch '$tmp/export' --output '$tmp/torch' --dtype float32 --device cpu --quiet && echo"
cat >"$tmp/compare.py" <<'END'
import json, sys
ours, theirs = ([json.loads(line) for line in open(f + "/train.jsonl")] for f in sys.argv[1:])
assert [x["step"] for x in ours] == [10, 20, 30, 40, 50] == [x["step"] for x in theirs]
for key, limit in (("loss", 1e-4), ("validation_loss", 1e-4), ("grad_norm", 1e-3), ("lr", 1e-9), ("lambda", 1e-4), ("tokens", 0)):
    for a, b in zip(ours, theirs):
        if key in a or key in b:
            pairs = zip(a[key], b[key]) if key == "lambda" else [(a[key], b[key])]
            assert max(abs(x - y) for x, y in pairs) <= limit, f"step {a['step']}: {key} {a[key]} and {b[key]}"
print("agrees")
END
for model in transformer diff diff-v2; do
    check "$model: losses of 50 steps agree within 1e-4" 0 "^agrees" "$python" "$tmp/compare.py" "$tmp/ours/seed-3/$model" "$tmp/torch/$model"
    check "$model: our programs read its folder" 0 "n_params" "${BUILD:-build}/difftf-eval" inspect "$tmp/torch/$model"
done
check "it goes on from a checkpoint" 0 "" sh -c "'$python' tools/train-torch '$tmp/export' --output '$tmp/again' --only diff --dtype float32 --device cpu --quiet --steps 20 && '$python' tools/train-torch '$tmp/export' --output '$tmp/again' --only diff --dtype float32 --device cpu --quiet && cmp '$tmp/again/diff/model.safetensors' '$tmp/torch/diff/model.safetensors' && echo"
sed "s/across_documents/within_documents/; s#output: .*#output: $tmp/within#" "$tmp/recipe.yaml" >"$tmp/within.yaml"
"$train" export "$tmp/within.yaml" "$tmp/export-within" --seed 3
"$train" "$tmp/within.yaml" --seed 3 --only diff --threads 1 --quiet
"$python" tools/train-torch "$tmp/export-within" --output "$tmp/torch-within" --only diff --dtype float32 --device cpu --quiet
check "attention within documents agrees too" 0 "^agrees" "$python" "$tmp/compare.py" "$tmp/within/seed-3/diff" "$tmp/torch-within/diff"
check "a damaged export is named" 3 "expected a folder that difftf-train export wrote" sh -c "echo x >'$tmp/export/training.gz'; '$python' tools/train-torch '$tmp/export' --quiet"
echo done
