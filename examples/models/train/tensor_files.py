"""Safetensors files, as the boundary predictor, the gates and LESS's kernels are kept."""
import json
import struct

import numpy as np
import torch

TYPES = {"F16": "<f2", "F32": "<f4"}


def read(path):
    """Tensors in f32 and metadata of a safetensors file of F16 or F32."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(body[start:end], TYPES[entry["dtype"]]).astype("<f4")
        arrays[name] = torch.from_numpy(numbers).reshape(entry["shape"])
    return arrays, metadata


def write(path, tensors, metadata, dtype="F16"):
    """A safetensors file in F16 or F32."""
    header, body = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        content = tensor.detach().numpy().astype(TYPES[dtype]).tobytes()
        offsets = [len(body), len(body) + len(content)]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        body += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
