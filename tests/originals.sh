#!/bin/sh
# Small inputs whose right values others computed: log-probabilities of choices by the LM Evaluation Harness and transformers, on a
# model of random weights whose tokens are bytes (fixtures/bytes). Each stands for a way in which such programs go wrong.
. tests/check.inc
model=tests/fixtures/bytes
cat >"$tmp/form.yaml" <<'END'
name: x
context: "{q}"
choices: "{c}"
target: "{label}"
END
# run DATA MODEL OPTIONS..: log-probabilities and scores of each record, a line each.
cat >"$tmp/show.py" <<'END'
import json, sys
for item in json.load(open(sys.argv[1]))["items"]:
    e = item["results"]["m"]["evidence"]
    print([round(x, 4) for x in e["log_p"]], "chosen", e["chosen"], e["chosen_norm"], "acc", e["acc"], e["acc_norm"], e["acc_bytes"])
END
run() {
    data=$1 of=$2
    shift 2
    "$eval" choice --form "$tmp/form.yaml" --data "$data" --model m="$of" --out "$tmp/o.json" --no-progress --fresh "$@" >"$tmp/said" 2>&1 &&
        python3 "$tmp/show.py" "$tmp/o.json"
}
# A folder of the model with its tokenizer changed by a line of Python.
variant() {
    cp -r "$model" "$tmp/$1"
    python3 -c "
import json
path = '$tmp/$1/tokenizer.json'
t = json.load(open(path))
$2
json.dump(t, open(path, 'w'))"
}

# A token that spans the end of the context: where the cut leaves a choice without tokens, it is encoded alone.
variant spans "
for token in 'An', 'Ans', 'we', 'wer', 'Answer':
    t['model']['vocab'][token] = len(t['model']['vocab'])
t['model']['merges'] = [['A', 'n'], ['An', 's'], ['w', 'e'], ['we', 'r'], ['Ans', 'wer']]
t['added_tokens'] = []"
printf '{"q":"Ans","c":["wer","!"],"label":0}\n{"q":"Q","c":["a","b"],"label":1}\n' >"$tmp/d.jsonl"
sed 's/$/\n/;s/^target.*/&\ndelimiter: ""/' "$tmp/form.yaml" >"$tmp/joined.yaml"
mv "$tmp/form.yaml" "$tmp/kept.yaml"
mv "$tmp/joined.yaml" "$tmp/form.yaml"
check "a token across the cut" 0 "^\[-7.6444, -7.365\]" run "$tmp/d.jsonl" "$tmp/spans"
check "and the run goes on" 0 "^\[-7.3015, -8.5701\]" run "$tmp/d.jsonl" "$tmp/spans"
mv "$tmp/kept.yaml" "$tmp/form.yaml"

