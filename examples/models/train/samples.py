"""What the model learns from: book text, copies, and documents with facts and questions about them."""
import bisect
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
    #: Shares of documents with facts that have chains of variables, groups of similar keys, and several numbers of one key.
    chains: float = 0.15
    similar: float = 0.0
    several: float = 0.0
    #: Share of questions about two facts.
    both: float = 0.0
    #: Share of conversations of a few sentences a turn.
    talks: float = 0.0
    #: Share of texts that stand behind a turn of the system.
    system: float = 0.0


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
        if kind < self.mix.book + self.mix.copy + self.mix.talks:
            return self.talk(draw, length)
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
        found, in_turn, asked = {}, [], []
        if draw.random() < self.mix.chains:
            for _ in range(draw.randint(1, 2 if short else 4)):
                statements, question = tasks.chain(draw, draw.choice([0, 1, 1, 2]))
                in_turn.append(statements)
                asked.append(question)
        if draw.random() < self.mix.several:
            statements, question = tasks.several(draw)
            in_turn.append(statements)
            asked.append(question)
        if draw.random() < self.mix.similar:
            alike = tasks.similar(draw, draw.randint(3, min(8, max(3, questions))))
            found.update({one.about: one for one in alike})
            asked += [one.asked for one in draw.sample(alike, len(alike))]
        while len(found) < count:
            one = tasks.fact(draw, kind)
            if one.about in found:
                count -= 1
            else:
                found[one.about] = one
        statements = [one.statement for one in found.values()]
        draw.shuffle(statements)
        for several in in_turn:
            places = sorted(draw.randrange(len(statements) + 1) for _ in several)
            for offset, (place, statement) in enumerate(zip(places, several)):
                statements.insert(place + offset, statement)
        rest = [one for one in found.values() if one.asked not in asked]
        draw.shuffle(rest)
        while rest:
            one = rest.pop()
            twice = rest and draw.random() < self.mix.both
            asked.append(tasks.both(one, rest.pop()) if twice else one.asked)
        # What is rare is asked first.
        asked = asked[:questions]
        draw.shuffle(asked)
        return statements, asked

    def questions(self, asked):
        """The turns that ask and answer; the first one closes the turn that the document began."""
        line, user, assistant = self.encode("\n"), self.encode("user\n"), self.encode("assistant\n")
        ids, weights = [], []
        for i, one in enumerate(asked):
            turn = [*([self.start, *user] if i else line), *self.encode(one.question), self.end, *line]
            turn += [self.start, *assistant]
            said, said_weights = self.answer(one)
            ids += turn + said
            weights += [CONTROL] * len(turn) + said_weights
        return ids, weights

    def answer(self, one):
        """What is said to a question, up to the end of the turn's line."""
        ids, weights = [], []
        for opening, value in one.answer:
            said, stated = self.encode(opening), self.encode(value and " " + value)
            ids += [*said, *stated]
            weights += [PLAIN] * len(said) + [VALUE] * len(stated)
        close, line = [*self.encode("."), self.end], self.encode("\n")
        return [*ids, *close, *line], [*weights, *[PLAIN] * len(close), *[CONTROL] * len(line)]

    def opening(self, draw):
        """What stands before the first text: a turn of the system, or nothing, and the beginning of the user's turn."""
        system = []
        if draw.random() < self.mix.system:
            said = self.encode(draw.choice(tasks.SYSTEMS))
            system = [self.start, *self.encode("system\n"), *said, self.end, *self.encode("\n")]
        return [*system, self.start, *self.encode("user\n")]

    def talk(self, draw, length):
        """
        Turns of a few sentences: facts, and a question about one of them or of an earlier turn; or no question, or one about
        what stands nowhere.
        """
        line, user, assistant = self.encode("\n"), self.encode("user\n"), self.encode("assistant\n")
        ids = self.opening(draw)
        weights, known = [0.0] * len(ids), {}
        while True:
            told = [tasks.fact(draw) for _ in range(draw.choice([0, 1, 1, 1, 1, 2, 2, 3]))]
            told = [one for one in told if one.about not in known]
            known.update({one.about: one for one in told})
            text = self.encode(" ".join(one.statement for one in told))
            if draw.random() < 0.3:
                around = self.haystack(draw, draw.randint(4, 40))
                text = [*text, *around] if draw.random() < 0.5 else [*around, *self.encode("\n"), *text]
            one = tasks.fact(draw)
            asked, answer = one.question, tasks.UNSTATED
            if one.about in known or (known and draw.random() < 0.96):
                one = draw.choice(told if told and draw.random() < 0.7 else list(known.values()))
                asked, answer = one.question, one.asked
            if text and draw.random() < 0.1:
                asked, answer = "", tasks.NOTED
            between = draw.choice(["\n", " "]) if text and asked else ""
            turn = [*self.encode(between + asked), self.end, *line, self.start, *assistant]
            said, said_weights = self.answer(answer)
            if len(ids) + len(text) + len(turn) + len(said) > length:
                return self.whole(ids, weights, length)
            ids = [*ids, *text, *turn, *said, self.start, *user]
            weights += [STATED] * len(text) + [CONTROL] * len(turn) + said_weights + [CONTROL] * (1 + len(user))

    def document(self, draw, length, most):
        """Facts as tokens, in their order, and the turns that ask about `most` of them at most."""
        line = self.encode("\n")
        statements, asked = self.facts(draw, length, most)
        lines = draw.random() < 0.25
        stated = [[*self.encode(("" if lines else " ") + one), *(line if lines else ())] for one in statements]
        return stated, *self.questions(asked)

    def ends(self, text):
        """Where sentences of a text end."""
        return [i + 1 for i, token in enumerate(text) if token in self.sentence_ends] or list(range(len(text) + 1))

    def asked(self, draw, length):
        """A document with facts at sentence ends, and several questions about them."""
        opening = self.opening(draw)
        while True:
            few = draw.randint(1, max(2, min(14, length // 48)))
            stated, ask, ask_weights = self.document(draw, length, few if length < 1000 else draw.randint(6, 24))
            room = length - len(ask) - len(opening) - sum(map(len, stated))
            if room >= 0:
                break
        text = self.haystack(draw, room) if room else []
        ends = self.ends(text)
        cuts = sorted(draw.choice(ends) for _ in stated)
        body, weights, at = [], [], 0
        for cut, fact in zip(cuts, stated):
            body += text[at:cut] + fact
            weights += [BOOK] * (cut - at) + [STATED] * len(fact)
            at = cut
        body += text[at:]
        weights += [BOOK] * (len(text) - at)
        ids = [*opening, *body, *ask]
        return self.whole(ids, [0.0] * len(opening) + weights + ask_weights, length)

    def long_text(self, draw, length):
        """A text without facts, for `written_over`."""
        opening = [self.start, *self.encode("user\n")]
        return opening + self.haystack(draw, length - len(opening))

    def written_over(self, draw, text, most):
        """
        Token ids and weights of a `long_text` that stays where it is: facts, those of a document of `most` tokens, stand in
        the place of what followed a sentence end, and the questions in that of its end.
        """
        stated, ask, ask_weights = self.document(draw, most, draw.randint(6, 24))
        ids, weights = list(text), [0.0] + [BOOK] * (len(text) - 1)
        last, left, free = len(text) - len(ask), sum(map(len, stated)), 4
        ends = self.ends(text)
        for place in sorted(draw.randrange(free, last - left) for _ in stated):
            fact = stated.pop(0)
            at = ends[min(bisect.bisect_left(ends, max(place, free)), len(ends) - 1)]
            if not free <= at <= last - left:
                at = free
            free, left = at + len(fact), left - len(fact)
            ids[at:free], weights[at:free] = fact, [STATED] * len(fact)
        ids[last:], weights[last:] = ask, ask_weights
        return ids, weights


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
