"""Trains a model of SHAPES by its stages in recipe.json, or the next piece of it: what make.py calls.

Every step draws its samples from the seed, the stage and its own number, so that a run that was cut into pieces has the
same samples as one that was not. Beside NAME.state.pt, which it goes on from, it writes NAME.bf16.pt (weights only) and
NAME.log.jsonl: a line every ten steps, and needles on the held-out book at the end of every stage.
"""
import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import needles
from model import SHAPES, Model
from optimiser import Optimiser
from samples import BOOK, COPIED, PLAIN, VALUE, Mix, Sampler, positions
from tokenizer import Tokenizer

HERE = Path(__file__).parent


def arguments():
    parser = argparse.ArgumentParser(description="From the books to a GGUF file, piece by piece.")
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=HERE / "build")
    parser.add_argument("--from", dest="weights", type=Path, help="weights to begin with instead of random ones")
    parser.add_argument("--at", help="name of the stage to begin with: for --from")
    parser.add_argument("--stages", type=Path, default=HERE / "recipe.json")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def rate_at(step, steps):
    """Share of the full rate: a short rise, a plateau, and a fall over the last two fifths."""
    return min(1, (step + 1) / 60) * min(1, max(0.03, (1 - step / steps) / 0.4))


def longest(stage):
    return max(*stage.get("lengths", [0]), *(length for length, _ in stage.get("batches", [(0, 0)])))


