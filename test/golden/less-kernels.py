"""What LESS's kernels say, by what trains them: `python3 less-kernels.py less-kernels.safetensors`. arXiv 2402.09398 section 3.2."""
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "examples/models/train"))
from less import of_keys, of_queries
from tensor_files import write

HEADS, KV_HEADS, DIM, HIDDEN, RANK, TOKENS = 4, 2, 24, 10, 3, 40
torch.manual_seed(7)
q, k = torch.randn(TOKENS, HEADS, DIM), torch.randn(TOKENS, KV_HEADS, DIM)
of_q = {"q1": torch.randn(HEADS, HIDDEN, DIM), "q2": torch.randn(HEADS, RANK, HIDDEN)}
of_k = {"k1": torch.randn(KV_HEADS, HIDDEN, DIM), "k2": torch.randn(KV_HEADS, RANK, HIDDEN)}
of_k.update({"k3": torch.randn(KV_HEADS, RANK, RANK), "c1": torch.randn(KV_HEADS, RANK), "c2": torch.randn(KV_HEADS, RANK)})
tensors = {f"layers.0.{name}": tensor for name, tensor in {**of_q, **of_k}.items()}
tensors.update({"golden.q": q, "golden.k": k, "golden.phi": of_queries(q, **of_q), "golden.psi": of_keys(k, **of_k)})
write(sys.argv[1], tensors, {}, "F32")
