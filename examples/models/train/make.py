"""From the books to a GGUF file, or the next piece of the way there.

    python3 make.py NAME [options of train.py]

Learns the tokens where tokenizer.json is missing, trains for --minutes, and writes NAME-Q8_0.gguf and NAME-F32.gguf once
all stages are done. Call it again until they are there.
"""
import torch

import export_gguf
import tokenizer
from train import HERE, Training, arguments

if __name__ == "__main__":
    given = arguments()
    if not (HERE / "tokenizer.json").exists():
        tokenizer.learn(HERE / "tokenizer.json")
    if Training(given).run():
        weights = torch.load(given.folder / f"{given.name}.bf16.pt", map_location="cpu")
        for file_type in ("Q8_0", "F32"):
            export_gguf.export(given.name, weights, given.folder / f"{given.name}-{file_type}.gguf", file_type)
    else:
        print("The minutes are over: call it again to go on.")