class Training:
    def __init__(self, given):
        self.given = given
        self.stages = json.loads(given.stages.read_text())[given.name]
        self.tokenizer = Tokenizer.load(HERE / "tokenizer.json")
        torch.manual_seed(given.seed)
        torch.set_num_threads(given.threads)
        self.model = Model(SHAPES[given.name]).to(given.device)
        self.stage, self.step, self.optimiser, self.sampler, self.kept = 0, 0, None, None, None
        given.folder.mkdir(parents=True, exist_ok=True)
        self.state_path = given.folder / f"{given.name}.state.pt"
        self.log_path = given.folder / f"{given.name}.log.jsonl"
        if self.state_path.exists():
            state = torch.load(self.state_path, map_location=given.device)
            self.model.load_state_dict(state["model"])
            self.stage, self.step, self.saved = state["stage"], state["step"], state["optimiser"]
        else:
            self.saved = None
            if given.weights:
                self.model.load_state_dict(torch.load(given.weights, map_location=given.device))
            if given.at:
                self.stage = [stage["name"] for stage in self.stages].index(given.at)

    def log(self, **line):
        line = {"stage": self.stages[self.stage]["name"], "step": self.step, **line}
        print(json.dumps(line), flush=True)
        with self.log_path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self):
        whole = {"model": self.model.state_dict(), "stage": self.stage, "step": self.step}
        whole["optimiser"] = self.optimiser.state() if self.optimiser else None
        beside = self.state_path.with_suffix(".new")
        torch.save(whole, beside)
        beside.replace(self.state_path)
        short = {name: weight.to(torch.bfloat16) for name, weight in self.model.state_dict().items()}
        torch.save(short, self.given.folder / f"{self.given.name}.bf16.pt")

    def begin(self, stage):
        self.sampler = Sampler(self.tokenizer, Mix(**stage["mix"]))
        self.optimiser = Optimiser(self.model, stage["matrixRate"], stage["restRate"])
        if self.saved:
            self.optimiser.restore(self.saved)
            self.saved = None

    def narrow(self):
        device = self.given.device
        return torch.autocast(device, dtype=torch.bfloat16)

    def tensor(self, numbers):
        return torch.tensor(numbers, device=self.given.device)

    def draw(self, stage, what):
        return random.Random(f"{self.given.seed} {stage['name']} {what}")

    def short(self, draw, length, batch, reach):
        """Last hidden states of a batch, and what should follow them: token ids and their weights (batch, length)."""
        drawn = [self.sampler.draw(draw, length + 1) for _ in range(batch)]
        places = self.tensor(np.stack([positions(draw, length, reach) for _ in drawn]))
        ids, weights = (self.tensor([one[i] for one in drawn]) for i in (0, 1))
        return self.model(ids[:, :-1], places), ids[:, 1:], weights[:, 1:]

    def text(self, stage):
        """A long text, its positions and its keys and values, which a few steps share."""
        turn = (stage["name"], self.step // stage["shared"])
        if self.kept is None or self.kept[0] != turn:
            draw = self.draw(stage, f"text {turn[1]}")
            length = stage["lengths"][turn[1] % len(stage["lengths"])]
            text = self.sampler.long_text(draw, length + 1)
            places = self.tensor(positions(draw, length, stage["reach"]))[None]
            self.kept = (turn, text, places, self.model.keys_and_values(self.tensor([text[:-1]]), places))
        return self.kept[1:]

    def long(self, stage, draw):
        """The same of the rows of facts and questions in one long text; the rest is given, and does not learn."""
        text, places, kept = self.text(stage)
        drawn, weights = self.sampler.written_over(draw, text, stage["facts"])
        ids, weights = self.tensor([drawn]), self.tensor([weights])
        behind = 8
        near = F.pad((weights[0, :-1] != BOOK).float(), (behind, 0))
        rows = F.max_pool1d(near[None, None], behind + 1, 1)[0, 0].nonzero()[:, 0]
        hidden = self.model.rows(ids[:, :-1], places, rows, kept)
        return hidden, ids[:, 1:][:, rows], weights[:, 1:][:, rows]

    def drawn(self, stage, draw):
        """What a step learns from: a long text, if the stage has any, and a batch of short ones, if it has any."""
        if "shared" in stage:
            yield lambda: self.long(stage, draw)
        if "batches" in stage:
            length, batch = stage["batches"][self.step % len(stage["batches"])]
            yield lambda: self.short(draw, length, batch, stage["reach"])

    def learn(self, stage):
        """Adds the gradients of a step; what was seen of it."""
        draw = self.draw(stage, self.step)
        seen = {}
        for of in self.drawn(stage, draw):
            loss, figures = self.loss(draw, of)
            loss.backward()
            for key, value in {"loss": loss.item(), **figures}.items():
                seen.setdefault(key, []).append(value)
        return seen

    def loss(self, draw, of):
        with self.narrow():
            hidden, target, counted = of()
            device = hidden.device
            counted, target = counted.reshape(-1), target.reshape(-1)
            # Three of ten plain tokens stand for all of them: the output matrix is what short samples cost most in.
            chosen = torch.tensor([draw.random() < 0.3 for _ in range(len(counted))], device=device)
            chosen = ((counted >= PLAIN) | chosen).nonzero()[:, 0]
            logits = self.model.logits(hidden.reshape(-1, hidden.shape[-1])[chosen])
        target, counted = target[chosen], counted[chosen]
        each = F.cross_entropy(logits.float(), target, reduction="none")
        share = counted * torch.where(counted >= PLAIN, 1.0, 1 / 0.3)
        right = logits.argmax(-1) == target
        mean = lambda which, what: what[counted == which].float().mean().item()
        seen = {"value": mean(VALUE, right), "copied": mean(COPIED, right), "book": mean(BOOK, each)}
        return (each * share).sum() / share.sum(), seen

    def run(self):
        end = time.time() + self.given.minutes * 60
        began = time.time()
        while self.stage < len(self.stages):
            stage = self.stages[self.stage]
            self.begin(stage)
            sums = {}
            while self.step < stage["steps"]:
                seen = self.learn(stage)
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimiser.step(rate_at(self.step, stage["steps"]))
                self.step += 1
                for key, values in seen.items():
                    sums.setdefault(key, []).extend(value for value in values if value == value)
                if self.step % 10 == 0:
                    means = {key: round(sum(values) / len(values), 4) for key, values in sums.items() if values}
                    self.log(**means, seconds=round(time.time() - began))
                    sums = {}
                if time.time() > end:
                    self.save()
                    return False
                if self.step % 200 == 0:
                    self.save()
            self.log(needles=needles.found(self.model, self.tokenizer, min(longest(stage), 4096)))
            self.stage, self.step, self.optimiser = self.stage + 1, 0, None
            self.save()
        return True
