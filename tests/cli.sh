#!/bin/sh
# The command line as a person meets it: help, errors, exit codes, pipes, signals.
. tests/check.inc

fixture=tests/fixtures/llama-mha
check "no arguments show the usage" 2 usage "$eval"
check "help lists the tasks" 0 needle "$eval" --help
check "version" 0 "difftf-eval 0" "$eval" --version
check "a task's help shows ranges" 0 "default 50; 1 to 100000" "$eval" needle --help
check "an unknown task" 2 "nedle: there is no such task" "$eval" nedle
check "an unknown option" 2 "did you mean --depths" "$eval" needle --depth 5
check "a depth out of range" 2 "0 to 100" "$eval" needle --depths 0,101
check "a missing model folder" 3 "/nowhere" "$eval" needle --model a=/nowhere --out "$tmp/r.json"
check "a missing haystack" 3 "/nowhere.txt" "$eval" needle --haystack /nowhere.txt --out "$tmp/r.json"
check "a wrong baseline" 2 "baseline" "$eval" needle --baseline x --out "$tmp/r.json"
check "a wrong template" 2 "{question}" "$eval" needle --template '{context}' --out "$tmp/r.json"
check "an unwritable report" 4 "/proc/none" "$eval" needle --lengths 256 --depths 0 --needles 1/1 --samples 1 --out /proc/none/r.json
check "a dry run tries some for its estimate" 0 "about [0-9]* s ([1-9][0-9]* tried)" "$eval" needle --lengths 128 --depths 0 --needles 1/1 --samples 2 --dry-run
check "dry run lists the items" 0 "length=1024,depth=0,needles=1/1,sample=0" "$eval" needle --dry-run
check "list" 0 "diff_transformer" "$eval" list models
check "inspect" 0 "n_params" "$eval" inspect $fixture
check "inspect of a pair" 0 "matched  *true" "$eval" inspect models/transformer models/diff-transformer
check "a pair in JSON" 0 '"matched":.*true' "$eval" inspect --json models/transformer models/diff-transformer
check "inspect of what is no pair" 1 "they differ in parameters" "$eval" inspect models/transformer $fixture
check "inspect of three" 2 "expected one, two" "$eval" inspect $fixture $fixture $fixture
check "inspect in people's units" 0 "^n_params  *1.06 million" "$eval" inspect models/transformer
check "and the memory of a length" 0 "^memory  *[0-9.]* MB .* 1,024 tokens" "$eval" inspect models/transformer --length 1024
check "numbers for programs" 0 '"n_params":.*1061760' "$eval" inspect models/transformer --json
check "inspect of nothing" 3 "config.json" "$eval" inspect "$tmp"
echo '[1, 2, 3, 130]' >"$tmp/ids.json"
check "logits" 0 "" sh -c "$eval logits --model $fixture --ids $tmp/ids.json --out $tmp/l.safetensors --hidden --attention 0; echo done"
[ -s "$tmp/l.safetensors" ] && echo "ok logits were written" || echo "not ok logits were written"
echo '[7]' >"$tmp/one.json"
check "logits of one token" 0 "" sh -c "$eval logits --model $fixture --ids $tmp/one.json --out $tmp/l.safetensors --attention 0; echo done"
grep -aq '"shape":\[1,131\]' "$tmp/l.safetensors" && echo "ok they are one row" || echo "not ok they are one row"
check "logits of no token" 3 "at least 1" sh -c "echo '[]' >$tmp/bad.json; $eval logits --model $fixture --ids $tmp/bad.json --out $tmp/l.safetensors"
# Files that are not what their config says: a buffer, and a head beside a tied embedding.
cp -r models/transformer "$tmp/odd"
/usr/bin/python3 - "$tmp/odd" <<'END'
import json, struct, sys
raw = open(sys.argv[1] + "/model.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
header, data = json.loads(raw[8 : 8 + n]), raw[8 + n :]
begin, end = header["model.embed_tokens.weight"]["data_offsets"]
header["lm_head.weight"] = dict(header["model.embed_tokens.weight"], data_offsets=[len(data), len(data) + end - begin])
data += data[begin + 4 : end] + data[begin : begin + 4]
header["rope.freqs"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
data += bytes(4)
header = json.dumps(header).encode()
open(sys.argv[1] + "/model.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + data)
config = json.load(open(sys.argv[1] + "/config.json"))
config["tie_word_embeddings"] = True
json.dump(config, open(sys.argv[1] + "/config.json", "w"))
END
check "inspect says that a checkpoint is supported" 0 "supported  *true" "$eval" inspect "$tmp/odd"
check "and what is to be known of it" 0 "note  *.*the head of the file is used" "$eval" inspect "$tmp/odd"
check "in JSON too" 0 '"notes":' "$eval" inspect --json "$tmp/odd"
check "a warning says so" 0 "warning: .*rope.freqs" sh -c "$eval logits --model $tmp/odd --ids $tmp/one.json --out $tmp/l.safetensors 2>&1"
"$eval" needle --model "$tmp/odd" --lengths 128 --depths 0 --needles 1/1 --samples 1 --quiet --no-progress --out "$tmp/odd.json" 2>/dev/null
grep -q "the head of the file is used" "$tmp/odd.json" && echo "ok and a note of the report" || echo "not ok and a note of the report"
sed -i 's/{/{"clip_qkv": 8, /' "$tmp/odd/config.json"
check "inspect says what is missing" 3 "clip_qkv" "$eval" inspect "$tmp/odd"
check "in rows" 0 "supported  *false" sh -c "$eval inspect $tmp/odd 2>/dev/null; [ \$? = 3 ]"
check "and in JSON" 0 '"supported":.*false' sh -c "$eval inspect --json $tmp/odd 2>/dev/null; [ \$? = 3 ]"
echo '[1, 131]' >"$tmp/bad.json"
check "an id outside the vocabulary" 3 "element 1" "$eval" logits --model $fixture --ids "$tmp/bad.json" --out "$tmp/l.safetensors"
echo '{"a": 1}' >"$tmp/bad.json"
check "ids of another shape" 3 "JSON array" "$eval" logits --model $fixture --ids "$tmp/bad.json" --out "$tmp/l.safetensors"
check "a layer that is not there" 2 "attention" "$eval" logits --model $fixture --ids "$tmp/ids.json" --out "$tmp/l.safetensors" --attention 2
check "logits without ids" 2 "--ids" "$eval" logits --out "$tmp/l.safetensors"
printf '"The 12 cats\\u0000!"\n"\\n"\n"a<|endoftext|>b"\n' >"$tmp/strings"
"$eval" tokenize <"$tmp/strings" >"$tmp/ids" && "$eval" tokenize --decode <"$tmp/ids" >"$tmp/back"
cmp -s "$tmp/strings" "$tmp/back" && echo "ok tokenize and back" || echo "not ok tokenize and back"
check "tokenize of no JSON" 3 "line 1" sh -c "echo oops | $eval tokenize"
check "generate is repeatable" 0 "" sh -c "a=\$($eval generate --prompt Once --tokens 8 --temperature 1 --seed 3); b=\$($eval generate --prompt Once --tokens 8 --temperature 1 --seed 3 --threads 1); [ \"\$a\" = \"\$b\" ]; echo"
check "attention" 0 "page: $tmp/attention.html" "$eval" attention --prompt "The special magic Oslo number is: 4242421." --layers 0,2 --out "$tmp/attention.html" --threads 1
grep -q 'id="attention-data"' "$tmp/attention.html" && grep -q 'A1 - lambda A2' "$tmp/attention.html" && echo "ok attention has its figures and a table" || echo "not ok attention has its figures and a table"
check "attention of ids" 0 "page:" "$eval" attention --model $fixture --ids "$tmp/ids.json" --out "$tmp/attention.html" --threads 1
check "attention of nothing" 2 "expected one text" "$eval" attention --out "$tmp/attention.html"
check "attention of a model without tokenizer" 3 "has no tokenizer" "$eval" attention --model $fixture --prompt x --out "$tmp/attention.html"
check "attention of a layer that is not there" 2 "expected 0 to" "$eval" attention --prompt x --layers 99 --out "$tmp/attention.html"
check "attention without a page" 2 "--out" "$eval" attention --prompt x
check "a full disk" 4 "cannot be written" sh -c "$eval list >/dev/full"
check "unknown training recipe" 3 "/nowhere.yaml" "${BUILD:-build}/difftf-train" /nowhere.yaml
check "gradients" 0 "" sh -c "${BUILD:-build}/difftf-train grads --model $fixture --ids $tmp/ids.json --out $tmp/g.safetensors; echo"
check "interrupted" 130 "the same command goes on" timeout -s INT --preserve-status 2 "$eval" needle --out "$tmp/i.json" --no-progress --samples 2000
# What the matrix library runs, whatever processors it knows; a choice of the user's stays.
blas() {
    "$@" "$eval" needle --lengths 256 --depths 0 --needles 1/1 --samples 1 --fresh --out "$tmp/m.json" >/dev/null 2>&1
    sed -n 's/.*"blas":[^"]*"\([^"]*\)".*/\1/p' "$tmp/m.json"
}
wanted=.
grep -q avx2 /proc/cpuinfo && wanted="Haswell|Zen"
grep -q avx512dq /proc/cpuinfo && wanted="SkylakeX|Cooperlake|SapphireRapids"
blas env -u OPENBLAS_CORETYPE >"$tmp/blas"
grep -qE "$wanted" "$tmp/blas" && echo "ok the library's kernels suit the processor" || echo "not ok the library's kernels suit the processor: $(cat "$tmp/blas")"
blas env OPENBLAS_CORETYPE=Nehalem >"$tmp/blas"
grep -q Nehalem "$tmp/blas" && echo "ok the user's choice of kernels stays" || echo "not ok the user's choice of kernels stays: $(cat "$tmp/blas")"
# What would fail after the work is refused before it; what stands twice counts once; names are the right ones.
one="--lengths 256 --depths 0 --needles 1/1 --samples 1 --no-progress"
mkdir "$tmp/folder"
check "a report into a folder" 4 "no regular file" "$eval" needle $one --out "$tmp/folder"
grep -q "done" "$tmp/out" && echo "not ok nothing runs before that" || echo "ok nothing runs before that"
[ -e "$tmp/folder.journal" ] && echo "not ok no journal is left" || echo "ok no journal is left"
check "options that contradict" 2 "fresh: contradicts --resume" "$eval" needle $one --fresh --resume --out "$tmp/r.json"
check "a depth that stands twice" 0 "^1 items on" "$eval" needle --lengths 256,256 --depths 25,25 --needles 1/1,1/1 --samples 1 --dry-run
check "a word on it" 0 "depths: 25 stands there twice, it counts once" "$eval" needle --lengths 256 --depths 25,25 --samples 1 --dry-run
check "the Harness's --limit is taken" 0 "note: --limit is --samples here" "$eval" needle --limit 1 --dry-run
check "and --num_fewshot" 0 "note: --num_fewshot is --shots here" "$eval" choice --num_fewshot 2 --dry-run
check "and --output_path, --log_samples" 0 "note: --output_path is --out here" "$eval" needle --output_path "$tmp/o.json" --log_samples --dry-run
check "--num_fewshot where there are no shots" 2 "there is no such option, nor --shots" "$eval" needle --num_fewshot 5
check "--tasks says what is ours" 2 "the task is the first word" "$eval" needle --tasks arc
check "an underscore for a hyphen" 2 "did you mean --dry-run" "$eval" needle --dry_run
check "what needs no option" 2 "everything runs on the processor" "$eval" choice --device cpu
check "tasks by an option" 2 "the task is the first word" "$eval" choice --tasks arc
check "another program's --output" 2 "did you mean --out" "$eval" needle --output x
: >"$tmp/empty.txt"
check "an empty text" 3 "holds no text" "$eval" perplexity --data "$tmp/empty.txt" --out "$tmp/r.json"
grep -q needles "$tmp/out" && echo "not ok it speaks of what was asked" || echo "ok it speaks of what was asked"
check "a tokenizer's folder that is not there" 3 "/nowhere: is not there" sh -c "$eval tokenize --model /nowhere </dev/null"
: >"$tmp/empty.parquet"
check "an empty Parquet file" 3 "Parquet file" "$eval" choice --form piqa --data "$tmp/empty.parquet" --out "$tmp/r.json"

# Reports of a name of their own.
program=$(cd "$(dirname "$eval")" && pwd)/difftf-eval
root=$PWD
mkdir "$tmp/here"
check "a default name says what it is" 0 "report: results/needle-transformer-vs-diff-transformer-20..-..-..-[0-9a-f]*.json" sh -c "cd $tmp/here && $program needle $one"
check "the same run finds it again" 0 "report: results/needle" sh -c "cd $tmp/here && mv results/* results/\$(ls results | sed 's/-20..-..-../-2001-02-03/') && $program needle $one --resume"
[ "$(ls "$tmp/here/results" | wc -l)" = 1 ] && echo "ok it is one report" || echo "not ok it is one report"
check "reports are listed" 0 "^needle *20..-..-.. .*(transformer, diff-transformer)" sh -c "cd $tmp/here && $program list reports"
report=$(ls "$tmp"/here/results/*.json)
check "a table of one metric" 0 "accuracy" "$eval" table "$report" --metric accuracy --where length=256
grep -q attention "$tmp/out" && echo "not ok it has that alone" || echo "ok it has that alone"
check "a setting that there is not" 2 "no row has .length=257., did you mean length=256" "$eval" table "$report" --where length=257
cp -r models/transformer "$tmp/ids-only" && rm "$tmp"/ids-only/tokenizer*
check "throughput needs no tokenizer" 0 "report:" "$eval" throughput --model "a=$tmp/ids-only" --lengths 16 --samples 2 --work prefill --no-progress --out "$tmp/t.json"
check "its report says how busy the machine was" 0 '"others_share"' cat "$tmp/t.json"
check "its report is valid" 0 "" sh -c "tests/validate-report '$tmp/t.json' && echo"
check "other tasks need one" 3 "has no tokenizer" "$eval" needle --model "a=$tmp/ids-only" --out "$tmp/r.json"

# Progress fits a narrow terminal and leaves a clean line; what is interrupted leaves nothing behind.
terminal() { # COLUMNS SECONDS COMMAND..: what a terminal of so many columns is sent, Ctrl-C after some seconds, and the command's exit code
    script -qec "stty cols $1; timeout --foreground -s INT --preserve-status $2 $3; echo exit \$?" "$tmp/typescript" >/dev/null 2>&1 </dev/null
    tr '\r' '\n' <"$tmp/typescript" | sed 's/\x1b\[K//; /^$/d; /^Script /d' >"$tmp/lines"
    grep 'left' "$tmp/lines" >"$tmp/progress"
}
fits() { # COLUMNS NAME
    [ -s "$tmp/progress" ] && awk -v most="$1" 'length($0) >= most { exit 1 }' "$tmp/progress" &&
        echo "ok $2: progress fits $1 columns" || { echo "not ok $2: progress fits $1 columns" && cat "$tmp/progress"; }
}
sed 's/"vocab_size":[^,]*/"vocab_size": 16000000/' models/transformer/config.json >"$tmp/large.json"
if command -v script >/dev/null; then
    for columns in 40 80; do
        terminal $columns 20 "$eval needle --lengths 2048 --depths 0,50,100 --needles 1/1 --samples 10 --fresh --out $tmp/n.json"
        fits $columns needle
    done
    terminal 50 2 "${BUILD:-build}/difftf-make-model $tmp/large.json $tmp/new/large"
    fits 50 make-model
    grep -q "^exit 130" "$tmp/lines" && echo "ok Ctrl-C ends it" || { echo "not ok Ctrl-C ends it" && tail -3 "$tmp/lines"; }
    [ -e "$tmp/new" ] && echo "not ok it leaves nothing" || echo "ok it leaves nothing"
    terminal 50 1 "$eval needle --lengths 2048 --samples 2000 --fresh --out $tmp/n.json"
    tail -2 "$tmp/lines" | grep -q "^exit 130" && ! tail -2 "$tmp/lines" | grep -q left && echo "ok a clean line after Ctrl-C" ||
        { echo "not ok a clean line after Ctrl-C" && tail -3 "$tmp/lines"; }
fi
check "a seed below zero" 2 "SEED: '-5' is wrong" "${BUILD:-build}/difftf-make-model" models/transformer/config.json "$tmp/random" -5
check "an argument where there is none" 2 "x: is no option" sh -c "$eval tokenize x </dev/null"
check "two lists at once" 0 "^transformer " sh -c "$eval list tasks models"
check "a list that there is not" 2 "'modles' is not known" "$eval" list tasks modles
check "no model is written over" 3 "holds model.safetensors already" "${BUILD:-build}/difftf-make-model" models/transformer/config.json models/transformer
echo done
