"""A checkpoint as a GGUF file that llama.cpp reads too.

    python3 export_gguf.py NAME WEIGHTS OUT.gguf [Q8_0|F16|F32]
"""
import struct
import sys
from pathlib import Path

import numpy as np
import torch

from model import SHAPES
from tokenizer import Tokenizer

HERE = Path(__file__).parent
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TYPES = {"F32": 0, "F16": 1, "Q8_0": 8}
FILE_TYPES = {"F32": 0, "F16": 1, "Q8_0": 7}
ALIGNMENT = 32
CHAT = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
#: GGUF's names of a block's tensors, and which of Gemma's norms are stored as what is added to one.
TENSORS = {
    "attention_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "output": "attn_output",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
    "after_attention": "post_attention_norm",
    "feed_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
    "after_feed": "post_ffw_norm",
}


def string(text):
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def value(kind, given):
    if kind == STRING:
        return string(given)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], given)


def pair(key, kind, given):
    return string(key) + struct.pack("<I", kind) + value(kind, given)


def array(key, kind, given):
    return string(key) + struct.pack("<IIQ", ARRAY, kind, len(given)) + b"".join(value(kind, one) for one in given)


def metadata(shape, tokenizer, name, file_type):
    of = f"{shape.architecture}."
    control = set(tokenizer.special)
    found = [
        pair("general.architecture", STRING, shape.architecture),
        pair("general.name", STRING, name),
        pair("general.type", STRING, "model"),
        pair("general.license", STRING, "apache-2.0"),
        pair("general.file_type", U32, FILE_TYPES[file_type]),
        pair("general.quantization_version", U32, 2),
        pair(of + "context_length", U32, shape.window),
        pair(of + "embedding_length", U32, shape.dim),
        pair(of + "block_count", U32, shape.layers),
        pair(of + "feed_forward_length", U32, shape.hidden),
        pair(of + "attention.head_count", U32, shape.heads),
        pair(of + "attention.head_count_kv", U32, shape.kv_heads),
        pair(of + "attention.key_length", U32, shape.head_dim),
        pair(of + "attention.value_length", U32, shape.head_dim),
        pair(of + "rope.freq_base", F32, shape.base),
        pair(of + "attention.layer_norm_rms_epsilon", F32, shape.eps),
        pair(of + "vocab_size", U32, shape.vocabulary),
        pair("tokenizer.ggml.model", STRING, "gpt2"),
        pair("tokenizer.ggml.pre", STRING, "qwen2"),
        array("tokenizer.ggml.tokens", STRING, tokenizer.vocabulary),
        array("tokenizer.ggml.token_type", I32, [3 if text in control else 1 for text in tokenizer.vocabulary]),
        array("tokenizer.ggml.merges", STRING, [" ".join(merge) for merge in tokenizer.merges]),
        pair("tokenizer.ggml.eos_token_id", U32, tokenizer.special["<|im_end|>"]),
        pair("tokenizer.ggml.padding_token_id", U32, tokenizer.special["<|endoftext|>"]),
        pair("tokenizer.ggml.add_bos_token", BOOL, False),
        pair("tokenizer.chat_template", STRING, CHAT),
    ]
    if shape.sliding_window:
        found.append(pair(of + "attention.sliding_window", U32, shape.sliding_window))
        found.append(pair(of + "attention.sliding_window_pattern", U32, shape.period))
    return found


def q8_0(weight):
    """Blocks of 32: an f16 scale, then int8."""
    blocks = weight.reshape(-1, 32)
    scale = np.abs(blocks).max(1) / 127
    codes = np.rint(blocks / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8)
    out = np.zeros((len(blocks), 34), np.uint8)
    out[:, :2] = scale.astype(np.float16).view(np.uint8).reshape(-1, 2)
    out[:, 2:] = codes.view(np.uint8)
    return out.tobytes()


def encoded(weight, file_type):
    """GGUF's type and bytes: vectors stay F32."""
    if weight.ndim == 1 or file_type == "F32":
        return TYPES["F32"], weight.astype("<f4").tobytes()
    return TYPES[file_type], q8_0(weight) if file_type == "Q8_0" else weight.astype("<f2").tobytes()


def tensors(weights):
    """(GGUF's name, numbers) in the order of the layers."""
    of = lambda name: weights[f"{name}.weight"].float().numpy()
    yield "token_embd.weight", of("embedding")
    for layer in range(sum(name.endswith(".q.weight") for name in weights)):
        for part, stored in TENSORS.items():
            if f"blocks.{layer}.{part}.weight" in weights:
                yield f"blk.{layer}.{stored}.weight", of(f"blocks.{layer}.{part}")
    yield "output_norm.weight", of("final_norm")


def export(name, weights, out, file_type="Q8_0"):
    tokenizer = Tokenizer.load(HERE / "tokenizer.json")
    pairs = metadata(SHAPES[name], tokenizer, name, file_type)
    listed, contents, at = [], [], 0
    for tensor, numbers in tensors(weights):
        kind, encoded_bytes = encoded(numbers, file_type)
        sizes = list(reversed(numbers.shape))
        listed.append(string(tensor) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, at))
        padded = encoded_bytes + bytes(-len(encoded_bytes) % ALIGNMENT)
        contents.append(padded)
        at += len(padded)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(listed), len(pairs)) + b"".join(pairs) + b"".join(listed)
    with open(out, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT))
        for content in contents:
            file.write(content)
    print(f"{out}: {Path(out).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    export(sys.argv[1], torch.load(sys.argv[2], map_location="cpu"), *sys.argv[3:])
