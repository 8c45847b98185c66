#!/usr/bin/env python3
"""Writes test/fixtures/tokenizers/words.json and book-reader.json.

words.json: how the patterns of published tokenizer.json files cut hard texts, by Python's `regex` module.
book-reader.json: the ids of the bundled model for the same texts, by a byte-pair merge that looks for the best pair
again after every merge.

Run from the repository with Debian's python3-regex: python3 test/golden/tokenizer-vectors.py
"""
import json
import pathlib
import random
import struct

import regex

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test/fixtures/tokenizers"

CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
HEAD = r"[^\r\n\p{L}\p{N}]?"
PATTERNS = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "qwen2": [rf"{CONTRACTION}|{HEAD}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}"],
    "qwen35": [rf"{CONTRACTION}|{HEAD}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{SPACES}"],
    "llama-bpe": [rf"{CONTRACTION}|{HEAD}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}"],
    "tekken": [
        rf"{HEAD}{UPPER}*{LOWER}+|{HEAD}{UPPER}+{LOWER}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{SPACES}"
    ],
    "gpt-4o": [
        rf"{HEAD}{UPPER}*{LOWER}+{CONTRACTION}?|{HEAD}{UPPER}+{LOWER}*{CONTRACTION}?|\p{{N}}{{1,3}}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{SPACES}"
    ],
}

TEXTS = [
    "Hello, world! It's 1234567 o'clock; WE'LL go, I'D SAY, you'Re 'ſtill 'sT'LL. it'ſtill x'ſ",
    "½ ⅓ x² ٣٤٥ ৪৫৬ 12½3 Ⅷ ①② 3.14159 1,000,000 0x1F600",
    "naïve café déjà vu — Ångström ﬁne ǅungla İstanbul ẞtraße e\u0301 a\u0308\u0304 ക്ഷ",
    "我想在apple工作1314151天～ 日本語のテキスト。한국어 텍스트입니다! ไทยไม่มีช่องว่าง",
    "🚀 (normal) 😶‍🌫️ 👩‍👩‍👧‍👦🇩🇪🇫🇷 ❤️✅ \U0001F9D1\U0001F3FD‍\U0001F4BB x🙂y",
    "tabs\tand  two spaces   three\t\t mixed \t \n\n\n  indented\n\ttabbed\r\n\r\nwindows\rold mac \n",
    "non\u00a0breaking\u2009thin\u3000wide\u0085next\u2028line\u2029para\ufeffbom\u200bzero\u001cfs\u180emvs",
    "def f(x):\n    if x > 0:\n        return [i**2 for i in range(x)]  # squares\n\n\nclass A:\n\tpass\n",
    "{\"a\": [1, 2.5e-3, null], \"b\": \"c\\n\\\"d\\\"\"}/* x */// y\n<a href='http://x.y/z?q=1&r=2'>ok</a>",
    "''''''```````\"\"\"\"......!!!!!!?????? ------======= @@@@ #### $$$ %%% ^^^ &&& *** ((( )))",
    "camelCaseHTTPServer snake_case_word SCREAMING_CASE McDonald's O'Neil'S iPhone12Pro HTML5",
    "\x00\x01\x02 control \x7f bytes \u0378 unassigned \ue000 private \ufffd replacement \ufdd0",
    " ", "  ", "\n", "\n\n", "\t", " \n ", "\r\n", "a", " a", "  a", "a ", "a  ", "'", "'s", " 's", "''s", "1", " 1", " 12 3",
    "word" + " " * 60 + "word" + "\n" * 30 + " " * 17 + "\n" + " " * 9 + "x",
    "a" * 300, "ab" * 200, "!" * 100, "1" * 100, "é" * 50, "字" * 100, "🦙" * 40,
]


def random_texts(count):
    rng = random.Random(7)
    alphabet = (
        list(" \n\t\r") * 6
        + list("abzABZ'’sStTdDmM") * 2
        + list("019½²٣一あカ한ไé\u0301ſßǅ.,;:!?()[]{}<>|/\\-_=+*&^%$#@~`\"")
        + ["🦙", "👍🏽", "\u00a0", "\u3000", "\u0085", "\ufeff", "\u200d", "'ll", "'RE", " the", " of", "ing"]
    )
    return ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 80))) for _ in range(count)]


def cut(text, patterns):
    if not patterns:
        return [text]
    out, at = [], 0
    for match in regex.finditer(patterns[0], text):
        if match.start() > at:
            out += cut(text[at : match.start()], patterns[1:])
        if match.end() > match.start():
            out += cut(match.group(), patterns[1:])
        at = match.end()
    return out + (cut(text[at:], patterns[1:]) if at < len(text) else [])


def metadata(path):
    """String arrays of a GGUF file's metadata."""
    file = path.open("rb")
    unpack = lambda form: struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))[0]
    string = lambda: file.read(unpack("Q")).decode()
    forms = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}

    def value(kind):
        if kind == 8:
            return string()
        if kind == 9:
            inner = unpack("I")
            return [value(inner) for _ in range(unpack("Q"))]
        return unpack(forms[kind])

    assert file.read(4) == b"GGUF" and unpack("I") == 3
    unpack("Q")
    return {string(): value(unpack("I")) for _ in range(unpack("Q"))}


def byte_symbols():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def merge(word, ranks, symbols):
    parts = [symbols[b] for b in word.encode()]
    while True:
        ranked = [(ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in ranks]
        if not ranked:
            return parts
        i = min(ranked)[1]
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def main():
    texts = TEXTS + random_texts(120)
    words = {name: [cut(text, patterns) for text in texts] for name, patterns in PATTERNS.items()}
    (FIXTURES / "words.json").write_text(json.dumps({"texts": texts, "words": words}) + "\n")

    model = metadata(ROOT / "examples/models/book-reader-5m-Q8_0.gguf")
    ids = {token: i for i, token in enumerate(model["tokenizer.ggml.tokens"])}
    ranks = {tuple(pair.split(" ")): i for i, pair in enumerate(model["tokenizer.ggml.merges"])}
    symbols = byte_symbols()
    encoded = [
        [ids[part] for word in cut(text, PATTERNS["qwen2"]) for part in merge(word, ranks, symbols)] for text in texts
    ]
    (FIXTURES / "book-reader.json").write_text(json.dumps({"texts": texts, "ids": encoded}) + "\n")


main()
