"""Raw rows out of a CSV file that an installed Python package ships, as the project's file words it.

The package is looked up and never imported: its code is of no concern here.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shotclock.config import PackageTable, Role
from shotclock.errors import ConfigError, SourceError
from shotclock.sources import exports, formula, tabular

ROW = "row"  # in formulas, the number of the row, from 1

Values = NDArray[Any]


def installed(wanted: PackageTable) -> bool:
    """Whether the package is there at all."""
    return find_spec(wanted.name) is not None


def rows(wanted: PackageTable, role: Role) -> pa.Table:
    """The rows of `role`, in the order of the package's file, with the columns that the project derives.

    As in SQL, a value is null where a column that its formula reads is null, and a row whose condition is null is left out.

    Raises:
        SourceError: the package lacks the file, or it is no readable CSV file.
        ConfigError: a formula cannot be read or computed, or names a column that the file does not have.
    """
    table = _table(wanted)
    condition = wanted.training if role == "training" else wanted.production
    chosen = _derived(table, condition, f"data.package.{role}")
    kept = table.filter(chosen.cast(pa.bool_()))
    return pa.table(
        {name: _derived(kept, text, f"data.package.columns.{name}") for name, text in wanted.columns.items()}
    )


def _table(wanted: PackageTable) -> pa.Table:
    path = _folder(wanted) / wanted.file
    if not path.is_file():
        raise SourceError(f"{path}: no such file in the package {wanted.name}; correct data.package.file")
    with exports.unpacked(path) as file:
        table = tabular.read_csv(file, str(path))
    return table if ROW in table.column_names else table.append_column(ROW, pa.array(range(1, table.num_rows + 1)))


def _folder(wanted: PackageTable) -> Path:
    spec = find_spec(wanted.name)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise SourceError(f"{wanted.name} (data.package.name): not an installed package; install it, or name another")
    return Path(places[0])


def _derived(table: pa.Table, text: str, field: str) -> pa.ChunkedArray | pa.Array:
    reads = formula.names(text)
    unknown = sorted(reads - set(table.column_names))
    if unknown:
        raise ConfigError(f"{field}: found '{unknown[0]}', allowed: {', '.join(table.column_names)}")
    if text.strip() in reads:  # the column as it is, times included
        return table[text.strip()]
    arrays = {name: table[name].to_numpy() for name in reads}
    missing: Values = np.zeros(table.num_rows, dtype=np.bool_)
    for name in reads:
        missing |= table[name].is_null().to_numpy()
    values = formula.evaluate(text, arrays, table.num_rows)
    return pa.array(values.astype(np.int64) if values.dtype.kind == "b" else values, mask=missing)
