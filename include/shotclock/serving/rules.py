"""The project's contract, held against the rows of a request: what a batch sets aside is refused here, or flagged."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from shotclock.config import Feature, usable_projects
from shotclock.errors import ContractError
from shotclock.rows import contract

_TOLD = 5  # broken values that a message names; the answer's list holds more
_LISTED = 100


@dataclass(frozen=True)
class Flag:
    """A value that breaks the contract: its row (0 is the first) and column, and what would keep it."""

    row: int
    column: str
    found: object
    expected: str


class BrokenError(ContractError):
    """A request with rows that break the contract."""

    def __init__(self, flags: Sequence[Flag]) -> None:
        self.flags = [asdict(flag) for flag in flags[:_LISTED]]
        self.broken = len({flag.row for flag in flags})
        told = [f"row {f.row}, column '{f.column}': found {f.found}, expected {f.expected}" for f in flags[:_TOLD]]
        more = f"; and {len(flags) - _TOLD:,} more" if len(flags) > _TOLD else ""
        super().__init__(
            f"{'; '.join(told)}{more}: found {self.broken:,} rows that break the project's contract, expected none; correct "
            "them or leave them out. `scoring.endpoint: flag` in the project file has such rows answered and flagged"
        )


@dataclass(frozen=True)
class Rules:
    """What a project file says of the rows that come to the endpoint."""

    features: Mapping[str, Feature]
    refuses: bool
    time: str = ""
    """The column of a row's time, of which some features may be parts."""

    def of_time(self, names: Sequence[str]) -> dict[str, Feature]:
        """Of the columns that a model was trained on, those that are made of the time."""
        return {name: rule for name in names if (rule := self.features.get(name)) and rule.of_time}

    def flags(self, rows: Any, names: Sequence[str]) -> list[Flag]:
        """The values that break the contract, by row and column; of each the first rule counts. Safe in threads.

        Args:
            rows: shape (rows, columns).
            names: of the columns. One that the project does not name has no rules.

        Raises:
            BrokenError: there are some, and the project has them refused.
        """
        by_name = {name: rows[:, place] for place, name in enumerate(names)} if isinstance(rows, np.ndarray) else rows
        columns = {name: by_name[name] for name in names if name in self.features}
        arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
        rules = {name: self.features[name] for name in columns}
        broken: dict[tuple[int, str], Flag] = {}
        for name, _, mask in contract.feature_rules(arrays, rules):
            for row in np.flatnonzero(mask).tolist():
                told = Flag(row, name, arrays[name][row].as_py(), contract.wanted(rules[name]))
                broken.setdefault((row, name), told)
        found = sorted(broken.values(), key=lambda flag: flag.row)
        if found and self.refuses:
            raise BrokenError(found)
        return found


NO_RULES = Rules({}, refuses=True)
"""Of a model that no project file speaks of."""


def rules_of(project: str) -> Rules | None:
    """The rules of a project's file as it is now; None where it cannot be used, or is gone."""
    usable, _ = usable_projects(project)
    if not usable:
        return None
    columns, scoring = usable[0].columns, usable[0].scoring
    return Rules(columns.features, scoring.endpoint == "refuse", columns.time)
