#!/bin/sh
# Files from strangers: every one is answered with one line and exit code 3, in a moment and in little memory.
. tests/check.inc

# A small report of our own, and what becomes of it when a member is taken away, renamed or replaced.
"$eval" needle --lengths 128 --depths 0,100 --needles 1/1 --samples 1 --quiet --no-progress --out "$tmp/r.json" || exit 1
cat >"$tmp/mutate.py" <<'END2'
import copy, json, random, subprocess, sys
program, path, out, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
report = json.load(open(path))
random.seed(7)
VALUES = [None, True, 0, -1, 1e308, "", "x", "heatmap", "bars", "lines", [], {}, [None], {"a": None}, [1, 2], "\x1b[31m", "</script>"]

def places(node, above=()):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield above + (key,)
        yield from places(child, above + (key,))

every = list(places(report))
def change(r):
    p = random.choice(every)
    node, kind = r, random.randrange(4)
    try:
        for key in p[:-1]:
            node = node[key]
        if kind == 0:
            del node[p[-1]]
        elif kind == 1:
            node[p[-1]] = random.choice(VALUES)
        elif kind == 2 and isinstance(node, list):
            node.append(copy.deepcopy(random.choice(node)))
        elif isinstance(node, dict):
            node[p[-1] + "_"] = node.pop(p[-1])
    except (KeyError, IndexError, TypeError):
        pass
    return p, kind

bad, refused = 0, 0
commands = [["table"], ["table", "--all", "--format", "latex"], ["report", "--out", out + ".html"], ["compare"], ["check", "--against", path],
            ["show"], ["rescore", "--out", out + ".re.json"]]
