#!/bin/sh
# What users bring: their checkpoints, tokenizers and data, as they are; in a C locale.
. tests/check.inc
build=${BUILD:-build}
export LC_ALL=C

check "inspect a GGUF file" 0 "rope_interleaved  *true" "$eval" inspect tests/fixtures/gguf/llama.gguf
check "a GGUF file that is none" 3 "is no GGUF file" sh -c "echo text >'$tmp/a.gguf'; $eval inspect '$tmp/a.gguf'"
check "a SentencePiece tokenizer" 0 '^\[' sh -c "echo '\"Hello world\"' | $eval tokenize --model tests/fixtures/sentencepiece/unigram"
mkdir "$tmp/none"
check "a folder without a tokenizer" 3 "expected tokenizer.json, tokenizer.model" sh -c "echo '\"a\"' | $eval tokenize --model '$tmp/none'"
check "an unknown family says which are known" 3 "expected one of: llama, mistral, qwen2" sh -c "mkdir '$tmp/m'; echo '{\"model_type\":\"mamba\"}' >'$tmp/m/config.json'; $eval inspect '$tmp/m'"

# Random weights of any shape, and the comparison of models whose tokenizers and contexts differ.
cat >"$tmp/config.json" <<'EOF'
{"model_type": "qwen3", "hidden_size": 32, "head_dim": 8, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
 "intermediate_size": 48, "vocab_size": 2100, "max_position_embeddings": 200, "tie_word_embeddings": true}
EOF
check "a model of random weights" 0 "" sh -c "$build/difftf-make-model '$tmp/config.json' '$tmp/random' && echo"
printf '{"version":"1.0","added_tokens":[],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"type":"BPE","vocab":{' >"$tmp/random/tokenizer.json"
python3 - >>"$tmp/random/tokenizer.json" <<'EOF'
keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
rest = [b for b in range(256) if b not in keep]
import json
print(",".join(f"{json.dumps(chr(b if b in keep else 256 + rest.index(b)))}:{b}" for b in range(256)) + '},"merges":[]}}')
EOF
small="--model a=models/transformer --model b=$tmp/random --lengths 256 --depths 50 --needles 1/1 --samples 1 --no-progress"
check "items beyond a context are warned of" 0 "warning: b: items of up to 256 tokens exceed its max_position_embeddings of 200" "$eval" needle $small --out "$tmp/r.json"
check "the report says so, and that tokenizers differ" 0 "note: a and b have different tokenizers" "$eval" table "$tmp/r.json"
check "and is valid" 0 "" sh -c "tests/validate-report '$tmp/r.json' && echo"
check "or they are refused" 3 "expected at most max_position_embeddings = 200" "$eval" needle $small --beyond-context refuse --out "$tmp/r.json"
check "a wrong choice there" 2 "expected warn, refuse or allow" "$eval" needle $small --beyond-context maybe --out "$tmp/r.json"
check "a tokenizer larger than the embedding" 3 "expected at most the model's vocab_size" sh -c "cp models/transformer/tokenizer.json '$tmp/random/'; sed -i 's/2100/300/' '$tmp/config.json'; rm '$tmp/random/model.safetensors' '$tmp/random/config.json'; $build/difftf-make-model '$tmp/config.json' '$tmp/random'; $eval generate --model '$tmp/random' --prompt a"

# PyTorch.
check "a checkpoint that does not fit its config" 3 "is missing" "$build/difftf-convert" "$tmp/config.json" tests/fixtures/torch/state.pt "$tmp/converted"
check "and leaves nothing" 1 "" sh -c "ls '$tmp/converted' 2>/dev/null || { echo; exit 1; }"
official=tests/fixtures/torch/official
check "a checkpoint with the official names, in two files" 0 "diff_transformer, 3296 parameters" \
    "$build/difftf-convert" $official/config.json $official/part1.pth $official/part2.pth "$tmp/official"
echo '[1,30,9,12,31,20,4]' >"$tmp/ids.json"
"$eval" logits --model $official --ids "$tmp/ids.json" --out "$tmp/meant.safetensors"
"$eval" logits --model "$tmp/official" --ids "$tmp/ids.json" --out "$tmp/converted.safetensors"
check "is the model that it means" 0 "" sh -c "cmp '$tmp/meant.safetensors' '$tmp/converted.safetensors' && echo"
check "a folder that holds a model is not written over" 3 "expected a new folder" \
    "$build/difftf-convert" $official/config.json $official/part1.pth $official/part2.pth "$tmp/official"
