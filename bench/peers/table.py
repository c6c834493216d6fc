#!/usr/bin/env python3
"""table.py BENCH.json PEERS.jsonl: adds the peers' rows to BENCH.json, their ratio being to ours, and prints a Markdown table, one
line for each work that a peer did too."""
import json
import os
import sys

bench = json.load(open(sys.argv[1]))
rows = [row for row in bench["rows"] if not row["name"].startswith("peer.")]
ours = {row["name"]: row for row in rows}
title = {"torch": "PyTorch", "llama": "llama.cpp", "llama-flash": "llama.cpp, flash attention"}
theirs = {}
for line in open(sys.argv[2]):
    row = json.loads(line)
    theirs[row["work"], row["peer"]] = row["rate"]
    own = ours[row["work"]]
    rows.append({"name": f"peer.{row['peer']}.{row['work']}", "shape": own["shape"], "unit": own["unit"], "rate": row["rate"],
                 "limit": own["rate"], "limit_name": "difftf-eval", "ratio": row["rate"] / own["rate"], "spread": row["spread"],
                 "runs": row["runs"]})
bench["rows"] = rows
with open(sys.argv[1] + ".part", "w") as out:
    json.dump(bench, out, indent="\t")
os.replace(sys.argv[1] + ".part", sys.argv[1])

peers = [p for p in title if any(peer == p for _, peer in theirs)]
print("| tokens/s | difftf-eval | " + " | ".join(title[p] for p in peers) + " |")
print("|---|---:|" + "---:|" * len(peers))
for work, own in ours.items():
    if any((work, p) in theirs for p in peers):
        cells = [f"{theirs[work, p]:.0f} ({own['rate'] / theirs[work, p]:.1f} x)" if (work, p) in theirs else "" for p in peers]
        print(f"| {work} | {own['rate']:.0f} | " + " | ".join(cells) + " |")
