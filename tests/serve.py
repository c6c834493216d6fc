"""Checks of `difftf-eval serve` from outside, with Python's own modules: prints "ok" or "not ok" a check.
  usage: serve.py BUILD"""
import concurrent.futures
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "faults"))
from hostile import Server  # noqa: E402

BUILD = sys.argv[1]
EVAL = f"{BUILD}/difftf-eval"
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"


def check(name, good, told=""):
    print(f"ok {name}" if good else f"not ok {name}: {str(told)[:1500]}")


def post(server, path="/v1/completions", **body):
    status, text = server.request("POST", path, body)
    return status, json.loads(text)


def choices(server, **body):
    status, answer = post(server, **body)
    return answer["choices"] if status == 200 else answer


def events(server, path="/v1/completions", **body):
    status, text = server.request("POST", path, {**body, "stream": True})
    lines = [line[6:] for line in text.decode().split("\n\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines[:-1]], lines[-1]


def safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, tensor in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            a, b = tensor["data_offsets"]
            out[name] = tensor["shape"], struct.unpack(f"<{(b - a) // 4}f", data[8 + n + a:8 + n + b])
    return out


def scores(server, folder, text, model):
    """Log-probabilities beside those that `difftf-eval logits` makes of the same ids."""
    ids = post(server, "/tokenize", model=model, prompt=text)[1]["tokens"]
    choice = choices(server, model=model, prompt=ids, max_tokens=0, echo=True, logprobs=20)[0]["logprobs"]
    with open(f"{folder}/ids.json", "w") as f:
        json.dump(ids, f)
    subprocess.run([EVAL, "logits", "--model", f"models/{model}", "--ids", f"{folder}/ids.json", "--out", f"{folder}/out.st",
                    "--attention", "1"], check=True)
    out = safetensors(f"{folder}/out.st")
    (n, vocab), logits = out["logits"]
    worst = 0
    for i in range(1, n):
        row = logits[(i - 1) * vocab:i * vocab]
        top = max(row)
        total = top + math.log(sum(math.exp(x - top) for x in row))
        worst = max(worst, abs(choice["token_logprobs"][i] - (row[ids[i]] - total)),
                    abs(max(choice["top_logprobs"][i].values()) - (top - total)))
    check(f"{model}: log-probabilities are those of the logits", worst < 1e-4 and len(choice["tokens"]) == n, worst)
    check(f"{model}: the first token has none", choice["token_logprobs"][0] is None and choice["top_logprobs"][0] is None)
    check(f"{model}: tokens make up the text", "".join(choice["tokens"]) == text, choice["tokens"])
    check(f"{model}: offsets", all(text[o:o + len(t)] == t for o, t in zip(choice["text_offset"], choice["tokens"])))

    shape, maps = out["attention.1"]
    spans, last = [[0, 1], [1, 7], [7, 10 ** 6]], n - 1
    seen = choices(server, model=model, prompt=ids, max_tokens=0, probe={
        "attention": {"rows": "last", "spans": spans, "per_layer": True}, "lookback": {"context": 7}, "outliers": True})[0]["probe"]
    layer, worst = seen["attention"]["rows"][0]["layers"][1], 0
    row = [maps[(h * n + last) * n:(h * n + last) * n + n] for h in range(shape[0])]
    for k, (a, b) in enumerate(spans):
        worst = max(worst, abs(layer["sum"][k] - sum(sum(r[a:b]) for r in row)),
                    abs(layer["share"][k] - sum(sum(map(abs, r[a:b])) / sum(map(abs, r)) for r in row)))
    check(f"{model}: sums of attention are those of the maps", worst < 1e-4, worst)
    ratio = 0
    for h in range(shape[0]):
        for p in range(7, n):
            r = [abs(x) for x in maps[(h * n + p) * n:(h * n + p) * n + p + 1]]
            old, new = sum(r[:7]) / 7, sum(r[7:]) / (p - 6)
            ratio += old / (old + new) / (n - 7) / shape[0]
    check(f"{model}: lookback is that of the maps", abs(seen["lookback"]["layers"][1] - ratio) < 1e-4, (ratio, seen["lookback"]))
    check(f"{model}: outliers of every layer", len(seen["outliers"]["hidden_states"]) == len(seen["attention"]["rows"][0]["layers"]))


def completions(server):
    greedy = {"prompt": "The river", "max_tokens": 24, "temperature": 0}
    whole = choices(server, **greedy)[0]
    told, end = events(server, **greedy)
    check("a stream says the same", "".join(e["choices"][0]["text"] for e in told) == whole["text"] and end == "[DONE]", told[-1])
    check("a stream ends with its reason", told[-1]["choices"][0]["finish_reason"] == whole["finish_reason"] == "length")
    told, _ = events(server, **greedy, stream_options={"include_usage": True})
    check("usage closes a stream that asks for it", told[-1]["usage"]["completion_tokens"] == 24 and told[-1]["choices"] == [])
    word = whole["text"].split()[3]
    cut = choices(server, **greedy, stop=["\u2603", word])[0]
    check("a stop text is cut off", cut["text"] == whole["text"][:whole["text"].index(word)] and cut["finish_reason"] == "stop", cut)
    told, _ = events(server, **greedy, stop=[word])
    check("and is not in a stream", "".join(e["choices"][0]["text"] for e in told) == cut["text"], told)
    told, _ = events(server, **greedy, echo=True, logprobs=1)
    tokens = [t for e in told for t in e["choices"][0]["logprobs"]["tokens"]]
    check("a stream has every token once", "".join(tokens) == "The river" + whole["text"], tokens)
    ids = post(server, "/tokenize", prompt="The river")[1]["tokens"]
    check("ids are a prompt", choices(server, **{**greedy, "prompt": ids})[0]["text"] == whole["text"])
    several = choices(server, **{**greedy, "prompt": [ids, ids + ids]})
    check("lists of ids are prompts", several[0]["text"] == whole["text"] and [c["index"] for c in several] == [0, 1])
    check("text comes back from ids", post(server, "/detokenize", tokens=ids)[1]["prompt"] == "The river")
    drawn = {"prompt": ["The river", "A man"], "n": 3, "max_tokens": 12, "temperature": 1, "top_p": 0.9}
    once = [c["text"] for c in choices(server, **drawn, seed=5)]
    check("a seed draws the same", once == [c["text"] for c in choices(server, **drawn, seed=5)] and len(set(once)) == 6, once)
    check("another seed draws others", once != [c["text"] for c in choices(server, **drawn, seed=6)])
    tight = choices(server, prompt="The river", max_tokens=24, temperature=1, top_p=1e-6, seed=1)[0]
    check("a nucleus of one token is greedy", tight["text"] == whole["text"], tight)


def same_bits(server, other):
    with open("data/haystack/persuasion.txt") as f:
        book = f.read()
    prompts = [book[:n] for n in (200, 600, 1200, 1250, 2200)] + [book[5000:5000 + n] for n in (40, 500)]
    asked = {"model": "diff-transformer", "max_tokens": 4, "temperature": 0, "echo": True, "logprobs": 5}

    def ask(prompt, at=server):
        return [(c["text"], c["logprobs"]) for c in choices(at, **asked, prompt=prompt)]

    alone = [ask(p)[0] for p in prompts]
    shared = server.number("shared_tokens_total")
    check("a batch has the bits of each alone", ask(prompts) == alone)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        many = list(pool.map(ask, prompts[::-1] + prompts))
    check("so have requests side by side", [m[0] for m in many] == alone[::-1] + alone)
    check("beginnings are shared", server.number("shared_tokens_total") > shared + 500, server.number("shared_tokens_total"))
    check("one thread and one slot give the same bits", [ask(p, other)[0] for p in prompts[::-1]][::-1] == alone)


def chat(server):
    messages = [{"role": "user", "content": "Where is the river?"}]
    asked = {"model": "chat", "max_tokens": 8, "temperature": 0}
    status, answer = post(server, "/v1/chat/completions", **asked, messages=messages, logprobs=True, top_logprobs=2)
    text = choices(server, **asked, prompt="user: Where is the river?\nassistant:")[0]["text"]
    message = answer["choices"][0]["message"]
    check("chat continues what the template makes", message == {"role": "assistant", "content": text}, answer)
    tokens = answer["choices"][0]["logprobs"]["content"]
    check("chat has log-probabilities", "".join(t["token"] for t in tokens) == text and len(tokens[0]["top_logprobs"]) == 2, tokens)
    told, _ = events(server, "/v1/chat/completions", **asked, messages=messages)
    check("chat streams", "".join(e["choices"][0]["delta"].get("content", "") for e in told) == text, told)
    status, answer = post(server, "/v1/chat/completions", model="transformer", messages=messages)
    check("a model without a template says so", status == 400 and "chat template" in answer["error"]["message"], answer)


def refusals(server):
    for name, body, status, word in (
            ("a model that is not there", {"model": "x", "prompt": "a"}, 404, "does not exist"),
            ("a prompt that is missing", {}, 400, "prompt"), ("a prompt beyond the context", {"prompt": "a " * 9000}, 400, "context"),
            ("a penalty", {"prompt": "a", "presence_penalty": 1}, 400, "presence_penalty"),
            ("too many alternatives", {"prompt": "a", "logprobs": 21}, 400, "logprobs")):
        got, answer = post(server, **body)
        error = answer.get("error", {})
        check(f"{name} is refused", got == status and word in error.get("message", "") and "type" in error and "code" in error, answer)
    status, text = server.request("GET", "/v1/models", key=None)
    check("without a key nothing is said", status == 401 and json.loads(text)["error"]["code"] == "invalid_api_key", text)
    check("health needs none", server.request("GET", "/health", key=None)[0] == 200)


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cp", "-r", "models/transformer", f"{folder}/chat"], check=True)
        with open(f"{folder}/chat/chat_template.jinja", "w") as f:
            f.write(TEMPLATE)
        models = [o for m in ("models/transformer", "models/diff-transformer", f"chat={folder}/chat") for o in ("--model", m)]
        server, other = Server(BUILD, *models, "--threads", "2"), Server(BUILD, *models, "--threads", "1", "--slots", "1")
        listed = json.loads(server.request("GET", "/v1/models")[1])["data"]
        check("the models are listed", [m["id"] for m in listed] == ["transformer", "diff-transformer", "chat"], listed)
        info = json.loads(server.request("GET", "/tokenizer_info")[1])
        check("the tokenizer tells its tokens", info["eos_token"] == "<|endoftext|>" and info["vocab_size"] == 2048, info)
        for model in ("transformer", "diff-transformer"):
            scores(server, folder, "The river was by the house, and the man went home in the evening. " * 5, model)
        completions(server)
        same_bits(server, other)
        chat(server)
        refusals(server)
        text = server.request("GET", "/metrics")[1].decode()
        check("metrics are Prometheus's", re.search(r"^# TYPE difftf_requests_total counter$", text, re.M) is not None)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(choices, server, prompt="The river", max_tokens=400, temperature=0)
            while server.number("requests_in_hand") == 0 and not running.done():
                pass
            check("^C finishes what runs, and ends well", server.stop() == (0, "") and "text" in running.result()[0])
        check("the other ends well", other.stop() == (0, ""))


main()
