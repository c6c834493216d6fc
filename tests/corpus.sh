#!/bin/sh
# tools/fetch-corpus on packages of our own, and the readers of tools/corpus_text.py on a page of each format.
. tests/check.inc

mkdir -p "$tmp/bin" "$tmp/packages/guide" "$tmp/packages/novel"
# Stand-ins for the package tools: a package is a folder, its version a file beside it.
cat >"$tmp/bin/apt-get" <<END
#!/bin/sh
for name; do :; done
[ ! -e "$tmp/offline" ] || { echo "E: cannot be reached" >&2; exit 100; }
echo "\$name" >>"$tmp/downloads"
touch "\${name}_\$(cat "$tmp/packages/\$name.version")_all.deb"
END
cat >"$tmp/bin/dpkg-deb" <<END
#!/bin/sh
cp -r "$tmp/packages/\${2%%_*}/." .
END
chmod +x "$tmp/bin/apt-get" "$tmp/bin/dpkg-deb"
echo 1.0 | tee "$tmp/packages/guide.version" >"$tmp/packages/novel.version"

quoted="the slow barge went down the river with all of its lamps put out and nobody spoke"
cat >"$tmp/packages/novel/novel.txt" <<END
It was late in the year and $quoted. The captain had gone to his bed and would not be woken before the morning.

This is a paragraph that stands in both of the packages, word for word, and so it is kept in one of them.
END
cat >"$tmp/packages/guide/guide.html" <<END
<html><head><title>none of this</title></head><body>
<p>This is a paragraph that stands in both of the packages, word for word, and so it is kept in one of them.</p>
<p>A guide may quote what others wrote, as here: &ldquo;$quoted&rdquo;. What it says of its own accord stays where it is, as this does.</p>
<pre>code(); that is not the prose that we look for</pre><p>too short.</p></body></html>
END
cat >"$tmp/run.py" <<END
import importlib.machinery, importlib.util, pathlib, sys
sys.path.insert(0, "tools")
loader = importlib.machinery.SourceFileLoader("fetch_corpus", "tools/fetch-corpus")
fetch = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch_corpus", loader))
loader.exec_module(fetch)
fetch.RECORDED = pathlib.Path("$tmp/recorded.tsv")
fetch.SOURCES = [("held-out", "novel", "novel", "ours", ["*.txt"], fetch.read.plain, fetch.EVERYTHING),
                 ("prose", "guide", "guide", "ours", ["*.html"], fetch.read.web, fetch.PROSE)]
sys.exit(fetch.main())
END
fetch() { PATH="$tmp/bin:$PATH" python3 "$tmp/run.py" "$tmp/corpus" "$@"; }

touch "$tmp/offline"
check "a failed download is said" 4 "apt-get .*cannot be reached" fetch
[ -z "$(find "$tmp/corpus" -name '*.txt')" ] && echo "ok it leaves no text" || echo "not ok it leaves no text"
rm "$tmp/offline"
check "a corpus is made and recorded" 0 "guide.txt: 0.00 MB, 1 sentences held out elsewhere left out" fetch --record
check "its text: no quotation, nothing twice, no code" 0 "^What it says of its own accord stays where it is, as this does.$" cat "$tmp/corpus/guide.txt"
[ "$(wc -l <"$tmp/corpus/guide.txt")" = 1 ] && echo "ok one paragraph is left" || echo "not ok one paragraph is left"
check "held-out texts are kept apart, whole" 0 "$quoted" cat "$tmp/corpus/held-out/novel.txt"
check "the second time all is as recorded" 0 "all 2 files are as recorded" fetch
[ "$(wc -l <"$tmp/downloads")" = 2 ] && echo "ok two downloads for two calls" || echo "not ok two downloads for two calls"
rm -r "$tmp/corpus/.packages"
echo 1.1 >"$tmp/packages/guide.version"
echo '<p>The new version of the guide has one paragraph more than the old version of it had in its time.</p>' >>"$tmp/packages/guide/guide.html"
check "a package that changed is said" 1 "guide.txt: is another text than recorded: guide 1.1 gave .* of version 1.0" fetch

python3 - <<'END' || echo "not ok the readers of formats"
import pathlib, sys, tempfile
sys.path.insert(0, "tools")
sys.dont_write_bytecode = True
import corpus_text as read
CASES = [
    ("a page: markup and entities go", read.web, "<p>One &amp; <b>two</b>.<script>x<p>y</p></script><p>Three", ["One & two.", "Three"]),
    ("text: lines are joined", read.plain, "one\n two\n\n  \nthree\n", ["one two", "three"]),
    ("pod: commands and code go", read.pod, "=head1 NAME\n\nSee L<the text|page> and C<E<lt>xE<gt>>.\n\n  code\n\nEnd.", ["See page and <x>.", "End."]),
    ("roff: words of requests stay", read.roff, ".TH A 1\n.SH NAME\nsee\n.BR open (2)\nor \\fBclose\\fP\n.nf\ncode\n.fi\nnow\\-then",
     ["see open(2) or close", "now-then"]),
    ("messages of maps", read.crossfire, "arch sign\nmsg\nHear [color=red]me[/color].\nendmsg\nend\n", ["Hear me."]),
    ("strings of scenarios", read.wesnoth, 'message= _ "He said ""no""."\nid=x\n', ['He said "no".']),
    ("help pages of a game", read.colobot, "\\b;Title\nUse \\c;if\\n; here.\n\\c;\n\\s;code();\n", ["Title", "Use if here."]),
]
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "file"
    for name, reader, text, wanted in CASES:
        file.write_text(text)
        got = reader(file)
        print(f"ok {name}" if got == wanted else f"not ok {name}: {got}, expected {wanted}")
for text, wanted in [("This is a sentence of the kind that we would like to have in the text that we train on.", True),
                     ("Option Default Minimum Maximum Unit Since Until Flags Owner Group Mode Links Size Name Type.", False),
                     ("You call it as you would in any other place and so on with pick() or with the others we have.", False)]:
    print("ok" if read.is_prose(text) == wanted else "not ok", "prose:" if wanted else "no prose:", text[:40])
END
echo done
