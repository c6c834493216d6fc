#!/bin/sh
# --chat: prompts as messages in a model's own template.
. tests/check.inc

cp -r models/diff-transformer "$tmp/m"
printf '{%%- for m in messages %%}\n<{{ m.role }}>{{ m.content | trim }}\n{%% endfor %%}\n{%% if add_generation_prompt %%}<assistant>{%% endif %%}' >"$tmp/m/chat_template.jinja"
check "generate shows the messages" 0 "<system>Be brief." "$eval" generate --model "$tmp/m" --chat --system "Be brief." --prompt " Hello " --tokens 3
echo '[{"role": "user", "content": "Hi"}]' | "$eval" tokenize --model "$tmp/m" --chat | "$eval" tokenize --model "$tmp/m" --decode >"$tmp/text"
check "messages as tokens" 0 '^"<user>Hi\\n<assistant>"$' cat "$tmp/text"
check "no messages" 3 "is no array, expected messages" sh -c "echo '{}' | $eval tokenize --model $tmp/m --chat"

run() { $eval "$@" --model "$tmp/m" --chat --samples 1 --threads 1 --no-progress --out "$tmp/$1.json"; }
check "needle asks in messages" 0 "numbers found" run needle --lengths 256 --needles 2/2 --depths 0 --system "Answer in a word."
id=length=256,depth=0,needles=2/2,sample=0
check "the prompt is a message" 0 "^<user>The special magic" "$eval" show "$tmp/needle.json" --item $id --run
$eval report "$tmp/needle.json" --prompts 1 --out "$tmp/page.html" >/dev/null
python3 - "$tmp" $id <<'END'
import json, sys
report = json.load(open(f"{sys.argv[1]}/needle.json"))
evidence = report["items"][0]["results"]["m"]["evidence"]
assert report["options"]["chat"] is True and report["options"]["system"] == "Answer in a word."
a = evidence["attention"]
total = sum(a[k] for k in ("first", "before", "answer", "after", "question"))
print("ok the parts of the attention add up" if abs(total - 1) < 1e-6 and a["before"] != a["answer"] else f"not ok attention {a}")
fits = evidence["prompt_tokens"] <= 256 - 60
print("ok the length holds the template" if fits else f"not ok {evidence['prompt_tokens']} tokens")
END
check "ruler" 0 "answers found" run ruler --sets vt,niah_single_2
check "math" 0 "right answers" run math --max-new-tokens 4
check "hallucination" 0 "report:" run hallucination
check "a task that asks nothing" 2 "choice has no questions to ask" run choice
check "a model without a template" 3 "has no chat template" "$eval" needle --chat --samples 1 --out "$tmp/x.json"
check "a system message alone" 2 "expected --chat" "$eval" needle --system x --out "$tmp/x.json"
echo '{{ "no message" }}' >"$tmp/m/chat_template.jinja"
check "a template without the message" 3 "does not hold what the user says" run needle --lengths 256 --fresh
echo '{% if messages %}{{ messages | wrong }}{% endif %}' >"$tmp/m/chat_template.jinja"
check "a template that is not known" 3 "m: line 1 of the chat template: the filter 'wrong' is not known" run needle --fresh
echo done
