#!/usr/bin/python3
"""Writes the first small inputs of every reader: tests/fuzz/make_seeds.py (run in the repository)."""
import base64, gzip, io, json, os, shutil, struct, zipfile, zlib

ROOT = "tests/fuzz/corpus"


def put(reader, name, data):
    os.makedirs(f"{ROOT}/{reader}", exist_ok=True)
    with open(f"{ROOT}/{reader}/{name}", "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode())


def dump(x):
    return json.dumps(x, separators=(",", ":"))


header = dump({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
               "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]}}).encode()
put("safetensors", "two", struct.pack("<Q", len(header)) + header + bytes(22))

for name in ("llama-mha", "diff-gqa", "diffv2-gqa", "diffllama-gqa", "motif-grouped", "qwen2-yarn", "smollm3-dynamic", "mistral-window", "qwen3-qknorm", "motif-mha"):
    shutil.copy(f"tests/fixtures/{name}/config.json", put("config", name, "") or f"{ROOT}/config/{name}")

llama = json.load(open("tests/fixtures/llama-mha/config.json"))
for kind, keys in (("linear", {"factor": 2}), ("llama3", {"factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 32}),
                   ("longrope", {"short_factor": [1] * 4, "long_factor": [2] * 4, "original_max_position_embeddings": 32})):
    put("config", f"rope-{kind}", dump(dict(llama, rope_scaling=dict(keys, rope_type=kind))))

text = lambda s: struct.pack("<Q", len(s)) + s
gguf = b"GGUF" + struct.pack("<IQQ", 3, 1, 8)
gguf += text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
for key in ("block_count", "embedding_length", "attention.head_count", "feed_forward_length"):
    gguf += text(b"llama." + key.encode()) + struct.pack("<II", 4, 2)
gguf += text(b"tokenizer.ggml.model") + struct.pack("<I", 8) + text(b"gpt2")
gguf += text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3) + text(b"a") + text(b"b") + text(b"ab")
gguf += text(b"tokenizer.ggml.merges") + struct.pack("<IIQ", 9, 8, 1) + text(b"a b")
gguf += text(b"token_embd.weight") + struct.pack("<IQQIQ", 2, 2, 3, 0, 0)
put("gguf", "small", gguf + bytes(-len(gguf) % 32 + 24))

keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
rest = [b for b in range(256) if b not in keep]
letters = [chr(b if b in keep else 256 + rest.index(b)) for b in range(256)]
vocab = {c: i for i, c in enumerate(letters[32:128])}
vocab["ab"] = len(vocab)
bpe = {"version": "1.0", "added_tokens": [{"id": 97, "content": "<s>", "special": True, "lstrip": False, "rstrip": True, "normalized": False, "single_word": False}],
       "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"String": "1"}, "content": "2"}]},
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
       "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                          "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [97], "tokens": ["<s>"]}}},
       "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": vocab, "merges": ["a b"]}}
