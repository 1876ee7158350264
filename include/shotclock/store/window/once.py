"""An id counts once over batches: with its newest row."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.files import dataset, storage
from shotclock.rows import contract
from shotclock.store.records import Application

_ROWS = 1 << 20  # ids looked at together


class Once:
    """Batches gone through from the newest on: how many of each one's rows no newer one has replaced.

    The ids of newer batches are held, as soon as an older one is asked about: a batch alone costs no memory.
    """

    def __init__(self, id_column: str) -> None:
        self._id, self._newest = id_column, list[Application]()
        self._seen: list[pa.Array] = []
        self.repeated = 0
        """Rows so far whose id stands in a newer batch, too."""

    def fresh(self, batch: Application) -> int:
        """How many rows of this batch, the next older one, are the newest of their id."""
        for newer in self._newest:
            self._seen += self._ids(newer)
        self._newest = [batch]
        repeated = sum(pc.sum(self.replaced(ids)).as_py() or 0 for ids in self._ids(batch)) if self._seen else 0
        self.repeated += repeated
        return dataset.rows(storage.at(batch.predictions)) - repeated

    def replaced(self, ids: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Mark the ids, of the batch that was asked about last, that stand in a newer one, too."""
        if not self._seen:
            return pa.repeat(False, len(ids))
        self._seen = [pa.concat_arrays([part.cast(self._seen[0].type) for part in self._seen])]
        return pc.is_in(ids, self._seen[0].cast(ids.type))

    def _ids(self, batch: Application) -> Iterator[pa.Array]:
        path = storage.at(batch.predictions)
        for rows in dataset.read_batches(path, [self._id], _ROWS):
            yield contract.plain(rows[self._id])
