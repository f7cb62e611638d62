"""Compiles every kernel once, when the environment is made: workers then load them from numba's cache."""

from filters import encoded, greedy, html, jsonlines, minhash, pairs, signals, text
from filters.licenses import texts


def warm_up() -> None:
    """Each module's kernels are compiled and cached."""
    for module in (encoded, greedy, html, jsonlines, minhash, pairs, signals, text, texts):
        module.warm_up()