put("tokenizer", "byte-level", dump(bpe))
uni = {"version": "1.0", "added_tokens": [], "normalizer": {"type": "Lowercase"},
       "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
       "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [["<unk>", 0], ["\u2581", -1], ["a", -2], ["b", -2.5], ["ab", -3]]}}
put("tokenizer", "unigram", dump(uni))
split = dict(bpe, pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{L}+|\\s"}, "behavior": "Isolated", "invert": False},
                                                                       {"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "use_regex": False}]})
put("tokenizer", "split", dump(split))
# One of each kind of normalizer, pre-tokenizer, processor and decoder.
for name in sorted(os.listdir("tests/fixtures/tokenizers")):
    put("tokenizer", name, open(f"tests/fixtures/tokenizers/{name}/tokenizer.json", "rb").read())


def field(number, wire, value):
    return bytes([number << 3 | wire]) + (bytes([len(value)]) + value if wire == 2 else value)


pieces = b"".join(field(1, 2, field(1, 2, p) + field(2, 5, struct.pack("<f", s)) + field(3, 0, bytes([t])))
                  for p, s, t in ((b"<unk>", 0, 2), (b"<s>", 0, 3), (b"\xe2\x96\x81", -1, 1), (b"a", -2, 1), (b"b", -3, 1), (b"ab", -4, 1)))
put("sentencepiece", "bpe", pieces + field(2, 2, field(3, 0, b"\x02")))
put("sentencepiece", "unigram", pieces + field(2, 2, field(3, 0, b"\x01")) + field(3, 2, field(1, 2, b"identity") + field(3, 0, b"\x01")))
put("tiktoken", "bytes", "".join(f"{base64.b64encode(bytes([b])).decode()} {b}\n" for b in range(256)) + f"{base64.b64encode(b'ab').decode()} 256\n")

state = open("tests/fixtures/torch/state.pt", "rb").read()
put("torch", "state", state)
with zipfile.ZipFile(io.BytesIO(state)) as z:
    put("pickle", "state", z.read([n for n in z.namelist() if n.endswith("data.pkl")][0]))
put("torch", "evil", open("tests/fixtures/torch/evil.pt", "rb").read())

put("yaml", "values", "name: x\nlist: [1, 2.5, true, ~, 'q']\nmap: {a: {b: c}}\n- wrong\n")
put("yaml", "block", "a:\n  - b: &x 1\n    c: |\n      text\n  - >\n    folded\n")
put("experiment", "needle", "seed: 3\nlengths: [128, 256]\ndepths: 0,50.5\nneedles: [1/1, 4/2]\nsamples: 2\n")
put("experiment", "choice", "samples: 5\nshots: [0, 1]\nform: piqa\nthreads: 2\nmodel: [a=b, c]\n")
put("recipe", "small", "name: x\nseed: 1\noutput: o\ntokenizer: t\nmodels:\n  - {name: a, model_type: llama, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64, vocab_size: 300}\n"
    "stages:\n  - {steps: 2, length: 64, sequences: 2, mix: {books: 1}}\ncorpus: [a.txt]\noptimizer: {learning_rate: 0.001}\n")
put("rules", "all", "rules:\n  - {metric: accuracy, model: m, where: {depth: 50}, min: 0.1, max: 0.9}\n  - {metric: accuracy, use: low, min: 0.4}\n")
put("records", "jsonl", '\0{"a":"x","b":[" y "],"c":"pxqyr"}\n{"a":NaN}\n')
put("records", "json", '\1{"data":[{"a":1,"b":["z"],"c":""}]}')
put("records", "csv", '\2a,b,c\n1,"x ""y"", z",3\r\n')
put("records", "tsv", '\3a\tb\n"1\t2\n')
put("packed", "plain", "\ufeffSome text.\n")
put("packed", "gzip", gzip.compress(b"some text " * 20, mtime=0))
put("packed", "zstd", bytes.fromhex("28b52ffd0468510000" "68656c6c6f20776f726c64") + b"\n")

where = {"depth": 50, "needles": "1/1"}
row = {"name": "accuracy", "model": "a", "where": where, "value": 0.5, "ci": [0.4, 0.6], "n": 2, "better": "higher", "field": "score", "kind": "proportion"}
hexes = "0" * 64
report = {"schema": "difftf-eval/report/1", "task": "needle", "version": "0", "seed": 1, "options": {"x": 1}, "digest": hexes,
          "models": [{"name": "a", "family": "llama", "path": "p", "n_params": 1, "n_maps": 1, "sha256": hexes, "tokenizer_sha256": hexes},
                     {"name": "b", "family": "diff_transformer", "path": "p", "n_params": 1, "n_maps": 2, "sha256": hexes, "tokenizer_sha256": hexes}],
          "data": [{"name": "d", "path": "p", "sha256": hexes, "records": 1}], "notes": ["n"],
          "metrics": [row, dict(row, model="b", value=0.7), dict(row, where={"depth": 100, "needles": "1/1"})],
          "comparisons": [{"name": "accuracy", "model": "b", "baseline": "a", "where": where, "difference": 0.2, "ci": [0.1, 0.3], "p_value": 0.01, "n": 2}],
          "series": [{"name": "loss", "model": "a", "where": {}, "x": [1, 2], "y": [3, 2], "ci_low": [2, 1], "ci_high": [4, 3], "x_label": "x", "y_label": "y", "x_scale": "log"}],
          "views": [{"kind": "table", "name": "accuracy", "title": "t", "x": "depth"}, {"kind": "table", "name": "accuracy", "title": "u"},
                    {"kind": "bars", "name": "accuracy", "title": "v", "x": "depth"}, {"kind": "heatmap", "name": "accuracy", "title": "w", "x": "needles", "y": "depth"},
                    {"kind": "lines", "name": "loss", "title": "l"}, {"kind": "steps", "name": "loss", "title": "s"}, {"kind": "dots", "name": "loss", "title": "d"},
                    {"kind": "parts", "name": "accuracy", "title": "q", "x": "depth"}],
          "items": [{"id": "i", "where": where, "results": {"a": {"output": "o", "score": 1, "evidence": {}}, "b": {"output": "", "score": None, "evidence": {"x": [1]}}}}], "run": {}}
put("report", "all", dump(report))


def line(entry):
    data = dump(entry)
    return f"{zlib.crc32(data.encode()):08x} {data}\n"


digest = "0123456789abcdef" * 3 + "0123456789abcdef"
run = {"digest": digest}
item = {"run": digest[:12], "item": "item", "model": "model", "result": {"score": 1}}
put("journal", "two", line(run) + line(item))
put("journal", "damaged", line(run) + line(item)[:20] + "\n" + line(item))
put("judge", "reply", dump({"choices": [{"message": {"role": "assistant", "content": "**Conclusion**: True"}}]}))
put("ids", "list", "[1, 2, 999]")
put("ids", "line", '"a\\u0000b\\ud83d\\ude00"')

put("harness-results", "all", dump({"results": {"t": {"alias": "t", "acc,none": 0.5, "acc_stderr,none": "N/A", "f1,strict": 1}, "g": {"acc,none": 0.25}},
                                    "groups": {"g": {}}, "higher_is_better": {"t": {"acc": True}}, "n-samples": {"t": {"effective": 4}},
                                    "lm_eval_version": "0.4", "model_name": "m"}).replace("0.25", "NaN"))
put("harness-samples", "two", "".join(dump({"doc_id": i, "filter": "none", "metrics": ["acc", "ll"], "acc": i, "ll": [1, 2], "filtered_resps": ["a"],
                                            "doc_hash": "0f"}) + "\n" for i in range(2)))
put("questions", "squad", dump({"data": [{"title": "t", "paragraphs": [{"context": "A cat.", "qas": [
    {"question": "What?", "answers": [{"text": "cat"}]}, {"question": "Why?", "is_impossible": True, "answers": []}]}]}]}))
put("questions", "hotpotqa", dump([{"question": "Who?", "answer": "Ann", "context": [["A", ["Ann sings.", " Bob."]], ["B", ["No."]]]}]))

for case in json.load(open("tests/fixtures/chat/cases.json", encoding="utf-8")):
    if case["name"].endswith(" 3") and "messages" in case["variables"]:
        put("template", case["name"][:-2].replace(" ", "-"), case["template"])
put("template", "expressions", "".join("{{ " + c["name"] + " }}" for c in json.load(open("tests/fixtures/chat/cases.json", encoding="utf-8"))
                                        if "text" in c and "messages" not in c["variables"])[:3000])

for name in ("runs-of-booleans-1", "required", "squad", "delta-prefixes-2", "delta-integers-1", "split-streams-1", "nested-zstd-2", "times", "plain-snappy-1", "refused-one-text"):
    put("parquet", name, open(f"tests/fixtures/parquet/{name}.parquet", "rb").read())
