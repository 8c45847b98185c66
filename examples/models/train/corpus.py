"""The books: six to learn from, one that is never shown to the model."""
import lzma
from pathlib import Path

HERE = Path(__file__).parent

#: Read in training, in this order.
TRAINING = ("pride", "moby", "frankenstein", "expectations", "war_and_peace", "middlemarch")


def training_book(name):
    """The text of one of TRAINING."""
    with lzma.open(HERE / "corpus" / f"{name}.txt.xz", "rt", encoding="utf-8") as file:
        return file.read()


def held_out():
    """The Adventures of Sherlock Holmes: what is measured on, never trained on."""
    return (HERE / "../../books/sherlock.txt").read_text(encoding="utf-8")
