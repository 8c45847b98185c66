"""Weights to begin a gemma3 model with, from those of a qwen3 model of the same sizes that has learned to find.

    python3 gemma3.py WEIGHTS OUT

All but the sliding and the norms behind each half of a layer can be carried over: embeddings that gemma3 multiplies are
divided, gelu(x / 1.702) * 1.702 is nearly silu(x), and the norms behind begin with the size that their input has.
"""
import random
import sys

import torch

from model import SHAPES, Model
from samples import Mix, Sampler
from tokenizer import Tokenizer
from train import HERE

#: GELU of x is nearly x * sigmoid(1.702 x) (Hendrycks and Gimpel, arXiv 1606.08415 §2), SiLU is x * sigmoid(x).
STEEPER = 1.702


@torch.no_grad()
def sizes(weights, tokens=4096):
    """Mean size of what each half of each layer of the qwen3 model adds."""
    model = Model(SHAPES["book-reader-5m"])
    model.load_state_dict(weights)
    sampler = Sampler(Tokenizer.load(HERE / "tokenizer.json"), Mix())
    found = {}

    def keep(name):
        return lambda _, __, out: found.__setitem__(name, out.pow(2).mean(-1).sqrt().mean().item())

    for layer, block in enumerate(model.blocks):
        block.output.register_forward_hook(keep(f"blocks.{layer}.after_attention.weight"))
        block.down.register_forward_hook(keep(f"blocks.{layer}.after_feed.weight"))
    text, _ = sampler.asked(random.Random(0), tokens)
    model.float()(torch.tensor([text]), torch.arange(tokens)[None])
    return found


def begun(weights):
    shape = SHAPES["book-reader-5m-gemma3"]
    out = {name: weight.float().clone() for name, weight in weights.items()}
    out["embedding.weight"] /= shape.dim**0.5
    out["final_norm.weight"] *= shape.dim**0.5
    for name in out:
        if name.endswith("gate.weight"):
            out[name] /= STEEPER
        if name.endswith("up.weight"):
            out[name] *= STEEPER
    for name, size in sizes(weights).items():
        out[name] = torch.full((shape.dim,), size)
    return out


if __name__ == "__main__":
    torch.save(begun(torch.load(sys.argv[1], map_location="cpu")), sys.argv[2])
