"""Needles in the held-out book, asked of a checkpoint: what the log tells of. The figures of the card come from the engine.

    python3 needles.py NAME WEIGHTS 1024,4096,16384 [ITEMS]
"""
import random
import sys

import torch

import corpus
import tasks

DEPTHS = (0.05, 0.25, 0.5, 0.75, 0.95)
KINDS = ("num", "magic", "proj", "city")


@torch.no_grad()
def found(model, tokenizer, length, items=20, seed=99):
    """`right/items`: values that are the likeliest tokens throughout, one fact in a text of `length` tokens."""
    encode = tokenizer.encode
    start, end = tokenizer.special["<|im_start|>"], tokenizer.special["<|im_end|>"]
    book = encode(corpus.held_out())
    device = next(model.parameters()).device
    right = 0
    for item in range(items):
        draw = random.Random(f"{seed} {length} {item}")
        fact = tasks.fact(draw, KINDS[item % len(KINDS)])
        stated, value = encode(" " + fact.statement), encode(f" {fact.value}.")
        user, line, assistant = encode("user\n"), encode("\n"), encode("assistant\n")
        ask = [*line, *encode(fact.question), end, *line, start, *assistant, *encode(fact.opening)]
        room = length - len(stated) - len(ask) - len(value) - 1 - len(user)
        at = draw.randrange(len(book) - room)
        text = book[at : at + room]
        cut = int(room * DEPTHS[item % len(DEPTHS)])
        while 0 < cut < room - 1 and tokenizer.vocabulary[text[cut - 1]] != ".":
            cut += 1
        ids = torch.tensor([[start, *user, *text[:cut], *stated, *text[cut:], *ask, *value]], device=device)
        places = torch.arange(ids.shape[1], device=device)[None]
        kept = model.keys_and_values(ids, places)
        rows = places[0, -len(value) - 1 : -1]
        said = model.logits(model.rows(ids, places, rows, kept))[0].argmax(-1)
        right += int(said.tolist() == value)
    return f"{right}/{items}"


if __name__ == "__main__":
    from model import SHAPES, Model
    from tokenizer import Tokenizer
    from train import HERE

    name, weights, lengths = sys.argv[1:4]
    model = Model(SHAPES[name])
    model.load_state_dict(torch.load(weights, map_location="cpu"))
    tokenizer = Tokenizer.load(HERE / "tokenizer.json")
    for length in map(int, lengths.split(",")):
        print(length, found(model.float(), tokenizer, length, int(sys.argv[4]) if len(sys.argv) > 4 else 20), flush=True)
