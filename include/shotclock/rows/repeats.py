"""Ids that stand twice in a file that may be larger than memory: exact, in memory that hardly grows with the file."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shotclock.rows import contract

Keys = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
Reader = Callable[[], Iterator[pa.Array]]

KEYS_AT_ONCE = 1 << 23  # 64 MiB, twice while they are put together
TEXTS_AT_ONCE = 1 << 14  # what is worked out for every byte of them stays in the processor's cache
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, odd: spreads ids that lie close together
_BASE = 0x100000001B3  # prime


def positions(read: Reader, rows: int, keys_at_once: int = KEYS_AT_ONCE) -> Positions:
    """The row numbers, ascending, of the rows whose id stood in an earlier row.

    Ids that only increase are read once. Else they are read once for every `keys_at_once` rows, each time for another
    part of them; memory grows with the repeated ids only. Null ids are no repeats.

    Args:
        read: gives the ids of the file's rows, in order, anew at each call.
        rows: the number of rows.
    """
    if _increasing(read()):
        return np.empty(0, dtype=np.int64)
    parts = -(-rows // keys_at_once)
    suspects = np.sort(np.concatenate([_twice(read(), part, parts) for part in range(parts)]))
    return _confirmed(read(), suspects) if len(suspects) else np.empty(0, dtype=np.int64)


def mask(repeated: Positions, start: int, rows: int) -> npt.NDArray[np.bool_]:
    """Mark the repeated among `rows` rows from row number `start` on."""
    marked = np.zeros(rows, dtype=np.bool_)
    low, high = np.searchsorted(repeated, (start, start + rows))
    marked[repeated[low:high] - start] = True
    return marked


def _increasing(batches: Iterator[pa.Array]) -> bool:
    before: pa.Array | None = None
    for batch in batches:
        ids = batch if before is None else pa.concat_arrays([before, batch])
        if not contract.increasing(ids):
            return False
        before = ids.drop_null()[-1:]
    return True


def _twice(batches: Iterator[pa.Array], part: int, parts: int) -> Keys:
    """The keys of one part that stand more than once, ascending."""
    keys = np.concatenate([keys[_part(keys, parts) == part] for keys in map(_keys, batches)])
    keys.sort()
    twice: Keys = np.unique(keys[1:][keys[1:] == keys[:-1]])
    return twice


def _confirmed(batches: Iterator[pa.Array], suspects: Keys) -> Positions:
    """The repeats among the rows whose key is a suspect: two texts may share a key, so the ids themselves decide."""
    rows: list[Positions] = []
    ids: list[pa.Array] = []
    start = 0
    for batch in batches:
        keys = _keys(batch)
        nearest = suspects[np.minimum(np.searchsorted(suspects, keys), len(suspects) - 1)]
        found = np.flatnonzero((nearest == keys) & batch.is_valid().to_numpy(zero_copy_only=False))
        ids.append(batch.take(pa.array(found)))
        rows.append(found + start)
        start += len(batch)
    return np.concatenate(rows)[contract.repeated_ids(pa.concat_arrays(ids))]


def _part(keys: Keys, parts: int) -> npt.NDArray[np.uint64]:
    part: npt.NDArray[np.uint64] = ((keys * _MIX) >> np.uint64(32)) % np.uint64(parts)
    return part


def _keys(ids: pa.Array) -> Keys:
    """A number for every id, the same for equal ids; null ids get any."""
    if pa.types.is_integer(ids.type):
        numbers: Keys = ids.fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint64)
        return numbers
    texts = ids.fill_null("").cast(pa.large_binary())
    blocks = [_text_keys(texts[start : start + TEXTS_AT_ONCE]) for start in range(0, len(texts), TEXTS_AT_ONCE)]
    return np.concatenate([np.empty(0, np.uint64), *blocks])


def _text_keys(texts: pa.Array) -> Keys:
    """A polynomial of each text's bytes, modulo 2**64."""
    _, offset_buffer, data = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(offsets)
    codes = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64) + np.uint64(1)
    place = np.arange(len(codes)) - np.repeat(offsets[:-1] - offsets[0], lengths)
    powers = np.cumprod(np.full(lengths.max(initial=0) + 1, _BASE, np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * powers[place])])
    ends = offsets - offsets[0]
    keys: Keys = sums[ends[1:]] - sums[ends[:-1]]
    return keys
