"""Gates of `seer`: SeerAttention's for tiles (arXiv 2410.13276), SeerAttention-R's for single rows (arXiv 2506.08889).

python3 gates.py build/gate-samples.safetensors book-reader-5m-gates.safetensors [--epochs 30] [--seed 1]

Reads what `node bench/run.mjs gate-samples` wrote; minutes on one CPU core. The same seed, samples and PyTorch make the same
file. The papers' loss: how far a gate's softmax is from what dense attention gives to each block, over the sum of all. Where we
leave the papers: blocks that are read whatever the gates say are no part of either; a row counts for as much as it gives to the others;
what attention gives to a block is the sum of its probabilities (`--labels greatest`: the greatest, as in the papers); gates
begin as mean keys, not by chance, since six books are few.
"""
import argparse
import math

import torch
from torch import nn
from torch.nn import functional as F

from tensor_files import read, write

BLOCK = 64
#: Base of the model's own rotation.
MODEL_BASE = 1e6
#: Of the blocks that a row could read, those that count when recall is told.
SHARE = 1 / 8


def turned(x, base, positions):
    """Rotates (layers, n, heads, width) by the positions of n, channel i with i + width / 2."""
    half = x.shape[-1] // 2
    angles = (positions[:, None] * base ** (-torch.arange(half) / half))[:, None]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)


