"""DHSA's boundary predictor (arXiv 2510.24606): the paper's network, labels, loss and metrics.

python3 boundaries.py build/boundary-samples.safetensors book-reader-5m-boundaries.safetensors [--epochs 4] [--seed 1]
python3 boundaries.py golden test/golden/boundary-network.safetensors

Reads what `node bench/run.mjs boundary-samples` wrote; a few minutes on one CPU core. The same seed, samples and PyTorch
make the same file.
"""
import argparse

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tensor_files import read, write

ALPHA, GAMMA, POSITIVE = 2.0, 2.0, 1.3
#: Gaps of a step, and the share of gaps that the file's threshold lets be candidates: twice as many as are chosen at most.
BATCH, CANDIDATES = 256, 1 / 8


class Predictor(nn.Module):
    """Logits of the gaps of (batch, tokens, width) keys that have `window` tokens on both sides."""

    def __init__(self, width, heads, window, hidden):
        super().__init__()
        self.window = window
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(4 * width + 1, hidden)
        self.second = nn.Linear(hidden, 1)

    def forward(self, keys):
        windows = keys.unfold(1, 2 * self.window, 1).transpose(2, 3)
        batch, gaps, span, width = windows.shape
        x = windows.reshape(batch * gaps, span, width)
        x = self.norm(self.attention(x, x, x, need_weights=False)[0])
        a, b = x[:, : self.window].mean(1), x[:, self.window :].mean(1)
        cosine = F.cosine_similarity(a, b, dim=1).unsqueeze(1)
        feature = torch.cat([a, b, (a - b).abs(), a * b, cosine], 1)
        return self.second(F.relu(self.first(feature))).reshape(batch, gaps)


def focal(logits, target):
    """Focal binary cross-entropy, positives weighted."""
    p = torch.sigmoid(logits)
    right = torch.where(target > 0, p, 1 - p)
    weight = torch.where(target > 0, torch.full_like(p, POSITIVE), torch.ones_like(p))
    return -(weight * (1 - right) ** GAMMA * torch.log(right.clamp_min(1e-8))).mean()


def targets(labels, window):
    """1 where rho is at least 2, for the gaps that the network sees."""
    soft = torch.sigmoid(ALPHA * (labels - np.log(2.0)))
    return (soft >= 0.5).float()[:, window - 1 : labels.shape[1] - window]


def measure(model, keys, labels, window):
    """Precision, recall and F1 at p = 0.5, and how many of the 500 highest logits are among the 500 greatest rho."""
    edge = 2 * window
    with torch.no_grad():
        logits = torch.cat([model(one[None]) for one in keys])
    wanted, inside = targets(labels, window), slice(edge, -edge)
    hit, true = (logits > 0)[:, inside], wanted[:, inside] > 0
    both = (hit & true).sum().item()
    precision, recall = both / max(1, hit.sum().item()), both / max(1, true.sum().item())
    rho = labels[:, window - 1 : labels.shape[1] - window]
    overlap = [
        len(set(a[inside].topk(500).indices.tolist()) & set(b[inside].topk(500).indices.tolist())) / 500
        for a, b in zip(logits, rho)
    ]
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-9, precision + recall),
        "top500": sum(overlap) / len(overlap),
        "positives": true.float().mean().item(),
            }


def golden(path):
    """A small network, keys and its logits: what the engine's own network is compared with."""
    torch.manual_seed(7)
    model = Predictor(32, 4, 4, 24)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    keys = torch.randn(1, 40, 32)
    with torch.no_grad():
        logits = model(keys)[0]
    tensors = {**model.state_dict(), "golden.keys": keys[0], "golden.logits": logits}
    write(path, tensors, {"heads": "4", "window": "4"}, "F32")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("samples")
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.samples == "golden":
        return golden(options.out)
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    arrays, metadata = read(options.samples)
    window = int(metadata["window"])
    keys, labels = arrays["training.keys"], arrays["training.labels"]
    model = Predictor(keys.shape[2], options.heads, window, options.hidden)
    edge = 2 * window
    wanted = targets(labels, window)[:, edge:-edge]
    runs = [(n, at) for n in range(len(keys)) for at in range(0, wanted.shape[1], BATCH)]
    optimiser = torch.optim.Adam(model.parameters(), lr=options.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.epochs * len(runs))
    for epoch in range(options.epochs):
        total = 0.0
        for index in torch.randperm(len(runs)).tolist():
            n, at = runs[index]
            target = wanted[n : n + 1, at : at + BATCH]
            first = edge + at
            logits = model(keys[n : n + 1, first : first + target.shape[1] + 2 * window - 1])
            loss = focal(logits, target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(runs):.4f}", flush=True)
    model.half().float()
    for kind in ("training", "held-out"):
        found = measure(model, arrays[f"{kind}.keys"], arrays[f"{kind}.labels"], window)
        print(kind, " ".join(f"{name} {value:.3f}" for name, value in found.items()))
    with torch.no_grad():
        logits = torch.cat([model(one[None])[0] for one in arrays["training.keys"]])
    threshold = round(logits.quantile(1 - CANDIDATES).item(), 3)
    print(f"threshold {threshold}")
    metadata = {"heads": str(options.heads), "window": str(window), "threshold": str(threshold)}
    write(options.out, model.state_dict(), metadata)


main()
