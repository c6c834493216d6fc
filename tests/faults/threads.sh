#!/bin/sh
# threads.sh BUILD: programs built with ThreadSanitizer on two threads, with an OpenMP runtime that it understands (clang's libomp and
# archer); prints how many data races each run reports.
build=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 exitcode=66"
OMP_TOOL_LIBRARIES=$(find /usr/lib -name libarcher.so | head -n 1)
[ -n "$OMP_TOOL_LIBRARIES" ] || { echo "threads: libarcher.so is missing (apt-get install libomp-dev)" >&2; exit 1; }
export OMP_TOOL_LIBRARIES
cat >"$out/recipe.yaml" <<END
output: $out/trained
tokenizer: models/transformer
corpus: [data/haystack/persuasion.txt]
checkpoint_steps: 2
validation_sequences: 1
validation_steps: 2
models:
  a: {model_type: llama, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32}
  b: {model_type: diff_transformer, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32}
optimizer: {lr: 0.001, warmup_steps: 1, clip: 1}
stages:
  - {steps: 2, seq_len: 48, sequences: 2, mix: [{kind: pairs, bytes: [60, 100]}]}
END
bad=0
run() { # NAME PROGRAM ARGUMENTS..
    name=$1 program=$2
    shift 2
    "$build/$program" "$@" --threads 2 >"$out/log" 2>&1
    code=$?
    races=$(grep -c "WARNING: ThreadSanitizer" "$out/log")
    if [ "$code" = 0 ] && [ "$races" = 0 ]; then echo "ok $name"; else
        echo "not ok $name: exit $code, $races reports"
        grep -A 12 "WARNING: ThreadSanitizer" "$out/log" | head -n 40
        bad=1
    fi
}
run selftest difftf-eval selftest
run needle difftf-eval needle --samples 2 --lengths 128 --depths 0,100 --needles 1/1 --quiet --out "$out/needle.json"
run perplexity difftf-eval perplexity --samples 2 --length 128 --quiet --out "$out/perplexity.json"
run icl difftf-eval icl --samples 1 --shots 2 --length 256 --orders 1 --quiet --out "$out/icl.json"
run choice difftf-eval choice --samples 2 --quiet --out "$out/choice.json"
run hallucination difftf-eval hallucination --samples 2 --quiet --out "$out/hallucination.json"
run train difftf-train "$out/recipe.yaml" --quiet
exit $bad