class Gate(nn.Module):
    """Logits (layers, n, askers, pages) of queries (layers, n, askers, width) and pooled keys (layers, pages, KV heads, 3 · channels)."""

    def __init__(self, layers, askers, width, kv_heads, pooled, gate, base, unit):
        super().__init__()
        self.base, self.gate = base, gate
        channels, pairs = pooled // 3, gate // 2
        # To begin with, what queries say to mean keys in the channels that turn as fast as the gate's own. Those which turn
        # round within a block have no mean.
        speed = base ** (-torch.arange(pairs) / pairs) / unit
        own = (-speed.log() / math.log(MODEL_BASE) * channels / 2).round().long().clamp(0, channels // 2 - 1)
        size = (speed * BLOCK < 2).float().repeat(2) * (gate / channels) ** 0.25
        own = torch.cat([own, own + channels // 2])
        q, k = torch.zeros(gate, width), torch.zeros(gate, pooled)
        for first in range(0, width, channels):
            q[torch.arange(gate), first + own] = size
        k[torch.arange(gate), 2 * channels + own] = size
        self.q = nn.Parameter(q.repeat(layers, askers, 1, 1))
        self.k = nn.Parameter(k.repeat(layers, kv_heads, 1, 1))

    def forward(self, queries, keys, positions, page_positions):
        q = turned(torch.einsum("lnhc,lhgc->lnhg", queries, self.q), self.base, positions)
        k = turned(torch.einsum("lphc,lhgc->lphg", keys, self.k), self.base, page_positions)
        k = k.repeat_interleave(q.shape[2] // k.shape[2], 2)
        return torch.einsum("lnhg,lphg->lnhp", q, k) / math.sqrt(self.gate)


class Passage:
    """What gates of a kind see of a passage, and what they are to say: tiles, or single rows."""

    def __init__(self, arrays, kind):
        self.keys = arrays["keys"]
        layers, pages, self.kv_heads, _ = self.keys.shape
        queries, blocks = arrays[f"{kind}.queries"], torch.arange(pages)
        if kind == "tile":
            #: Tiles are turned by block, rows by token.
            starts, turns, self.page_turns = blocks * BLOCK, blocks, blocks
        else:
            starts, turns, self.page_turns = arrays["row.at"], arrays["row.at"], blocks * BLOCK
            queries = queries.reshape(layers, len(starts), self.kv_heads, -1)
        #: (n, pages): what gates choose among. Nearer blocks are read anyway.
        among = blocks < (torch.div(starts, BLOCK, rounding_mode="floor") - 1)[:, None]
        #: Where there is nothing to choose there is nothing to learn.
        rows = among.sum(1) >= 2
        part = lambda what: arrays[f"{kind}.{what}"][:, rows] if f"{kind}.{what}" in arrays else None
        self.open, self.turns, self.queries = among[rows], turns[rows], queries[:, rows]
        self.greatest, self.mass, self.means = part("greatest"), part("mass"), part("means")

    def logits(self, gate):
        return gate(self.queries, self.keys, self.turns, self.page_turns)


def loss_of(gate, passage, labels):
    """KL of the labels, over their sum, and the gate's softmax, weighed by how much attention is given to what gates choose among."""
    closed = ~passage.open[:, None]
    label = (passage.mass if labels == "mass" else passage.greatest).masked_fill(closed, 0)
    label = (label + 1e-9).masked_fill(closed, 0)
    label = label / label.sum(-1, keepdim=True)
    said = F.log_softmax(passage.logits(gate).masked_fill(closed, -1e9), -1)
    each = (label * (label.clamp_min(1e-12).log() - said)).masked_fill(closed, 0).sum(-1)
    weight = passage.mass.masked_fill(closed, 0).sum(-1)
    return (each * weight).sum() / weight.sum()


def recall(scores, passage):
    """Mean share of attention that is read: what is near, and the best of an eighth of all blocks beside it, one list a KV head."""
    grouped = lambda x: x.unflatten(2, (passage.kv_heads, -1))
    scores, mass = grouped(scores).sum(3), grouped(passage.mass).mean(3)
    closed = ~passage.open[:, None]
    room = (SHARE * (passage.open.sum(1) + 2)).floor().sub(2).clamp_min(0).long()
    ranked = scores.masked_fill(closed, -1e9).argsort(-1, descending=True)
    best = mass.masked_fill(closed, 0).gather(-1, ranked).cumsum(-1)
    found = best.gather(-1, (room - 1).clamp_min(0)[:, None, None].expand(*best.shape[:3], 1))[..., 0]
    missed = mass.masked_fill(closed, 0).sum(-1) - found * (room > 0)[:, None]
    return 1 - missed[:, room > 0].mean().item()


def softmaxed(logits, passage):
    return F.softmax(logits.masked_fill(~passage.open[:, None], -1e9), -1)


def told(gate, passages):
    """Recall of gates, of mean keys where they are known, and of the blocks that have most."""
    by = {"gates": lambda p: softmaxed(p.logits(gate), p), "most": lambda p: p.mass}
    if passages[0].means is not None:
        by["mean keys"] = lambda p: softmaxed(p.means, p)
    with torch.no_grad():
        return {name: sum(recall(f(p), p) for p in passages) / len(passages) for name, f in by.items()}


def train(kind, passages, options, width, base):
    """Gates for tiles or rows, all layers at once: no layer's gates see another's."""
    mine = {key: [Passage(arrays, kind) for arrays in own] for key, own in passages.items()}
    training, held = mine["training"], mine["held-out"]
    layers, _, askers, channels = training[0].queries.shape
    unit = BLOCK if kind == "tile" else 1
    gate = Gate(layers, askers, channels, training[0].kv_heads, training[0].keys.shape[3], width, base, unit)
    optimiser = torch.optim.AdamW(gate.parameters(), lr=options.rate, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.rate, total_steps=options.epochs * len(training), pct_start=0.1
    )
    for epoch in range(options.epochs):
        total = 0.0
        for n in torch.randperm(len(training)).tolist():
            loss = loss_of(gate, training[n], options.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() / len(training)
        if (epoch + 1) % 5 == 0:
            with torch.no_grad():
                other = sum(loss_of(gate, p, options.labels).item() for p in held) / len(held)
            found = told(gate, held)["gates"]
            print(f"{kind} epoch {epoch + 1}: loss {total:.4f}, held out {other:.4f}, found {found:.3f}", flush=True)
    gate.half().float()
    for key, own in mine.items():
        print(kind, key, " ".join(f"{name} {value:.3f}" for name, value in told(gate, own).items()), flush=True)
    return gate


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("samples")
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--labels", choices=["mass", "greatest"], default="mass")
    #: Channels of a gate, and bases of its rotation: by block for tiles, by token for rows.
    parser.add_argument("--width", type=int, default=18)
    parser.add_argument("--row-width", type=int, default=32)
    parser.add_argument("--base", type=float, default=1e4)
    parser.add_argument("--row-base", type=float, default=1e6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    arrays, _ = read(options.samples)
    passages = {"training": {}, "held-out": {}}
    for name, tensor in arrays.items():
        kind, number, part = name.split(".", 2)
        passages[kind].setdefault(number, {})[part] = tensor
    passages = {kind: list(own.values()) for kind, own in passages.items()}
    rows = train("row", passages, options, options.row_width, options.row_base)
    tiles = train("tile", passages, options, options.width, options.base)
    tensors = {}
    for layer in range(tiles.q.shape[0]):
        tensors[f"layers.{layer}.q"], tensors[f"layers.{layer}.k"] = tiles.q[layer], tiles.k[layer]
        tensors[f"layers.{layer}.row.q"], tensors[f"layers.{layer}.row.k"] = rows.q[layer], rows.k[layer]
    write(options.out, tensors, {"base": str(options.base), "rowBase": str(options.row_base)})


main()
