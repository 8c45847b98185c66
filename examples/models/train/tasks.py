"""Facts, questions about them, and the answers to learn. `test/support/facts.ts` draws the same forms to measure."""
from typing import NamedTuple

from words import ADJECTIVES, CITIES, FIRST, FOODS, JOBS, LAST, OBJECTS, PLACES, THINGS


class Asked(NamedTuple):
    """A question and its answer: what is said up to each value, and the value, which is what is weighed most."""

    question: str
    answer: tuple


class Fact(NamedTuple):
    #: What it is about: two facts of a document never share it.
    about: tuple
    statement: str
    question: str
    #: The answer up to its value.
    opening: str
    value: str

    @property
    def asked(self):
        return Asked(self.question, ((self.opening, self.value),))


KINDS = ("num", "num", "num", "city", "obj", "food", "job", "magic", "proj", "proj")


def digits(draw, count=None):
    return "".join(draw.choice("0123456789") for _ in range(count or draw.choice([4, 5, 6, 7])))


def person(draw):
    return f"{draw.choice(FIRST)} {draw.choice(LAST)}"


def invented(draw, syllables=None):
    """A word that no book has."""
    count = syllables or draw.choice([2, 3])
    body = "".join(draw.choice("bcdfghjklmnprstvz") + draw.choice("aeiou") for _ in range(count))
    return body + draw.choice(["", "n", "r", "s", "x"])


def number(draw, who=None, adjective=None, thing=None):
    who = who or person(draw)
    adjective = adjective or draw.choice(ADJECTIVES)
    thing = thing or draw.choice(THINGS)
    value = digits(draw)
    statement = draw.choice(
        [
            f"The {adjective} {thing} of {who} is {value}.",
            f"Remember that the {adjective} {thing} of {who} is {value}.",
            f"{who} wrote down the {adjective} {thing}: {value}.",
        ]
    )
    question = f"What is the {adjective} {thing} of {who}?"
    return Fact(("num", who, adjective, thing), statement, question, f"The {adjective} {thing} of {who} is", value)


def magic(draw):
    city, value = draw.choice(CITIES), digits(draw)
    statement = draw.choice(
        [
            f"One of the special magic numbers for {city} is: {value}.",
            f"The special magic number for {city} is {value}.",
            f"The magic number of {city} is {value}.",
        ]
    )
    question = draw.choice(
        [f"What is the special magic number for {city}?", f"What is the magic number of {city}?"]
    )
    return Fact(("magic", city), statement, question, f"The magic number of {city} is", value)


def note(draw):
    key = invented(draw)
    value = draw.choice([digits(draw), invented(draw, 3), draw.choice(CITIES)])
    statement = draw.choice(
        [f"The value of {key} is {value}.", f"Note: {key} = {value}.", f"The key {key} opens {value}."]
    )
    question = draw.choice(
        [f"What is the value of {key}?", f"What does the note say about {key}?", f"What is {key}?"]
    )
    return Fact(("proj", key), statement, question, f"The value of {key} is", value)


def home(draw):
    who, city = person(draw), draw.choice(CITIES)
    statement = draw.choice(
        [f"{who} lives in {city}.", f"{who} moved to {city} last year.", f"The home of {who} is in {city}."]
    )
    return Fact(("city", who), statement, f"Where does {who} live?", f"{who} lives in", city)


def place(draw):
    who = person(draw)  # Drawn and not used: seeds give the same texts as when the tokens were learned.
    del who
    thing, where = draw.choice(OBJECTS), draw.choice(PLACES)
    statement = draw.choice(
        [
            f"The {thing} is hidden in the {where}.",
            f"Somebody left the {thing} in the {where}.",
            f"You can find the {thing} in the {where}.",
        ]
    )
    return Fact(("obj", thing), statement, f"Where is the {thing}?", f"The {thing} is in the", where)


def food(draw):
    who, dish = person(draw), draw.choice(FOODS)
    statement = draw.choice([f"{who} loves to eat {dish}.", f"The favourite food of {who} is {dish}."])
    return Fact(("food", who), statement, f"What does {who} like to eat?", f"{who} likes to eat", dish)


def job(draw):
    who, work = person(draw), draw.choice(JOBS)
    statement = draw.choice([f"{who} works as a {work}.", f"The profession of {who} is {work}."])
    return Fact(("job", who), statement, f"What is the job of {who}?", f"{who} works as a", work)


MAKERS = {"num": number, "magic": magic, "proj": note, "city": home, "obj": place, "food": food, "job": job}


def fact(draw, kind=None):
    return MAKERS[kind or draw.choice(KINDS)](draw)


def similar(draw, count):
    """Numbers whose keys share most of their words: of one person, of people of one first or last name, of one thing."""
    who = person(draw)
    adjective, thing = draw.choice(ADJECTIVES), draw.choice(THINGS)
    shared = draw.choice(["person", "first", "last", "thing"])
    found = {}
    while len(found) < count:
        first, last = who.split(" ")
        one = {
            "person": lambda: number(draw, who=who),
            "first": lambda: number(draw, f"{first} {draw.choice(LAST)}", adjective, thing),
            "last": lambda: number(draw, f"{draw.choice(FIRST)} {last}", adjective, thing),
            "thing": lambda: number(draw, None, adjective, thing),
        }[shared]()
        found.setdefault(one.about, one)
    return list(found.values())


def chain(draw, hops):
    """
    Variables that are given one another's value. Answers their statements in order, and what is asked in the end: the
    answer goes back along the chain, so that each step is one of finding.
    """
    names = []
    while len(names) < hops + 1:
        name = "VAR " + "".join(draw.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(4))
        if name not in names:
            names.append(name)
    value = digits(draw, 5)
    statements = [f"{names[0]} = {value}."]
    statements += [f"{names[i]} = {names[i - 1]}." for i in range(1, hops + 1)]
    back = "".join(f"{name} = " for name in reversed(names)).rstrip()
    return statements, Asked(f"What is the value of {names[-1]}?", ((back, value),))


def both(one, other):
    """Two facts in one question."""
    return Asked(f"{one.question} {other.question}", ((one.opening, one.value), (f". {other.opening}", other.value)))


def several(draw):
    """Statements of three numbers of one key, and the question about all of them, in the order of the statements."""
    key = f"{draw.choice(ADJECTIVES)} {draw.choice(THINGS)} {person(draw)}"
    values = [digits(draw, 5) for _ in range(3)]
    statements = [f"One of the numbers for the {key} is {value}." for value in values]
    between = (f"The numbers for the {key} are", ",", " and")
    return statements, Asked(f"What are all the numbers for the {key}?", tuple(zip(between, values)))


#: What is said where nothing was asked.
NOTED = Asked("", (("Noted", ""),))
#: What is said where something was asked that stands nowhere.
UNSTATED = Asked("", (("The text does not say", ""),))

SYSTEMS = (
    "Answer from the book.",
    "Answer from the text.",
    "Answer briefly.",
    "You are a helpful assistant.",
    "Answer the question with the words of the text, and say nothing else.",
)


def spelled_out(draw):
    """A fact, its question and its answer, in ChatML."""
    one = fact(draw)
    return (
        f"{one.statement}\n<|im_start|>user\n{one.question}<|im_end|>\n"
        f"<|im_start|>assistant\n{one.opening} {one.value}.<|im_end|>\n"
    )