# acc_norm divides by characters, not by bytes.
echo '{"q":"Q","c":["éöé","af"],"label":0}' >"$tmp/d.jsonl"
check "acc_norm is by characters" 0 "chosen 1 1 acc 0 0 1" run "$tmp/d.jsonl" "$model"
# Labels are compared whole.
printf 'name: x\ncontext: "{q}"\nchoices: "{c}"\nlabels: "{c}"\ntarget: "{answer}"\n' >"$tmp/whole.yaml"
echo '{"q":"Q","c":["The committee agreed that the project should go on","The committee agreed that the project should stop"],"answer":"The committee agreed that the project should stop"}' >"$tmp/d.jsonl"
check "long labels are compared whole" 0 "'target': 1" sh -c "$eval choice --form $tmp/whole.yaml --data $tmp/d.jsonl --model m=$model --out $tmp/o.json --quiet --no-progress --fresh; python3 -c \"import json;print(json.load(open('$tmp/o.json'))['items'][0]['results']['m']['evidence'])\""
# Several right answers.
echo '{"q":"Q","c":["a","b","c"],"label":[0,2]}' >"$tmp/d.jsonl"
check "any of several right answers" 0 "chosen 2 2 acc 1 1 1" run "$tmp/d.jsonl" "$model"
# The question is none of its own examples; fewer examples than asked for are said.
for i in 0 1 2; do echo "{\"q\":\"Question $i?\",\"c\":[\"right $i\",\"wrong $i\"],\"label\":0}"; done >"$tmp/d.jsonl"
run "$tmp/d.jsonl" "$model" --train "$tmp/d.jsonl" --shots 3 >/dev/null
"$eval" show "$tmp/o.json" --item task=x,shots=3,record=0 --run >"$tmp/prompt" 2>/dev/null
check "a question is not among its examples" 0 "^2 examples, 0 of them" sh -c "echo \$(grep -c 'right [12]' $tmp/prompt) examples, \$(grep -c '? right 0' $tmp/prompt) of them its own"
check "fewer examples than asked for" 0 "there are 2 worked examples" cat "$tmp/said"
# A tokenizer that begins texts with <s> is given it, as the harness does; an option leaves it out.
variant bos "
t['post_processor'] = {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': '<s>', 'type_id': 0}}, {'Sequence': {'id': 'A', 'type_id': 0}}], 'pair': [], 'special_tokens': {'<s>': {'id': '<s>', 'ids': [256], 'tokens': ['<s>']}}}"
echo '{"q":"Who?","c":["me","you"],"label":0}' >"$tmp/d.jsonl"
check "the beginning of a text" 0 "^\[-17.8041, -22.2058\]" run "$tmp/d.jsonl" "$tmp/bos"
check "or not" 1 "17.8041" sh -c "$eval choice --bos never --form $tmp/form.yaml --data $tmp/d.jsonl --model m=$tmp/bos --out $tmp/o.json --quiet --no-progress --fresh; python3 $tmp/show.py $tmp/o.json | grep 17.8041; echo 17.8041; exit 1"
# A context too long keeps the last max_position_embeddings + 1 tokens: all but the last are read.
variant short ""
sed -i 's/"max_position_embeddings": *256/"max_position_embeddings": 32/' "$tmp/short/config.json"
echo '{"q":"01234567890123456789012345678901234567890123456789","c":["me","you"],"label":0}' >"$tmp/d.jsonl"
check "a context that is too long" 0 "^\[-21.6593, -27.6291\]" run "$tmp/d.jsonl" "$tmp/short"

# A quote is no syntax in TSV; JSON lines under .json are read as what they are.
printf 'name: x\ncontext: "{q}"\nchoices: ["{a}","{b}"]\ntarget: "{label}"\n' >"$tmp/form.yaml"
printf 'q\ta\tb\tlabel\nfirst\tyes\tno\t0\n"Stop, she said\tyes\tno\t0\nand left"\tyes\tno\t1\nlast\tyes\tno\t1\n' >"$tmp/d.tsv"
check "quotes in TSV" 0 "^4 records" sh -c "$eval choice --form $tmp/form.yaml --data $tmp/d.tsv --model m=$model --out $tmp/o.json --quiet --no-progress --fresh; python3 $tmp/show.py $tmp/o.json | wc -l | sed 's/$/ records/'"
printf '{"q":"Q","a":"yes","b":"b","label":0}\n{"q":"Q2","a":"yes","b":"b","label":1}\n' >"$tmp/d.json"
check "JSON lines under .json" 0 "^2 records" sh -c "$eval choice --form $tmp/form.yaml --data $tmp/d.json --model m=$model --out $tmp/o.json --quiet --no-progress --fresh; python3 $tmp/show.py $tmp/o.json | wc -l | sed 's/$/ records/'"

# A resumed run is of the config that it began with: another theta begins again.
cp -r "$model" "$tmp/changing"
once="$eval choice --form $tmp/form.yaml --data $tmp/d.json --model m=$tmp/changing --out $tmp/c.json --quiet --no-progress"
$once --fresh
python3 "$tmp/show.py" "$tmp/c.json" >"$tmp/first"
sed -i 's/"rope_theta": *10000.0/"rope_theta": 50.0/' "$tmp/changing/config.json"
$once --resume
python3 "$tmp/show.py" "$tmp/c.json" >"$tmp/resumed"
$once --fresh
python3 "$tmp/show.py" "$tmp/c.json" >"$tmp/fresh"
check "another config is another run" 0 same sh -c "cmp $tmp/resumed $tmp/fresh && ! cmp -s $tmp/first $tmp/fresh && echo same"

# NUL is a byte of text like any other; bits per byte are of the bytes in the file, before a normalizer; tokens beyond the model's
# vocabulary are errors in texts that have them alone.
evidence() { python3 -c "import json;e=json.load(open('$tmp/p.json'))['items'][0]['results']['m']['evidence'];print('tokens', e['tokens'], 'bytes', e['bytes'], 'bits', round(e['bits'], 1))"; }
perplexity() {
    "$eval" perplexity --data "$2" --length 256 --samples 1 --model m="$1" --out "$tmp/p.json" --quiet --no-progress --fresh && evidence
}
printf 'a fox\0jumps over' >"$tmp/nul.txt"
check "NUL in a text" 0 "tokens 16 bytes 16" perplexity "$model" "$tmp/nul.txt"
variant nfkc "t['normalizer'] = {'type': 'NFKC'}"
for i in 1 2 3 4 5 6 7 8; do printf 'ﬁﬂａｂｃ'; done >"$tmp/wide.txt"
check "bits of the bytes before a normalizer" 0 "tokens 56 bytes 120 bits" perplexity "$tmp/nfkc" "$tmp/wide.txt"
variant pad "t['added_tokens'].append(dict(t['added_tokens'][0], id=300, content='[PAD]'))"
check "a token beyond the vocabulary" 0 "tokens 16 bytes 16" perplexity "$tmp/pad" "$tmp/nul.txt"
printf 'some text [PAD] more' >"$tmp/pad.txt"
check "in a text it is an error" 3 "300" perplexity "$tmp/pad" "$tmp/pad.txt"
echo done
