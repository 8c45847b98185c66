"""What the model learns from: book text, copies, and documents with facts and questions about them."""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import corpus
import tasks

#: How much a token counts in the loss. Those of VALUE are what accuracy is told of.
CONTROL, STATED, BOOK, PLAIN, COPIED, VALUE = 0.05, 0.15, 0.3, 1.0, 2.0, 4.0


@dataclass(frozen=True)
class Mix:
    #: Shares of plain book text and of copies; the rest are questions about facts.
    book: float = 0.15
    copy: float = 0.10
    #: Shares of documents with facts that have chains of variables, and groups of similar keys.
    chains: float = 0.15
    similar: float = 0.0


class Sampler:
    def __init__(self, tokenizer, mix):
        self.encode = lru_cache(maxsize=100_000)(lambda text: tuple(tokenizer.encode(text)))
        self.mix = mix
        special = tokenizer.special
        self.start, self.end, self.stop = (special[name] for name in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"))
        self.books = [
            np.array(tokenizer.encode(corpus.training_book(name)), dtype=np.int64) for name in corpus.TRAINING
        ]
        ends = (".", "!", "?", '."', '!"', '?"', ".\u010a")
        self.sentence_ends = {i for i, text in enumerate(tokenizer.vocabulary) if text in ends}

    def haystack(self, draw, count):
        book = draw.choices(self.books, weights=[len(book) for book in self.books])[0]
        at = draw.randrange(len(book) - count - 1)
        return book[at : at + count].tolist()

    def whole(self, ids, weights, length):
        return (ids + [self.stop] * length)[:length], (weights + [0.0] * length)[:length]

    def draw(self, draw, length):
        """Token ids and their weights, `length` of each."""
        kind = draw.random()
        if kind < self.mix.book:
            return [self.stop] + self.haystack(draw, length - 1), [PLAIN] * length
        if kind < self.mix.book + self.mix.copy:
            return self.copied(draw, length)
        return self.asked(draw, length)

    def copied(self, draw, length):
        """A run of tokens that comes again behind some text."""
        count = draw.randint(8, max(9, (length - 2) // 3))
        book = draw.random() < 0.5
        run = self.haystack(draw, count) if book else [draw.randrange(256, 4000) for _ in range(count)]
        gap = self.haystack(draw, max(2, length - 2 * count - 1))[: max(0, length - 2 * count - 1)]
        weights = [0.0] + [BOOK] * (count + len(gap)) + [CONTROL] * 2 + [COPIED] * (count - 2)
        return self.whole([self.stop] + run + gap + run, weights, length)

    def facts(self, draw, length, questions):
        """What is stated, and what may be asked of it."""
        short = length < 1000
        dense = draw.random() < (0.35 if short else 0.15)
        spread = length // 22 if dense else max(questions, length // draw.choice([48, 96, 200] if short else [64, 128, 256, 512]))
        count = draw.randint(questions, max(questions, spread))
        kind = None if draw.random() < 0.6 else draw.choice(["num", "magic", "proj", "city", "obj"])
        found, chains, asked = {}, [], []
        if draw.random() < self.mix.chains:
            for _ in range(draw.randint(1, 2 if short else 4)):
                statements, question = tasks.chain(draw, draw.choice([1, 1, 2]))
                chains.append(statements)
                asked.append(question)
        if draw.random() < self.mix.similar:
            for one in tasks.similar(draw, draw.randint(3, min(8, max(3, questions)))):
                found[one.about] = one
        while len(found) < count:
            one = tasks.fact(draw, kind)
            if one.about in found:
                count -= 1
            else:
                found[one.about] = one
        statements = [one.statement for one in found.values()]
        draw.shuffle(statements)
        for chain in chains:
            places = sorted(draw.randrange(len(statements) + 1) for _ in chain)
            for offset, (place, statement) in enumerate(zip(places, chain)):
                statements.insert(place + offset, statement)
        rest = list(found.values())
        draw.shuffle(rest)
        # Chains are rare: where there are some, they are asked.
        asked = (asked + rest)[:questions]
        draw.shuffle(asked)
        return statements, asked

    def questions(self, asked):
        """The turns that ask and answer; the first one closes the turn that the document began."""
        line, user, assistant = self.encode("\n"), self.encode("user\n"), self.encode("assistant\n")
        ids, weights = [], []
        for i, one in enumerate(asked):
            turn = [*([self.start, *user] if i else line), *self.encode(one.question), self.end, *line]
            turn += [self.start, *assistant]
            opening, value = self.encode(one.opening), self.encode(" " + one.value)
            close = [*self.encode("."), self.end]
            ids += [*turn, *opening, *value, *close, *line]
            weights += [CONTROL] * len(turn) + [PLAIN] * len(opening) + [VALUE] * len(value)
            weights += [PLAIN] * len(close) + [CONTROL] * len(line)
        return ids, weights

    def asked(self, draw, length):
        """A document with facts at sentence ends, and several questions about them."""
        user, line = self.encode("user\n"), self.encode("\n")
        while True:
            few = draw.randint(1, max(2, min(14, length // 48)))
            statements, asked = self.facts(draw, length, few if length < 1000 else draw.randint(6, 24))
            ask, ask_weights = self.questions(asked)
            lines = draw.random() < 0.25
            stated = [
                [*self.encode(("" if lines else " ") + statement), *(line if lines else ())] for statement in statements
            ]
            room = length - len(ask) - 1 - len(user) - sum(map(len, stated))
            if room >= 0:
                break
        text = self.haystack(draw, room) if room else []
        ends = [i + 1 for i, token in enumerate(text) if token in self.sentence_ends] or list(range(len(text) + 1))
        cuts = sorted(draw.choice(ends) for _ in stated)
        body, weights, at = [], [], 0
        for cut, fact in zip(cuts, stated):
            body += text[at:cut] + fact
            weights += [BOOK] * (cut - at) + [STATED] * len(fact)
            at = cut
        body += text[at:]
        weights += [BOOK] * (len(text) - at)
        ids = [self.start, *user, *body, *ask]
        return self.whole(ids, [0.0] * (1 + len(user)) + weights + ask_weights, length)


def positions(draw, length, most):
    """
    Positions of `length` tokens below `most`: up to three places skip ahead, so that short samples teach far distances
    (PoSE, arXiv 2309.10400).
    """
    found = np.arange(length)
    skips = draw.choice([0, 1, 1, 2, 3])
    if most <= length or skips == 0:
        return found
    extra = draw.randint(length, most) - length
    cuts = sorted(draw.randrange(1, length) for _ in range(skips))
    shares = sorted(draw.random() for _ in range(skips))
    for cut, share in zip(cuts, np.diff([0, *shares])):
        found[cut:] += int(extra * share)
    return found
