"""English paragraphs from the files of packages: one reader a format, and the rule that tells prose from the rest.

A reader takes the path of a file and returns its paragraphs, each without line breaks. Python's standard library is enough.
"""
import bz2
import gzip
import html
import pathlib
import re
import struct
import zlib

# Frequent words of English: a paragraph of prose has many of them, a table or a list of options few.
COMMON = set("""a about after all also an and any are as at be because been before but by can could day did do does down each even every
few first for from get give good great had has have he her here him his how i if in into is it its just know last like little long look
made make man many may me men more most much must my never new no not now of off on one only or other our out over own people place
same say see set she should so some still such take than that the their them then there these they thing this those three through time to
too two under until up upon us use used using very was way we well were what when where which while who will with without word work would
you your""".split())
CODE = ("::", "->", "()", "{{", "__")
ENDINGS = ".!?:;\"')]”’"


def is_prose(paragraph, shortest=60):
    words = paragraph.split()
    if len(paragraph) < shortest or len(words) < 10 or paragraph[-1] not in ENDINGS or any(mark in paragraph for mark in CODE):
        return False
    letters = sum(c.isalpha() or c == " " for c in paragraph)
    common = sum(word.strip(".,;:!?\"'()“”‘’").lower() in COMMON for word in words)
    return letters >= 0.80 * len(paragraph) and common >= 0.22 * len(words)


def read_text(path, encoding="utf-8"):
    data = pathlib.Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:3] == b"BZh":
        data = bz2.decompress(data)
    return data.decode(encoding, "replace").replace("\r\n", "\n")


def joined(text):
    return " ".join(text.replace("\0", " ").split())


def split_paragraphs(text):
    return [p for p in (joined(p) for p in re.split(r"\n[ \t]*\n", text)) if p]


def plain(path):
    return split_paragraphs(read_text(path))


def plain_latin1(path):
    return split_paragraphs(read_text(path, "latin-1"))


def book(path):
    """A novel as text: underscores that stand for italics go."""
    return split_paragraphs(read_text(path).replace("_", ""))


def one_paragraph(path):
    return [joined(read_text(path))]


HTML_DROP = re.compile(r"<(script|style|head|nav|pre|programlisting|screen|synopsis|footer|svg|math|table class=\"docutils)\b[^>]*>.*?</\1\s*>",
                       re.S | re.I)
HTML_BLOCK = re.compile(r"</?(?:p|div|li|ul|ol|dl|dt|dd|h[1-6]|td|th|tr|table|br|hr|pre|section|blockquote|para|title|item|page|body)\b[^>]*>",
                        re.I)


def html_paragraphs(text):
    text = HTML_DROP.sub("\0", re.sub(r"<!--.*?-->", "", text, flags=re.S))
    text = HTML_BLOCK.sub("\0", re.sub(r"\s+", " ", text))
    text = html.unescape(re.sub(r"<[^>]*>", "", text)).replace("¶", "")
    return [p for p in (joined(p) for p in text.split("\0")) if p]


def web(path):
    return html_paragraphs(read_text(path))


def preformatted_web(path):
    """A page that is one <pre>: the tags go, blank lines part the paragraphs."""
    return split_paragraphs(html.unescape(re.sub(r"<[^>]*>", "", read_text(path))))


def pod(path):
    text = re.sub(r"^=\w+.*$", "\n", read_text(path), flags=re.M)
    text = re.sub(r"^[ \t].*$", "", text, flags=re.M)
    text = re.sub(r"[A-Z]<<+ (.*?) >+>", r"\1", text, flags=re.S)
    for _ in range(4):  # codes inside codes
        text = re.sub(r"L<(?:[^|<>]*\|)?([^<>]*)>", r"\1", text)
        text = re.sub(r"E<lt>", "\x01", re.sub(r"E<gt>", "\x02", text))
        text = re.sub(r"[A-Z]<([^<>]*)>", r"\1", text)
    return split_paragraphs(text.replace("\x01", "<").replace("\x02", ">"))


