#!/usr/bin/env python3
"""table.py BENCH.json PEERS.jsonl: a Markdown table, one line for each work that a peer did too."""
import json
import sys

ours = {row["name"]: row["rate"] for row in json.load(open(sys.argv[1]))["rows"]}
theirs = {}
peers = []
for line in open(sys.argv[2]):
    row = json.loads(line)
    theirs[row["work"], row["peer"]] = row["rate"]
    if row["peer"] not in peers:
        peers.append(row["peer"])
print("| tokens/s | difftf-eval | " + " | ".join(peers) + " |")
print("|---|---:|" + "---:|" * len(peers))
for work in ours:
    if any((work, p) in theirs for p in peers):
        cells = [f"{theirs[work, p]:.0f} ({ours[work] / theirs[work, p]:.1f} x)" if (work, p) in theirs else "" for p in peers]
        print(f"| {work} | {ours[work]:.0f} | " + " | ".join(cells) + " |")
