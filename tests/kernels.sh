#!/bin/sh
# Every set of kernels that this processor runs, not its best alone: products and models against the oracles.
. tests/check.inc
b="${BUILD:-build}/tests"

for set in avx512vnni avx512 avx2 portable; do
    if ! DIFFTF_KERNELS=$set "$eval" list tasks >"$tmp/out" 2>&1; then
        grep -q "DIFFTF_KERNELS: there are no kernels '$set'" "$tmp/out" && echo "-- kernels $set: this processor cannot run them"
        continue
    fi
    for suite in numeric/test_matrix numeric/test_numeric model/test_oracle; do
        check "kernels $set: $suite" 0 "Failures: 0, Errors: 0" env DIFFTF_KERNELS="$set" "$b/$suite"
    done
done
check "kernels that there are not" 2 "DIFFTF_KERNELS: there are no kernels 'mmx' for this processor, expected one of .*portable" \
    env DIFFTF_KERNELS=mmx "$eval" list tasks
check "the machine's kernels are told" 0 "kernels  *portable" env DIFFTF_KERNELS=portable "$eval" inspect --machine

# Fewer bits change the losses, but little.
printf '[1,17,300,42,7,99,500,23,64,1999,3,3,88,1024,7,6]' >"$tmp/ids.json"
for compute in f32 bf16 int8; do
    "$eval" logits --ids "$tmp/ids.json" --compute $compute --out "$tmp/$compute.safetensors" || echo "not ok logits --compute $compute"
done
check "unknown precision" 2 "compute: 'fp8' is wrong, expected f32, bf16 or int8" "$eval" logits --compute fp8
check "BF16 is not F32" 1 "differ" cmp "$tmp/f32.safetensors" "$tmp/bf16.safetensors"
cmp -s "$tmp/f32.safetensors" "$tmp/int8.safetensors" && echo "ok weights that are no codes are not rounded"
echo done
