"""Answers the questions of a file with a checkpoint, by its likeliest tokens: what `bench/checkpoint.ts` compares with.

    python3 answer.py NAME WEIGHTS ITEMS.json ANSWERS.json

ITEMS: [{text, question}]. ANSWERS: [{ids, answer}], token ids of the prompt and of the answer without its end.
"""
import json
import sys

import torch

from model import SHAPES, Model
from tokenizer import Tokenizer
from train import HERE

MOST = 48


@torch.no_grad()
def answer(model, ids, stop):
    """Reads the prompt once, then one row a token."""
    prompt = torch.tensor([ids])
    kept = model.keys_and_values(prompt, torch.arange(len(ids))[None])
    said = []
    while len(said) < MOST:
        so_far = torch.tensor([[*ids, *said]])
        places = torch.arange(so_far.shape[1])[None]
        # Rows since the prompt are read again each time: answers are short.
        missing = so_far.shape[1] - kept[0][0].shape[2]
        longer = [[torch.nn.functional.pad(each, (0, 0, 0, missing)) for each in layer] for layer in kept]
        rows = torch.arange(min(len(ids) - 1, so_far.shape[1] - 1), so_far.shape[1])
        token = model.logits(model.rows(so_far, places, rows, longer))[0, -1].argmax().item()
        if token == stop:
            break
        said.append(token)
    return said


if __name__ == "__main__":
    name, weights, items, out = sys.argv[1:5]
    tokenizer = Tokenizer.load(HERE / "tokenizer.json")
    model = Model(SHAPES[name])
    model.load_state_dict(torch.load(weights, map_location="cpu"))
    model.float().eval()
    answers = []
    with open(items, encoding="utf-8") as file:
        for item in json.load(file):
            ids = tokenizer.encode(
                f"<|im_start|>user\n{item['text']}\n{item['question']}<|im_end|>\n<|im_start|>assistant\n"
            )
            answers.append({"ids": ids, "answer": answer(model, ids, tokenizer.special["<|im_end|>"])})
            print(len(answers), tokenizer.decode(answers[-1]["answer"]), flush=True)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(answers, file)