ROFF_GLYPHS = {r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\(lq": "“", r"\(rq": "”", r"\(oq": "‘", r"\(cq": "’", r"\(em": "—", r"\(en": "-",
               r"\(co": "©", r"\(bu": "", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~", r"\(rs": "\x01", r"\e": "\x01", r"\&": "", r"\ ": " ",
               r"\~": " ", r"\|": "", r"\^": "", r"\:": "", r"\%": "", r"\c": ""}


def roff(path):
    """A manual page: requests that mark words keep their words, those that begin something part paragraphs."""
    lines, literal = [], False
    for line in read_text(path).split("\n"):
        request = re.match(r"[.'][ \t]*(\\?[\w\"]*)[ \t]*(.*)", line)
        name, rest = request.groups() if request else ("", line)
        if name in ("nf", "EX", "TS", "EQ"):
            literal = True
        elif name in ("fi", "EE", "TE", "EN"):
            literal = False
        if literal or line.startswith(("." + '\\"', "'" + '\\"')):
            continue
        if not request:
            lines.append(line)
        elif name in ("B", "I", "BR", "BI", "IR", "IB", "RB", "RI", "SM", "SB"):
            words = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', rest)]
            lines.append(("" if len(name) == 2 and name[0] != "S" else " ").join(words))
        else:
            lines.append("")
    text = re.sub(r"\\f(?:\[[^]]*\]|\(..|.)|\\s[-+]?\d+", "", "\n".join(lines))
    text = re.sub(r"\\(?:\((?:aq|dq|lq|rq|oq|cq|em|en|co|bu|ga|ha|ti|rs)|[-e& ~|^:%c])", lambda m: ROFF_GLYPHS[m.group(0)], text)
    text = re.sub(r"\\\*?(?:\[[^]]*\]|\(..)|\\\".*", "", text).replace("\x01", "\\")
    return split_paragraphs(text)


def endless_sky(path):
    return [joined(re.sub(r"<[^>]*>", "", p)) for p in re.findall(r"`(.*?)`", read_text(path), flags=re.S)]


def crawl(path):
    entries = re.sub(r"^(#.*|%%%%.*|\{\{.*?\}\}|<.*?>)$", "", read_text(path), flags=re.M)
    entries = re.sub(r"</?\w+>", "", entries)
    return [re.sub(r"^w:\d+ ", "", p) for p in split_paragraphs(entries) if "@" not in p and "w:" not in p[2:]]


def crossfire(path):
    messages = re.findall(r"^msg\n(.*?)^endmsg$", read_text(path), flags=re.S | re.M)
    lines = re.sub(r"^@.*$", "\n", "\n\n".join(messages), flags=re.M)
    return split_paragraphs(re.sub(r"\[/?\w+(?:=[^]]*)?\]", "", lines))


def colobot(path):
    text = re.sub(r"^\\[sc];.*$", "", read_text(path), flags=re.M)
    text = re.sub(r"\\(?:u|image|key|button) [^;]*;", "", text)
    return [joined(line) for line in re.sub(r"\\\w+;", "", text).split("\n") if line.strip() and "\\" not in line]


def wesnoth(path):
    strings = re.findall(r'_ ?"((?:[^"]|"")*)"', read_text(path))
    strings = [re.sub(r"<[^>]*>|\^\S*", "", s).replace('""', '"') for s in strings]
    return [p for s in strings for p in split_paragraphs(s)]


def opticks(path):
    text = read_text(path)
    return split_paragraphs(text[text.index("_Part of the ensuing Discourse"):].replace("_", ""))


def devil(path):
    """The first entries of the file describe the file itself."""
    return plain_latin1(path)[6:]


def sword(folder):
    """A module of compressed text in blocks (zText), its entries in order: the verses of a Bible without notes and titles."""
    verses = []
    for testament in ("ot", "nt"):
        blocks, index, data = ((pathlib.Path(folder) / f"{testament}.bz{kind}").read_bytes() for kind in "svz")
        text = [zlib.decompress(data[at:at + size]) for at, size, _ in struct.iter_unpack("<III", blocks)]
        for block, at, size in struct.iter_unpack("<IIH", index[:len(index) // 10 * 10]):
            verse = text[block][at:at + size].decode("utf-8", "replace") if size else ""
            verse = re.sub(r"<note\b.*?</note>|<title\b.*?</title>|</?l\b[^>]*>", " ", verse, flags=re.S)
            verse = joined(html.unescape(re.sub(r"<[^>]*>", "", verse)))
            if re.search(r"[a-z]", verse) and not (verses and verses[-1] == verse):
                verses.append(re.sub(r" ([,.;:!?”’])", r"\1", verse))
    return verses


def r_strings(path):
    """The character vectors of an R lazy-load database, in the order of their names."""
    data, at, vectors = pathlib.Path(path).read_bytes(), 0, []
    while at < len(data):
        unpacker = zlib.decompressobj()
        chunk = unpacker.decompress(data[at + 4:])
        at = len(data) - len(unpacker.unused_data)
        vector = chunk.find(b"\x00\x00\x00\x10", 14) if chunk[:2] == b"X\n" else -1
        if vector < 0:
            continue
        count, position, strings = struct.unpack_from(">i", chunk, vector + 4)[0], vector + 8, []
        for _ in range(count):
            length = struct.unpack_from(">i", chunk, position + 4)[0]
            strings.append(chunk[position + 8:position + 8 + max(length, 0)].decode("utf-8"))
            position += 8 + max(length, 0)
        vectors.append(strings)
    return vectors
