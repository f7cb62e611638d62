"""Which of similar texts stay: greedily, in keep order, so that each that goes resembles the one it yields to."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from filters.minhash import NUM_PERM
from filters.pairs import A_LEADS, B_LEADS, PAIR, equal_permutations

MAX_STAYING = 256  # texts that one leader stands for and that stay: the first of them are compared with the others


class Kept(NamedTuple):
    """One entry for each of n texts. `kept`: the text it yields to, itself when it stays, -1 when neither. `pair`: the
    number of the pair that says so, else -1. `equal`: the permutations of 256 in which the two agree, 0 without one."""

    kept: NDArray[np.int64]
    pair: NDArray[np.int64]
    equal: NDArray[np.int64]


def keep_greedily(
    pairs: NDArray[np.void],
    order: NDArray[np.int64],
    may_stay: NDArray[np.bool_],
    signatures: NDArray[np.uint32],
    certain: int,
) -> Kept:
    """Texts are visited in `order`; one goes when it has a pair with a text that stays, the first of these in order.

    `pairs` are PAIR over the texts 0 to n - 1. A text that may not stay never does. Texts that a leader stands for were
    not compared with each other when pairs were measured: each is compared here with those of them that stay, the
    first MAX_STAYING of each leader, and goes with `certain` equal permutations or more. `signatures` are those of the
    texts that `led` names.
    """
    a, b = pairs["a"].astype(np.int64), pairs["b"].astype(np.int64)
    neighbours = _by_text(len(order), np.concatenate([a, b]), np.concatenate([b, a]))
    leaders = _by_text(len(order), *_led_and_leaders(pairs))
    signature_row = np.full(len(order), -1)
    signature_row[led(pairs)] = np.arange(len(signatures))
    kept, entry, equal = _keep(*neighbours[:2], *leaders[:2], order, may_stay, signatures, signature_row, certain)
    pair = np.where(entry >= 0, neighbours[2][entry] % max(1, len(pairs)), -1) if len(pairs) else entry
    return Kept(kept, pair, np.where(pair >= 0, pairs["equal"][pair], equal) if len(pairs) else equal)


def led(pairs: NDArray[np.void]) -> NDArray[np.int64]:
    """The texts that some leader stands for, sorted."""
    return np.unique(_led_and_leaders(pairs)[0])


def _led_and_leaders(pairs: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each text that a leader stands for, beside that leader."""
    by_a, by_b = pairs[(pairs["leader"] & A_LEADS) != 0], pairs[(pairs["leader"] & B_LEADS) != 0]
    return np.concatenate([by_a["b"], by_b["a"]]), np.concatenate([by_a["a"], by_b["b"]])


def warm_up() -> None:
    """Compile the kernel, or load it from its cache."""
    keep_greedily(np.zeros(0, PAIR), np.arange(1), np.ones(1, np.bool_), np.zeros((0, NUM_PERM), np.uint32), 1)


def _by_text(
    count: int, texts: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of text t the `others` at starts[t]:starts[t + 1], and where each stood."""
    place = np.argsort(texts, kind="stable")
    return np.searchsorted(texts[place], np.arange(count + 1)), others[place], place


@njit(cache=True, nogil=True)
def _keep(
    starts: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    leader_starts: NDArray[np.int64],
    leaders: NDArray[np.int64],
    order: NDArray[np.int64],
    may_stay: NDArray[np.bool_],
    signatures: NDArray[np.uint32],
    signature_row: NDArray[np.int64],
    certain: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    count = len(order)
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    kept, entry, equal = np.full(count, -1), np.full(count, -1), np.zeros(count, np.int64)
    # the texts of each leader that stay, as a linked list over `leaders`
    newest, older, of_text = np.full(count, -1), np.full(len(leaders), -1), np.empty(len(leaders), np.int64)
    staying = np.zeros(count, np.int64)
    for text in order:
        best = -1
        for i in range(starts[text], starts[text + 1]):
            other = neighbours[i]
            if kept[other] == other and (best < 0 or place[other] < place[best]):
                best, entry[text] = other, i
        if best < 0:
            for i in range(leader_starts[text], leader_starts[text + 1]):
                link = newest[leaders[i]]
                while link >= 0:
                    other = of_text[link]
                    if best < 0 or place[other] < place[best]:
                        same = equal_permutations(signatures[signature_row[text]], signatures[signature_row[other]])
                        if same >= certain:
                            best, equal[text] = other, same
                    link = older[link]
        if best >= 0:
            kept[text] = best
        elif may_stay[text]:
            kept[text] = text
            for i in range(leader_starts[text], leader_starts[text + 1]):
                if staying[leaders[i]] < MAX_STAYING:
                    staying[leaders[i]] += 1
                    of_text[i], older[i], newest[leaders[i]] = text, newest[leaders[i]], i
    return kept, entry, equal
