"""How much one request may hold. A file of a hundred kilobytes can unfold to millions of rows: what it says of itself is looked
at before it is read. More is a batch: the inference DAG scores files of any size."""

from shotclock.errors import ContractError

MOST_BYTES = 8 * 2**20
"""Of a request's body: some 100,000 rows as JSON."""
MOST_ROWS = 100_000
"""Answered in about two seconds on one core."""
MOST_CELLS = 2_000_000
"""Rows times columns: some 100 MB of Python's numbers while they are converted."""
MOST_COLUMNS = 10_000
"""Also of those that the model ignores: each is looked for by name."""
MOST_UNFOLDED = 64 * 2**20
"""Bytes of a parquet file's pages without compression, and of the texts in its columns, each as often as it is repeated."""


class TooLargeError(ContractError):
    """A request that holds more than the endpoint takes."""


def check(what: str, found: int, most: int) -> None:
    """Raise TooLargeError where `found` is more than `most`."""
    if found > most:
        raise TooLargeError(f"{what}: found {found:,}, allowed are {most:,}; send less, or score it as a batch")


def check_size(rows: int, columns: int) -> None:
    """Raise TooLargeError where a table is too long, too wide, or too large as a whole."""
    check("rows", rows, MOST_ROWS)
    check("columns", columns, MOST_COLUMNS)
    check("cells (rows x columns)", rows * columns, MOST_CELLS)