# What training scripts wrap, in every order; buffers; the first release, whose norm of heads had no scale.
/usr/bin/python3 tests/make_checkpoints.py $official "$tmp/checkpoints"
converts() {
    check "a checkpoint is found: $1" 0 "diff_transformer, " "$build/difftf-convert" $official/config.json "$tmp/checkpoints/$1.pt" "$tmp/new-$1"
    "$eval" logits --model "$tmp/new-$1" --ids "$tmp/ids.json" --out "$tmp/new-$1.safetensors"
    check "and is the model: $1" 0 "" sh -c "cmp '$2' '$tmp/new-$1.safetensors' && echo"
}
for way in bare compiled_ddp ddp_compiled twice lightning model_state_dict nested deepspeed fsdp compiled_layers buffers protocol4; do
    converts $way "$tmp/meant.safetensors"
done
"$eval" logits --model "$tmp/checkpoints/ones" --ids "$tmp/ids.json" --out "$tmp/ones.safetensors"
converts no_subln "$tmp/ones.safetensors"
check "integers are no weights" 3 "q_proj.weight' is of torch's Long" "$build/difftf-convert" $official/config.json "$tmp/checkpoints/long_weight.pt" "$tmp/converted"
case $build in *sanitize*) limit=unlimited ;; *) limit=4000000 ;; esac # sanitizers want terabytes of addresses
check "entries that claim more than they hold" 3 "damaged or cut off" \
    sh -c "ulimit -v $limit; '$build/difftf-convert' $official/config.json '$tmp/checkpoints/liar.pth' '$tmp/converted'"
check "a checkpoint that is none" 3 "expected a .bin, .pt or .pth file" "$build/difftf-convert" "$tmp/config.json" README.md "$tmp/converted"

# A Transformer made differential computes the same, and keeps its tokenizer.
check "a Transformer made differential" 0 "diff_transformer_v2" "$build/difftf-convert" --to-diff v2 models/transformer "$tmp/differential"
"$eval" perplexity --samples 1 --length 128 --model m=models/transformer --quiet --no-progress --out "$tmp/before.json"
"$eval" perplexity --samples 1 --length 128 --model m="$tmp/differential" --quiet --no-progress --out "$tmp/after.json"
check "has the losses that it had" 0 "close" python3 -c "
import json
a, b = (json.load(open('$tmp/' + n + '.json'))['items'][0]['results']['m']['score'] for n in ('before', 'after'))
assert abs(a - b) < 1e-5 * a, (a, b)
print('close')"
check "a Diff Transformer has no need of it" 3 "two maps" "$build/difftf-convert" --to-diff v2 models/diff-transformer "$tmp/twice"
check "the first version has another norm" 0 "loss .* of" "$build/difftf-convert" --to-diff v1 models/transformer "$tmp/first"
check "an extension changes nothing" 0 "logits after 64 tokens: 0$" "$build/difftf-convert" --to-diff dex --heads 1,3 models/transformer "$tmp/extended"
check "there is no such version" 2 "expected v1" "$build/difftf-convert" --to-diff v3 models/transformer "$tmp/twice"

# logits(PATH): the numbers of what `logits` wrote.
cat >"$tmp/written.py" <<'END'
import json, struct
def logits(path):
    raw = open(path, 'rb').read()
    n = struct.unpack('<Q', raw[:8])[0]
    a, b = json.loads(raw[8:8 + n])['logits']['data_offsets']
    return struct.unpack(f'<{(b - a) // 4}f', raw[8 + n + a:8 + n + b])
END
export PYTHONPATH="$tmp"

# Quantised matrices are the numbers they stand for: widened for many tokens, multiplied as they are for few.
python3 tests/make_blocks_gguf.py "$tmp/blocks.gguf" "$tmp/plain.gguf"
echo '[1,30,9,120,31,200,40,255,7]' >"$tmp/many.json"
echo '[1,30,9]' >"$tmp/few.json"
for tokens in many few; do
    for name in blocks plain; do
        "$eval" logits --model "$tmp/$name.gguf" --ids "$tmp/$tokens.json" --out "$tmp/$name.safetensors"
    done
    check "a quantised GGUF file gives the logits of its numbers, $tokens tokens" 0 "within" python3 -c "
