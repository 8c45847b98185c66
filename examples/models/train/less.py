"""Kernels of LESS (arXiv 2402.09398): what stands in attention for keys and values that were dropped.

python3 less.py build/less-samples.safetensors book-reader-5m-less.safetensors [--epochs 20] [--seed 1]

Reads what `node bench/run.mjs less-samples` wrote; minutes on one CPU core. The same seed, samples and PyTorch make the same
file. The paper's kernels, rank and loss: the mean square error of attention's output, behind its projection, layer by layer, in rows
behind what was dropped. Where we leave the paper: fewer hidden channels; GELU by tanh; every KV head has kernels of its own for its
keys; factors begin where what is dropped weighs as much as it does on average.
"""
import argparse

import torch
from torch import nn
from torch.nn import functional as F

from tensor_files import read, write

#: Neighbours that `evicted: 'mean'` lets one mean stand for.
RUN = 16


def gelu(x):
    return F.gelu(x, approximate="tanh")


def of_queries(q, q1, q2):
    """phi, (..., heads, rank), of queries, (..., heads, channels)."""
    hidden = gelu(torch.einsum("...hc,hwc->...hw", q, q1))
    return gelu(torch.einsum("...hw,hrw->...hr", hidden, q2)).abs()


def of_keys(k, k1, k2, k3, c1, c2):
    """psi, (..., KV heads, rank), of keys, (..., KV heads, channels)."""
    hidden = gelu(torch.einsum("...hc,hwc->...hw", k, k1))
    y = c1.abs() * gelu(torch.einsum("...hw,hrw->...hr", hidden, k2))
    return (y + c2 * torch.einsum("...hs,hrs->...hr", y, k3)).abs()


class Kernels(nn.Module):
    """Those of one layer."""

    def __init__(self, heads, kv_heads, channels, hidden, rank):
        super().__init__()
        drawn = lambda *shape: nn.Parameter(torch.randn(*shape) * (2 / shape[-1]) ** 0.5)
        self.q1, self.q2 = drawn(heads, hidden, channels), drawn(heads, rank, hidden)
        self.k1, self.k2 = drawn(kv_heads, hidden, channels), drawn(kv_heads, rank, hidden)
        self.k3 = nn.Parameter(torch.randn(kv_heads, rank, rank) / rank**0.5)
        self.c1, self.c2 = nn.Parameter(torch.ones(kv_heads, rank)), nn.Parameter(torch.full((kv_heads, rank), 0.1))

    def queries(self, q):
        return of_queries(q, self.q1, self.q2)

    def keys(self, k):
        return of_keys(k, self.k1, self.k2, self.k3, self.c1, self.c2)


class Choice:
    """Rows behind a choice, in one layer: what attention makes of everything, of what is kept, and of that with means."""

    def __init__(self, arrays, name, kind, layer, output):
        part = lambda what: arrays[f"{name}.{what}"]
        keys, values = arrays["keys"][layer], arrays["values"][layer]
        if f"{name}.keys" in arrays:
            keys, values = (torch.cat([x, part(y)[layer]]) for x, y in ((keys, "keys"), (values, "values")))
        self.queries, at = part("queries")[layer], part("at")
        kept = part(kind)[layer] > 0.5
        self.end = kept.shape[1]
        #: (KV heads, tokens before the choice)
        self.dropped = ~kept
        tokens = int(at.max()) + 1
        keys, values = keys[:tokens], values[:tokens]
        self.keys, self.values = keys[: self.end], values[: self.end]
        rows, heads, channels = self.queries.shape
        self.group = heads // keys.shape[1]
        spread = lambda x: x.repeat_interleave(self.group, 1)
        logits = torch.einsum("nhc,thc->nht", self.queries, spread(keys)) / channels**0.5
        seen = torch.arange(tokens) <= at[:, None]
        logits = logits.masked_fill(~seen[:, None], -1e9)
        gone = F.pad(self.dropped, (0, tokens - self.end)).repeat_interleave(self.group, 0)
        left = logits.masked_fill(gone, -1e9)
        self.log_sum = left.logsumexp(-1)
        self.kept = torch.einsum("nht,thc->nhc", left.softmax(-1), spread(values))
        whole = torch.einsum("nht,thc->nhc", logits.softmax(-1), spread(values))
        #: What dropped tokens weigh, beside what they weigh where nothing is known of them.
        self.lost = logits.masked_fill(~gone, -1e9).logsumexp(-1)
        self.target = whole.flatten(1) @ output.T
        self.means = self.with_means(output)

    def merged(self, mass, sums, output):
        """Attention's output where what was dropped weighs `mass`, (rows, heads), and adds `sums`, (rows, heads, channels)."""
        most = torch.maximum(self.log_sum, mass.clamp_min(1e-30).log().detach())
        own, other = (self.log_sum - most).exp()[..., None], (-most).exp()[..., None]
        return ((self.kept * own + sums * other) / (own + mass[..., None] * other)).flatten(1) @ output.T

    def with_means(self, output):
        """What `evicted: 'mean'` makes of it."""
        runs = torch.arange(self.end) // RUN
        many = self.dropped.float()
        sums = lambda x: torch.zeros(int(runs[-1]) + 1, *x.shape[1:]).index_add(0, runs, x)
        counts = sums(many.T)
        mean = lambda x: sums(x * many.T[..., None]) / counts.clamp_min(1)[..., None]
        spread = lambda x: x.repeat_interleave(self.group, 1)
        keys, values = spread(mean(self.keys)), spread(mean(self.values))
        logits = torch.einsum("nhc,thc->nht", self.queries, keys) / keys.shape[-1] ** 0.5
        weights = (logits + spread(counts).T.log()).exp()
        return self.merged(weights.sum(-1), torch.einsum("nht,thc->nhc", weights, values), output)

    def output(self, kernels, features, output):
        """What kernels make of it. features: (tokens, KV heads, rank), of the keys."""
        gone = features * self.dropped.T[..., None]
        sums = torch.einsum("thr,thc->hrc", gone, self.values).repeat_interleave(self.group, 0)
        asked = kernels.queries(self.queries)
        mass = torch.einsum("nhr,hr->nh", asked, gone.sum(0).repeat_interleave(self.group, 0))
        return self.merged(mass, torch.einsum("nhr,hrc->nhc", asked, sums), output)


