#!/bin/sh
# difftf-train plan: parameters, tokens and FLOPs against sums by hand; models that are not matched.
. tests/check.inc
train="${BUILD:-build}/difftf-train"

recipe() { # intermediate_size of the second model
    shape="hidden_size: 32, head_dim: 16, num_hidden_layers: 2, vocab_size: 100, max_position_embeddings: 64, tie_word_embeddings: true"
    cat <<END
tokenizer: $tmp/none
output: $tmp/out
seeds: [1, 2, 3]
corpus: [$tmp/none.txt]
models:
  transformer: {model_type: llama, num_attention_heads: 2, intermediate_size: 64, $shape}
  diff: {model_type: diff_transformer, num_attention_heads: 1, intermediate_size: $1, $shape}
optimizer: {lr: 1.0e-3}
stages:
  - {steps: 10, seq_len: 32, sequences: 4, mix: [{kind: text, bytes: [16, 32]}]}
  - {steps: 5, seq_len: 64, sequences: 2, mix: [{kind: text, bytes: [16, 32]}]}
END
}
recipe 64 >"$tmp/matched.yaml"
recipe 48 >"$tmp/unmatched.yaml"
cd_sum=$(python3 - <<'END'
# A layer: q, k, v, o of 32 x 32, three matrices of 32 x 64, two norms; embedding 100 x 32, last norm. FLOPs: two a weight (the
# embedding as output), scores and values over half the length in each of two heads; three passes, three seeds.
params = 2 * (4 * 32 * 32 + 3 * 32 * 64 + 2 * 32) + 100 * 32 + 32
tokens = 10 * 32 * 4 + 5 * 64 * 2
flops = sum(t * 3 * (2 * params + 2 * 2 * (16 + 16) * n) for t, n in ((10 * 32 * 4, 32), (5 * 64 * 2, 64))) * 3
print(f"transformer *{params} *{tokens / 1e6:.1f}M *3 *{flops:.2e} ")
END
)
check "parameters, tokens and FLOPs of a model" 0 "$cd_sum" "$train" plan "$tmp/matched.yaml" --threads 1
check "a Diff Transformer has four vectors and a norm more a layer" 0 "diff *$((23840 + 2 * (4 * 16 + 32))) " "$train" plan "$tmp/matched.yaml" --threads 1
check "models that are not matched are refused" 3 "its models differ by .* in parameters, expected at most 1 %" "$train" plan "$tmp/unmatched.yaml" --threads 1
check "a recipe that is not there" 3 "none.yaml" "$train" plan "$tmp/none.yaml"
check "no recipe: how it is used" 2 "plan RECIPE" "$train" plan
check "the smallest recipe is matched" 0 "diff-v2 .*303696" "$train" plan configs/train/0.3m-retrieval.yaml --threads 1
check "the paper's largest: reckoned, without its vocabulary" 0 "diff .*13103385600 .*10485.8M" "$train" plan configs/train/paper-13.1b.yaml --threads 1
echo done