from written import logits
x, y = logits('$tmp/blocks.safetensors'), logits('$tmp/plain.safetensors')
assert len(x) % 259 == 0 and max(x) - min(x) > 1 and max(abs(a - b) for a, b in zip(x, y)) < 1e-4, max(abs(a - b) for a, b in zip(x, y))
print(len(x), 'within 1e-4')"
done

# Architectures of GGUF whose rotation turns neighbours: the folder's own logits. SmolLM3 leaves every fourth layer unturned.
echo "[$(seq -s, 1 60)]" >"$tmp/sixty.json"
for family in llama smollm3; do
    echo '{"model_type":"'$family'","vocab_size":64,"hidden_size":64,"intermediate_size":96,"num_hidden_layers":5,"num_attention_heads":4,"num_key_value_heads":2,"rms_norm_eps":1e-5,"rope_theta":500.0,"max_position_embeddings":256,"tie_word_embeddings":true}' >"$tmp/$family.json"
    "$build/difftf-make-model" "$tmp/$family.json" "$tmp/$family" 3 >/dev/null
    python3 tests/make_family_gguf.py "$tmp/$family" "$tmp/$family.gguf" "$family"
    "$eval" logits --model "$tmp/$family" --ids "$tmp/sixty.json" --out "$tmp/folder.safetensors"
    "$eval" logits --model "$tmp/$family.gguf" --ids "$tmp/sixty.json" --out "$tmp/file.safetensors"
    check "a GGUF file of $family gives its folder's logits" 0 "close" python3 -c "
from written import logits
x, y = logits('$tmp/folder.safetensors'), logits('$tmp/file.safetensors')
assert max(x) - min(x) > 0.1 and max(abs(a - b) for a, b in zip(x, y)) < 1e-5 * max(x), max(abs(a - b) for a, b in zip(x, y))
print('close')"
done

# Data as it is published.
{
    echo '{"question":{"stem":"Which is hot?","choices":[{"text":"ice","label":"A"},{"text":"fire","label":"B"}]},"answerKey":"B"}'
    echo '{"question":{"stem":"Which is wet?","choices":[{"text":"water","label":"A"},{"text":"sand","label":"B"}]},"answerKey":"A"}'
} | gzip >"$tmp/arc.jsonl.gz"
check "ARC as AI2 publishes it, packed" 0 "^arc-easy" "$eval" choice --form arc-easy --data "$tmp/arc.jsonl.gz" --field choices=question.choices,question=question.stem --out "$tmp/c.json" --no-progress
printf 'sentence,class\n"big, red apple",fruit\nfast car,thing\nripe pear,fruit\nold house,thing\n' >"$tmp/topics-train.csv"
cp "$tmp/topics-train.csv" "$tmp/topics-test.csv"
check "CSV with fields of other names" 0 "" sh -c "$eval icl --data '$tmp/topics-train.csv' --field text=sentence,label=class --length 256 --shots 1 --orders 1 --samples 2 --out '$tmp/i.json' --no-progress && echo"
printf 'a,b\n1\n' >"$tmp/bad.csv"
check "CSV with a short line" 3 "bad.csv: line 2 has 1 fields, expected 2" "$eval" icl --data "$tmp/bad.csv" --test "$tmp/bad.csv" --out "$tmp/i.json"
head -c 2000 data/haystack/persuasion.txt >"$tmp/short.txt"
check "a haystack that repeats says so" 0 "fewer than a prompt of 1024: its text repeats" "$eval" needle --haystack "$tmp/short.txt" --lengths 1024 --depths 0 --needles 1/1 --samples 1 --dry-run --out "$tmp/n.json"
printf 'PAR1' >"$tmp/data.parquet"
check "half a Parquet file" 3 "is no whole Parquet file, expected PAR1 at both ends" "$eval" icl --data "$tmp/data.parquet" --test "$tmp/data.parquet" --out "$tmp/i.json"
echo done