class Passage:
    """All choices of a passage in one layer, those of a question with all of its keys."""

    def __init__(self, arrays, layer, output):
        names = sorted({name.split(".")[0] for name in arrays if name.endswith(".queries")}, key=int)
        self.choices = [Choice(arrays, name, kind, layer, output) for name in names for kind in ("snap", "h2o")]
        self.keys = arrays["keys"][layer]

    def losses(self, kernels, output):
        """(rows): of kernels, and of what was there before them."""
        shared = kernels.keys(self.keys)
        for choice in self.choices:
            more = choice.keys[len(shared) :]
            features = torch.cat([shared, kernels.keys(more)]) if len(more) else shared[: choice.end]
            yield choice, (choice.output(kernels, features, output) - choice.target).square().mean(-1)


def told(kernels, passages, output):
    """Mean square errors of dropping, of means and of kernels, over the mean square of what attention puts out."""
    sums = torch.zeros(4)
    with torch.no_grad():
        for passage in passages:
            for choice, errors in passage.losses(kernels, output):
                apart = lambda x: (x - choice.target).square().mean(-1).sum()
                dropped = choice.kept.flatten(1) @ output.T
                sums += torch.stack([choice.target.square().mean(-1).sum(), apart(dropped), apart(choice.means), errors.sum()])
    return (sums[1:] / sums[0]).tolist()


def scaled(kernels, passages):
    """Factors of keys with which dropped tokens weigh, on average over rows of a head's group, what they do."""
    with torch.no_grad():
        ratios = []
        for passage in passages:
            for choice in passage.choices:
                gone = (kernels.keys(choice.keys) * choice.dropped.T[..., None]).sum(0)
                mass = torch.einsum("nhr,hr->nh", kernels.queries(choice.queries), gone.repeat_interleave(choice.group, 0))
                ratios.append((choice.lost - mass.clamp_min(1e-30).log()).mean(0))
        factors = torch.stack(ratios).mean(0).unflatten(0, (-1, choice.group)).mean(1)
        kernels.c1 *= factors.exp()[:, None]


def train(layer, training, held, output, options):
    """Kernels of a layer, and what they come to."""
    heads, channels = training[0].choices[0].queries.shape[1:]
    kernels = Kernels(heads, training[0].keys.shape[1], channels, options.hidden, options.rank)
    scaled(kernels, training[:6])
    unit = sum(c.target.square().mean().item() for p in training for c in p.choices) / sum(len(p.choices) for p in training)
    optimiser = torch.optim.Adam(kernels.parameters(), lr=options.rate)
    steps = options.epochs * len(training)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=steps, pct_start=0.1)
    for _ in range(options.epochs):
        for n in torch.randperm(len(training)).tolist():
            loss = torch.cat([errors for _, errors in training[n].losses(kernels, output)]).mean() / unit
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(kernels.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    kernels.half().float()
    for kind, passages in (("training", training), ("held out", held)):
        dropped, means, less = told(kernels, passages, output)
        print(f"layer {layer}, {kind}: dropped {dropped:.4f}, means {means:.4f}, kernels {less:.4f}", flush=True)
    return kernels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("samples")
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    arrays, _ = read(options.samples)
    output = arrays.pop("output")
    passages = {"training": {}, "held-out": {}}
    for name, tensor in arrays.items():
        kind, number, part = name.split(".", 2)
        passages[kind].setdefault(number, {})[part] = tensor
    tensors = {}
    for layer in range(len(output)):
        training, held = ([Passage(own, layer, output[layer]) for own in passages[kind].values()] for kind in ("training", "held-out"))
        kernels = train(layer, training, held, output[layer], options)
        for name, tensor in kernels.named_parameters():
            tensors[f"layers.{layer}.{name}"] = tensor
    write(options.out, tensors, {})


if __name__ == "__main__":
    main()
