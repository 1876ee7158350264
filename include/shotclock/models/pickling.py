"""The bytes of a model by what it is, whatever its process did before."""

import io
import pickle
from typing import Any


class _ByValue(pickle._Pickler):
    """Writes each string out. Otherwise a pickle says which equal strings are one object, and that depends on how the first
    model of its class came to be in a process: read by skops, the names of its attributes are strings of their own.

    joblib's `Hasher` leaves them out likewise.
    """

    def memoize(self, obj: Any) -> None:
        if type(obj) is not str:
            super().memoize(obj)  # type: ignore[misc]


def pickled(model: Any) -> bytes:
    """The same bytes for the same model, in any process with the same releases of the libraries."""
    written = io.BytesIO()
    _ByValue(written, protocol=4).dump(model)  # this pickler cannot write two empty arrays by the fifth
    return written.getvalue()
