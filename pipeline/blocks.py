"""What flows between workers: fixed-size records as bytes, keyed by partition."""

from collections.abc import Iterable, Iterator

import numpy as np

PARTITION_BYTES = 128 << 20  # of records in one partition: what one call sorts in memory
MIN_PARTITIONS = 16


def partition_count(records: int, record_bytes: int) -> int:
    """A power of two, so that the top bits of a hash name the partition."""
    wanted = max(MIN_PARTITIONS, records * record_bytes // PARTITION_BYTES)
    return 1 << (wanted - 1).bit_length()


def ids(values: Iterable[bytes]) -> np.ndarray:
    """16-byte ids as big-endian pairs, which sort like the bytes: uint64 [n, 2]."""
    return np.frombuffer(b"".join(values), ">u8").reshape(-1, 2).astype(np.uint64)


def to_bytes(pairs: np.ndarray) -> list[bytes]:
    """uint64 [n, 2] back to 16-byte ids."""
    data = pairs.astype(">u8").tobytes()
    return [data[start : start + 16] for start in range(0, len(data), 16)]


def split(records: np.ndarray, keys: np.ndarray, partitions: int) -> Iterator[tuple[int, bytes]]:
    """(partition, records) by the top bits of the uint64 keys; nothing for empty partitions."""
    number = (keys >> np.uint64(64 - (partitions.bit_length() - 1))).astype(np.int64)
    yield from by_number(records, number)


def by_number(records: np.ndarray, number: np.ndarray) -> Iterator[tuple[int, bytes]]:
    """(number, its records) in the records' order."""
    order = np.argsort(number, kind="stable")
    found, starts = np.unique(number[order], return_index=True)
    stops = np.append(starts, len(order))[1:]
    for value, start, stop in zip(found.tolist(), starts, stops, strict=True):
        yield value, records[order[start:stop]].tobytes()


def join(blocks: Iterable[bytes], kind: np.dtype) -> np.ndarray:
    """All records of the blocks, in no particular order: the caller sorts."""
    return np.frombuffer(b"".join(blocks), kind)


def groups(sorted_keys: np.ndarray) -> np.ndarray:
    """The starts of runs of equal rows, and the length at the end: int64 [groups + 1]. Keys are [n] or [n, k]."""
    if not len(sorted_keys):
        return np.zeros(1, np.int64)
    keys = sorted_keys.reshape(len(sorted_keys), -1)
    changes = np.flatnonzero((keys[1:] != keys[:-1]).any(axis=1)) + 1
    return np.concatenate([[0], changes, [len(keys)]]).astype(np.int64)
