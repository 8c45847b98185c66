"""Byte-level BPE with single digits and the pre-tokeniser that llama.cpp calls `qwen2`.

    python3 tokenizer.py OUT.json      learns 4,096 tokens from the training books and from texts with facts
"""
import collections
import json
import random
import sys

import regex

PIECES = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VOCABULARY = 4096
#: Characters of each book that merges are learned from.
SHARE = 700_000
#: Questions and answers among them.
EXAMPLES = 6000


def byte_letters():
    """GPT-2's printable letter for every byte: the printable ones stand for themselves."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain}
    letters.update({byte: chr(256 + i) for i, byte in enumerate(rest)})
    return letters


LETTERS = byte_letters()
BYTES = {letter: byte for byte, letter in LETTERS.items()}


def spelled(piece):
    return [LETTERS[byte] for byte in piece.encode()]


def learn_merges(text, count):
    """The `count` best merges of `text`: the most frequent pair each time, the greater pair among equals."""
    pieces = collections.Counter(PIECES.findall(text))
    words = [spelled(piece) for piece in pieces]
    counts = list(pieces.values())
    pairs = collections.Counter()
    holders = collections.defaultdict(set)
    for i, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pairs[pair] += counts[i]
            holders[pair].add(i)
    merges = []
    while len(merges) < count:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for i in list(holders[best]):
            word = words[i]
            for pair in zip(word, word[1:]):
                pairs[pair] -= counts[i]
            words[i] = merged(word, best)
            for pair in zip(words[i], words[i][1:]):
                pairs[pair] += counts[i]
                holders[pair].add(i)
        del pairs[best]
        holders.pop(best, None)
    return merges


def merged(word, pair):
    out, i = [], 0
    while i < len(word):
        both = i + 1 < len(word) and (word[i], word[i + 1]) == pair
        out.append(pair[0] + pair[1] if both else word[i])
        i += 2 if both else 1
    return out


class Tokenizer:
    def __init__(self, learned):
        self.vocabulary = learned["vocab"]
        self.merges = learned["merges"]
        self.special = {text: self.vocabulary.index(text) for text in learned["special"]}
        self._ids = {text: i for i, text in enumerate(self.vocabulary)}
        self._ranks = {tuple(pair): i for i, pair in enumerate(self.merges)}
        self._controls = regex.compile("(" + "|".join(map(regex.escape, learned["special"])) + ")")
        self._known = {}

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file))

    def _piece(self, piece):
        found = self._known.get(piece)
        if found is None:
            word = spelled(piece)
            while len(word) > 1:
                at = min(range(len(word) - 1), key=lambda i: self._ranks.get((word[i], word[i + 1]), 1 << 30))
                if (word[at], word[at + 1]) not in self._ranks:
                    break
                word[at : at + 2] = [word[at] + word[at + 1]]
            found = self._known[piece] = [self._ids[letter] for letter in word]
        return found

    def encode(self, text):
        """Token ids; the special tokens' spellings become those tokens."""
        out = []
        for part in self._controls.split(text):
            if part in self.special:
                out.append(self.special[part])
            else:
                for piece in PIECES.findall(part):
                    out += self._piece(piece)
        return out

    def decode(self, ids):
        spelt = (self.vocabulary[i] for i in ids)
        return b"".join(
            text.encode() if text in self.special else bytes(BYTES[letter] for letter in text) for text in spelt
        ).decode("utf-8", "replace")


def learn(out):
    import corpus
    import tasks

    draw = random.Random(1)
    text = "".join(corpus.training_book(name)[:SHARE] for name in corpus.TRAINING)
    text += "\n".join(tasks.spelled_out(draw) for _ in range(EXAMPLES))
    merges = learn_merges(text, VOCABULARY - 256 - len(SPECIAL))
    vocabulary = [LETTERS[byte] for byte in range(256)] + [a + b for a, b in merges] + list(SPECIAL)
    learned = {"vocab": vocabulary, "merges": merges, "special": list(SPECIAL)}
    sample = corpus.held_out()[:20_000]
    tokenizer = Tokenizer(learned)
    ids = tokenizer.encode(sample)
    assert tokenizer.decode(ids) == sample
    with open(out, "w", encoding="utf-8") as file:
        json.dump(learned, file)
    print(f"{out}: {len(vocabulary)} tokens, {len(sample) / len(ids):.2f} characters a token on the held-out book")


if __name__ == "__main__":
    learn(sys.argv[1])
