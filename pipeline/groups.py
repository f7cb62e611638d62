"""Stage 3d: which texts hang together by verified pairs. Only divides the work: decisions are made pair by pair.

A group's texts and their pairs are decided upon in one place, named by the group's key; a text without a pair is its
own group.
"""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline import blocks, inputs, storage
from pipeline.distinct import distinct
from pipeline.run import Folders
from pipeline.settle import VERIFIED

# A text that has a pair; sorted by text.
GROUPED = np.dtype([("text", np.uint64, 2), ("group", np.uint64), ("place", np.int64)])
# A pair of texts; sorted by group.
TEXT_PAIR = np.dtype(
    [
        *(("group", np.uint64), ("a", np.uint64, 2), ("b", np.uint64, 2)),
        *[(name, VERIFIED[name]) for name in ("equal", "leader", "exact")],
    ]
)


def write_groups(folders: Folders) -> None:
    """GROUPED and TEXT_PAIR of all verified pairs, from one process: 40 bytes a text and 60 a pair."""
    paths = sorted((folders.pairs / "verified").glob("*.npy"))
    pairs = np.concatenate([np.empty(0, VERIFIED), *(np.load(path) for path in paths)])
    places, numbers = np.unique(np.concatenate([pairs["a"], pairs["b"]]), return_inverse=True)
    a, b = numbers[: len(pairs)], numbers[len(pairs) :]
    texts = _texts_at(folders, places)
    edges = coo_array((np.ones(len(pairs), np.int8), (a, b)), shape=(len(places), len(places)))
    component = connected_components(edges, directed=False)[1] if len(places) else np.empty(0, np.int32)
    keys = np.full(len(places), np.iinfo(np.uint64).max)
    np.minimum.at(keys, component, texts[:, 0])  # the first half of the smallest text
    grouped = np.empty(len(places), GROUPED)
    grouped["text"], grouped["group"], grouped["place"] = texts, keys[component], places
    of_texts = np.empty(len(pairs), TEXT_PAIR)
    of_texts["group"], of_texts["a"], of_texts["b"] = grouped["group"][a], texts[a], texts[b]
    for name in ("equal", "leader", "exact"):
        of_texts[name] = pairs[name]
    storage.write_array(folders.pairs / "pairs.npy", of_texts[np.argsort(of_texts["group"], kind="stable")])
    # last: where it stands, the measurement is complete
    storage.write_array(folders.pairs / "groups.npy", grouped[np.lexsort((texts[:, 1], texts[:, 0]))])


def _texts_at(folders: Folders, places: NDArray[np.int64]) -> NDArray[np.uint64]:
    """uint64 [n, 2]: the text ids at these sorted places."""
    texts = np.empty((len(places), 2), np.uint64)
    unit_ids = inputs.read(folders.inputs).unit_ids
    bounds = blocks.groups(places >> 32)
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        holders = distinct(folders, unit_ids[places[start] >> 32])
        texts[start:stop] = holders["text"][np.searchsorted(holders["place"], places[start:stop])]
    return texts


def places_of(folders: Folders, texts: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The places of texts [n, 2] that have a pair."""
    grouped = np.load(folders.pairs / "groups.npy", mmap_mode="r")
    return np.array(grouped["place"][positions(grouped["text"], texts)])


def group_keys(folders: Folders, texts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The group of each text [n, 2]; its own first half where it has no pair."""
    grouped = np.load(folders.pairs / "groups.npy", mmap_mode="r")
    at = positions(grouped["text"], texts)
    keys = texts[:, 0].copy()
    keys[at >= 0] = grouped["group"][at[at >= 0]]
    return keys


def positions(sorted_texts: NDArray[np.uint64], texts: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where each text stands among the sorted ones, -1 where it does not."""
    if not len(sorted_texts):
        return np.full(len(texts), -1, np.int64)
    at = np.searchsorted(sorted_texts[:, 0], texts[:, 0])
    at = np.minimum(at, len(sorted_texts) - 1)
    while True:  # beyond texts that share their first half
        behind = (sorted_texts[at, 0] == texts[:, 0]) & (sorted_texts[at, 1] < texts[:, 1])
        behind &= at + 1 < len(sorted_texts)
        if not behind.any():
            break
        at = at + behind
    return np.where((sorted_texts[at] == texts).all(axis=1), at, -1)


def pairs_of_partition(folders: Folders, partition: int, partitions: int) -> NDArray[np.void]:
    """TEXT_PAIR of the groups whose keys begin with these bits."""
    pairs = np.load(folders.pairs / "pairs.npy", mmap_mode="r")
    shift = 64 - (partitions.bit_length() - 1)
    ends = (bisect_left(pairs["group"], each << shift, key=int) for each in (partition, partition + 1))
    return np.array(pairs[slice(*ends)])
