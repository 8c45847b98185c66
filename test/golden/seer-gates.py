"""What gates say, by PyTorch: `python3 seer-gates.py seer-gates.safetensors`. SeerAttention, arXiv 2410.13276 section 3."""
import json
import struct
import sys

import torch

HEADS, KV_HEADS, DIM, GATE, BASE, BLOCK, TOKENS = 4, 2, 16, 8, 10000.0, 64, 256
torch.manual_seed(11)
q = torch.randn(TOKENS, HEADS, DIM)
k = torch.randn(TOKENS, KV_HEADS, DIM) + torch.randn(TOKENS // BLOCK, 1, KV_HEADS, DIM).expand(
    -1, BLOCK, -1, -1
).reshape(TOKENS, KV_HEADS, DIM)
map_q, map_k = torch.randn(HEADS, GATE, DIM), torch.randn(KV_HEADS, GATE, 3 * DIM) / 3


def turned(x, base):
    """Rotates (rows, heads, width) by row, channel i with i + width / 2."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[0])[:, None, None] * base ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)


blocks_q = q.reshape(-1, BLOCK, HEADS, DIM).mean(1)
blocks_k = k.reshape(-1, BLOCK, KV_HEADS, DIM)
pooled = torch.cat([blocks_k.max(1)[0], blocks_k.min(1)[0], blocks_k.mean(1)], -1)
gate_q = turned(torch.einsum("bhc,hgc->bhg", blocks_q, map_q), BASE)
gate_k = turned(torch.einsum("bhc,hgc->bhg", pooled, map_k), BASE)
logits = torch.einsum("ihg,jhg->hij", gate_q, gate_k.repeat_interleave(HEADS // KV_HEADS, 1)) / GATE**0.5

tensors = {
    "layers.0.q": map_q,
    "layers.0.k": map_k,
    "golden.queries": q.reshape(TOKENS, -1),
    # As attention sees them: turned by token.
    "golden.turnedQueries": turned(q, BASE).reshape(TOKENS, -1),
    "golden.turnedKeys": turned(k, BASE).reshape(TOKENS, -1),
    "golden.logits": logits,
}
header, body = {"__metadata__": {"base": str(BASE)}}, b""
for name, tensor in tensors.items():
    content = tensor.contiguous().numpy().astype("<f4").tobytes()
    offsets = [len(body), len(body) + len(content)]
    header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
    body += content
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + body)
