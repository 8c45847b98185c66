"""Two published shapes, small: Qwen3 (arXiv 2505.09388 §2) and Gemma 3's text part (arXiv 2503.19786 §2)."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    architecture: str = "qwen3"
    vocabulary: int = 4096
    dim: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    hidden: int = 704
    #: Of the rotation, in layers that read everything.
    base: float = 1e6
    #: The same where a layer slides.
    local_base: float = 1e4
    #: Keys that a sliding layer reads, and after how many layers one reads everything. 0: none slides.
    sliding_window: int = 0
    period: int = 1
    #: Tokens that the model may be given.
    window: int = 32768
    eps: float = 1e-6

    @property
    def gemma(self):
        return self.architecture == "gemma3"

    def slides(self, layer):
        return self.sliding_window > 0 and (layer + 1) % self.period != 0


SHAPES = {
    "book-reader-5m": Shape(),
    "book-reader-5m-gemma3": Shape(architecture="gemma3", sliding_window=512, period=3),
    # For a machine with a GPU.
    "book-reader-40m": Shape(dim=512, layers=12, heads=8, kv_heads=2, hidden=1408),
}


class RmsNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        wide = x.float()
        return wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x, angles):
    cos, sin = angles
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Attention(torch.autograd.Function):
    """
    q (batch, heads, rows, d) over k and v (batch, kv heads, tokens, d). reach (rows), ascending: how many tokens stand up to
    and with each row; window: how many of those it reads, 0 for all.

    Rows go STEP at a time, so that nothing behind their last token is computed, and probabilities are kept in the narrow
    type: on a CPU a third of the time of the same written with PyTorch's own gradients.
    """

    STEP = 128

    @staticmethod
    def parts(reach, window):
        """(rows, tokens) as slices, and where a row of them may not look."""
        index = torch.arange(int(reach[-1]), device=reach.device)
        for at in range(0, len(reach), Attention.STEP):
            mine = reach[at : at + Attention.STEP, None]
            first = max(0, int(mine[0]) - window) if window else 0
            end = int(mine[-1])
            # All that stands before the first row's end is open to every row, unless it slides.
            edge = first if window else int(mine[0])
            hidden = index[edge:end] >= mine
            if window:
                hidden |= index[edge:end] < mine - window
            yield slice(at, at + len(mine)), slice(first, end), edge - first, hidden

    @staticmethod
    def forward(context, q, k, v, reach, window):
        batch, heads, rows, dim = q.shape
        groups = k.shape[1]
        q = q.view(batch, groups, heads // groups, rows, dim)
        keep, out = [], torch.empty_like(q)
        for mine, read, edge, hidden in Attention.parts(reach, window):
            asked = q[:, :, :, mine].reshape(batch, groups, -1, dim)
            scores = torch.matmul(asked * dim**-0.5, k[:, :, read].transpose(-1, -2))
            by_row = scores.view(batch, groups, heads // groups, -1, scores.shape[-1])
            by_row[..., edge:].masked_fill_(hidden, -torch.inf)
            weights = scores.softmax(-1)
            out[:, :, :, mine] = torch.matmul(weights, v[:, :, read]).view(batch, groups, heads // groups, -1, dim)
            keep.append(weights)
        context.save_for_backward(q, k, v, reach, *keep)
        context.window = window
        return out.view(batch, heads, rows, dim)

    @staticmethod
    def backward(context, given):
        q, k, v, reach, *keep = context.saved_tensors
        batch, groups, shared, rows, dim = q.shape
        given = given.view(q.shape)
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k, dtype=torch.float32), torch.zeros_like(v, dtype=torch.float32)
        for weights, (mine, read, _, _) in zip(keep, Attention.parts(reach, context.window)):
            asked = q[:, :, :, mine].reshape(batch, groups, -1, dim)
            grad = given[:, :, :, mine].reshape(batch, groups, -1, dim)
            dv[:, :, read] += torch.matmul(weights.transpose(-1, -2), grad)
            of_scores = torch.matmul(grad, v[:, :, read].transpose(-1, -2))
            of_scores = torch._softmax_backward_data(of_scores, weights, -1, weights.dtype)
            dk[:, :, read] += torch.matmul(of_scores.transpose(-1, -2), asked) * dim**-0.5
            dq[:, :, :, mine] = (torch.matmul(of_scores, k[:, :, read]) * dim**-0.5).view(batch, groups, shared, -1, dim)
        return dq.view(batch, groups * shared, rows, dim), dk.to(k.dtype), dv.to(v.dtype), None, None


def attend(q, k, v, reach, window):
    """In bf16 wherever products are, which halves the time of long samples on a CPU."""
    narrow = torch.get_autocast_cpu_dtype() if q.device.type == "cpu" else torch.get_autocast_gpu_dtype()
    on = torch.is_autocast_cpu_enabled() if q.device.type == "cpu" else torch.is_autocast_enabled()
    with torch.autocast(q.device.type, enabled=False):
        q, k, v = (x.to(narrow) if on else x.float() for x in (q, k, v))
        return Attention.apply(q.contiguous(), k, v, reach, window)


class Block(nn.Module):
    def __init__(self, shape, layer):
        super().__init__()
        self.shape, self.window = shape, shape.sliding_window if shape.slides(layer) else 0
        self.base = shape.local_base if self.window else shape.base
        dim, width = shape.dim, shape.head_dim
        norm = lambda size: RmsNorm(size, shape.eps)
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.attention_norm, self.feed_norm = norm(dim), norm(dim)
        self.q_norm, self.k_norm = norm(width), norm(width)
        self.q, self.k = linear(dim, shape.heads * width), linear(dim, shape.kv_heads * width)
        self.v, self.output = linear(dim, shape.kv_heads * width), linear(shape.heads * width, dim)
        self.gate, self.up, self.down = linear(dim, shape.hidden), linear(dim, shape.hidden), linear(shape.hidden, dim)
        if shape.gemma:
            self.after_attention, self.after_feed = norm(dim), norm(dim)

    def heads(self, x, angles):
        """Queries, keys and values (batch, heads, rows, d), rotated."""
        batch, rows, _ = x.shape
        split = lambda y: y.view(batch, rows, -1, self.shape.head_dim)
        h = self.attention_norm(x)
        q = rotate(self.q_norm(split(self.q(h))).transpose(1, 2), angles[self.base])
        k = rotate(self.k_norm(split(self.k(h))).transpose(1, 2), angles[self.base])
        return q, k, split(self.v(h)).transpose(1, 2)

    def finish(self, x, read):
        y = self.output(read.transpose(1, 2).reshape(*x.shape[:2], -1))
        x = x + (self.after_attention(y) if self.shape.gemma else y)
        h = self.feed_norm(x)
        act = F.gelu(self.gate(h), approximate="tanh") if self.shape.gemma else F.silu(self.gate(h))
        y = self.down(act * self.up(h))
        return x + (self.after_feed(y) if self.shape.gemma else y)


class Model(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.dim)
        self.blocks = nn.ModuleList([Block(shape, layer) for layer in range(shape.layers)])
        self.final_norm = RmsNorm(shape.dim, shape.eps)
        for name, weight in self.named_parameters():
            if weight.dim() != 2:
                continue
            part = name.split(".")[-2]
            narrow = 0.02 if part == "embedding" else weight.shape[1] ** -0.5
            nn.init.normal_(weight, std=narrow * {"embedding": 1, "output": 0.2, "down": 0.2}.get(part, 0.5))

    def angles(self, positions):
        """Cosines and sines (batch, 1, rows, d / 2) for every base in use; positions (batch, rows)."""
        width = self.shape.head_dim
        turns = torch.arange(0, width, 2, device=positions.device).float() / width
        found = {}
        for base in {block.base for block in self.blocks}:
            angle = positions[:, None, :, None].float() / base**turns
            found[base] = (angle.cos(), angle.sin())
        return found

    def embed(self, ids):
        x = self.embedding(ids)
        return x * self.shape.dim**0.5 if self.shape.gemma else x

    def forward(self, ids, positions):
        """Last hidden states (batch, rows, dim) of whole texts."""
        angles, x = self.angles(positions), self.embed(ids)
        reach = torch.arange(1, ids.shape[1] + 1, device=ids.device)
        for block in self.blocks:
            q, k, v = block.heads(x, angles)
            x = block.finish(x, attend(q, k, v, reach, block.window))
        return self.final_norm(x)

    @torch.no_grad()
    def keys_and_values(self, ids, positions):
        """Of every layer, for whole texts of any length."""
        angles, x = self.angles(positions), self.embed(ids)
        reach = torch.arange(1, ids.shape[1] + 1, device=ids.device)
        kept = []
        for block in self.blocks:
            q, k, v = block.heads(x, angles)
            kept.append((k, v))
            x = block.finish(x, attend(q, k, v, reach, block.window))
        return kept

    def rows(self, ids, positions, rows, kept):
        """
        Last hidden states (1, rows, dim) of some rows of one text, whose other keys and values are given and do not learn:
        what `forward` gives for these rows, at a fraction of the cost where they are few.
        """
        angles, x = self.angles(positions[:, rows]), self.embed(ids[:, rows])
        reach = rows + 1
        for block, (k, v) in zip(self.blocks, kept):
            q, own_k, own_v = block.heads(x, angles)
            k = k.to(own_k.dtype).index_copy(2, rows, own_k)
            v = v.to(own_v.dtype).index_copy(2, rows, own_v)
            x = block.finish(x, attend(q, k, v, reach, block.window))
        return self.final_norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.embedding.weight)