for i in range(rounds):
    r = copy.deepcopy(report)
    what = [change(r) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    json.dump(r, open(out, "w"))
    c = commands[i % len(commands)]
    p = subprocess.run([program, c[0], out] + c[1:], capture_output=True, timeout=20)
    refused += p.returncode == 3
    if p.returncode not in (0, 1, 2, 3) or (p.returncode and p.stderr.count(b"\n") != 1) or b"\x1b" in p.stdout + p.stderr:
        bad += 1
        print(c[0], p.returncode, what, p.stderr[-300:])
print(f"{bad} bad of {rounds}" + (", some refused" if refused else ""))
END2
check "changed reports are read or refused" 0 "^0 bad of 140, some refused" /usr/bin/python3 "$tmp/mutate.py" "$eval" "$tmp/r.json" "$tmp/m.json" 140
check "the line names the place" 3 "views\[0\].kind: is missing, expected a string" sh -c "/usr/bin/python3 -c \"
import json, sys
r = json.load(open('$tmp/r.json')); del r['views'][0]['kind']; json.dump(r, open('$tmp/m.json', 'w'))\"; '$eval' table '$tmp/m.json'"

# Few bytes that stand for many.
printf 'a: &a [x, x, x]\nb: &b [*a, *a, *a]\n' >"$tmp/alias.yaml"
check "aliases" 3 "alias.yaml: line 2: an alias" "$eval" run "$tmp/alias.yaml" --dry-run
/usr/bin/python3 -c "print('a: ' + '[' * 100000)" >"$tmp/deep.yaml"
check "deep YAML" 3 "nested too deeply, expected at most 64 levels" timeout 10 "$eval" run "$tmp/deep.yaml" --dry-run
/usr/bin/python3 -c "[print(f'k{i}: 1') for i in range(100000)]" >"$tmp/long.yaml"
check "long YAML" 3 "too long a document, expected at most" timeout 20 "$eval" run "$tmp/long.yaml" --dry-run
/usr/bin/python3 -c "print('[' * 100000)" >"$tmp/deep.json"
check "deep JSON" 3 "not valid JSON" timeout 10 "$eval" table "$tmp/deep.json"
/usr/bin/python3 -c "
import gzip, sys
with gzip.open('$tmp/bomb.txt.gz', 'wb') as f:
    for _ in range(200): f.write(b'a' * (1 << 20))"
check "a packed bomb" 3 "unpacks to more than" timeout 20 "$eval" perplexity --data "$tmp/bomb.txt.gz" --samples 1 --length 64 --out "$tmp/o.json"
/usr/bin/python3 -c "
import zipfile
with zipfile.ZipFile('$tmp/bomb.pth', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('a/data.pkl', b'0' * (200 << 20))"
check "a checkpoint that is one" 3 "claims 209715200 bytes" timeout 20 "${BUILD:-build}/difftf-convert" tests/fixtures/torch/official/config.json "$tmp/bomb.pth" "$tmp/new"
/usr/bin/python3 -c "
import struct, sys
n = 5000000
sys.stdout.buffer.write(b'GGUF' + struct.pack('<IQQ', 3, 0, 1) + struct.pack('<Q', 1) + b'a' + struct.pack('<IIQ', 9, 0, n) + bytes(n))" >"$tmp/bomb.gguf"
check "many values in GGUF" 3 "metadata key 'a' has too many values" timeout 120 "$eval" inspect "$tmp/bomb.gguf"
rm "$tmp/bomb.gguf"
/usr/bin/python3 -c "
import json
r = json.load(open('$tmp/r.json'))
r['models'] = [dict(r['models'][0], name=str(i)) for i in range(1001)]
json.dump(r, open('$tmp/many.json', 'w'))"
check "many models in a report" 3 "models: has too many elements, expected at most 1000" timeout 20 "$eval" table "$tmp/many.json"

printf 'output: out\nmodels:\n  - {name: a, path: b}\nevaluations: [{task: needle}]\n' >"$tmp/kind.yaml"
check "a mapping where a text belongs" 3 "key 'model': holds a value of the wrong kind, expected NAME=DIR" "$eval" run "$tmp/kind.yaml" --dry-run
printf 'haystack: {a: b}\n' >"$tmp/kind.yaml"
check "a mapping as an option's value" 3 "key 'haystack': holds a value of the wrong kind" "$eval" needle --config "$tmp/kind.yaml" --dry-run

mkdir "$tmp/pattern"
/usr/bin/python3 -c "
import json
t = json.load(open('tests/fuzz/corpus/tokenizer/split'))
t['pre_tokenizer']['pretokenizers'][0]['pattern'] = {'Regex': '(a+)+\$'}
json.dump(t, open('$tmp/pattern/tokenizer.json', 'w'))"
check "a pattern without end" 3 "tokenizer: a pattern takes too long on a text" sh -c "/usr/bin/python3 -c 'print(chr(34) + chr(97) * 5000 + chr(49) + chr(34))' | '$eval' tokenize --model '$tmp/pattern'"


# What is no regular file is not waited for; what is piped in is read.
mkfifo "$tmp/fifo"
for command in "table $tmp/fifo" "report $tmp/fifo --out $tmp/p.html" "run $tmp/fifo" "perplexity --data $tmp/fifo --out $tmp/o.json" \
    "check $tmp/r.json --expect $tmp/fifo" "inspect $tmp/folder" "logits --model models/transformer --ids $tmp/fifo --out $tmp/l.safetensors"; do
    mkdir -p "$tmp/folder"
    [ -e "$tmp/folder/config.json" ] || mkfifo "$tmp/folder/config.json"
    # shellcheck disable=SC2086
    check "a FIFO: ${command%% *}" 3 "is no regular file" timeout 10 "$eval" $command
done
check "a FIFO: convert" 3 "is no regular file" timeout 10 "${BUILD:-build}/difftf-convert" tests/fixtures/torch/official/config.json "$tmp/fifo" "$tmp/new"
check "a report from a pipe" 0 "numbers found" sh -c "'$eval' table - <'$tmp/r.json'"
check "a text from a pipe" 0 "report:" sh -c "cat data/haystack/persuasion.txt | '$eval' perplexity --data /dev/stdin --samples 1 --length 64 --no-progress --out '$tmp/o.json'"

# Weights that are finite and lead to numbers that are not: the layer is told, and no report is written.
mkdir "$tmp/huge"
cp models/transformer/*.json "$tmp/huge/"
/usr/bin/python3 - models/transformer/model.safetensors "$tmp/huge/model.safetensors" <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", data[:8])[0]
tensor = json.loads(data[8:8 + n])["model.layers.2.mlp.down_proj.weight"]
assert tensor["dtype"] == "BF16"
first, end = (8 + n + x for x in tensor["data_offsets"])
data[first:end] = b"\x7f\x7f" * ((end - first) // 2)
open(sys.argv[2], "wb").write(data)
END
check "activations that overflow: needle" 3 "huge: layer 2: a NaN or infinity at position 0, expected finite numbers" "$eval" needle --model a=models/transformer --model "b=$tmp/huge" --samples 1 --lengths 256 --depths 0 --needles 1/1 --out "$tmp/huge.json"
[ -e "$tmp/huge.json" ] && echo "not ok no report of numbers that are none" || echo "ok no report of numbers that are none"
check "activations that overflow: perplexity" 3 "layer 2" "$eval" perplexity --model "b=$tmp/huge" --samples 1 --length 64 --out "$tmp/huge-perplexity.json"
check "activations that overflow: generate" 3 "layer 2" "$eval" generate --model "$tmp/huge" --prompt Once --tokens 3
echo '[1, 2, 3]' >"$tmp/ids.json"
check "activations that overflow: logits" 3 "layer 2" "$eval" logits --model "$tmp/huge" --ids "$tmp/ids.json" --out "$tmp/l.safetensors"
check "activations that overflow: gradients" 3 "layer 2 at position 0: a NaN" "${BUILD:-build}/difftf-train" grads --model "$tmp/huge" --ids "$tmp/ids.json" --out "$tmp/g.safetensors"
echo done
