"""Labelled rows cut into blocks in the order of time: each block judges the models of all rows before it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shotclock.config import Project
from shotclock.errors import ContractError

MOST = 10
"""No block is smaller than this part of all recent rows: so many fits a recipe, not more."""
JUDGING = 0.3
"""The share of the recent rows that the newest blocks hold which judge; the older ones choose the recipe."""


@dataclass(frozen=True)
class Blocks:
    """Where blocks lie in a table of rows: first those that were known before, then the recent ones.

    Attributes:
        older: how many rows come before the recent ones.
        cuts: where each block begins, and where the last one ends, shape (blocks + 1,): row numbers of the table.
        judging: the row from which on the blocks judge; those before it choose which recipe is judged.
        file: how many of the older rows the training file gave; the others came later, and are no longer among the recent
            ones. None: it gave all.
    """

    older: int
    cuts: tuple[int, ...]
    judging: int
    file: int | None = None

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self.cuts[-1]

    @property
    def first(self) -> int:
        """The first row that is judged at all."""
        return self.cuts[0]

    @property
    def spans(self) -> tuple[slice, ...]:
        """The rows of each block."""
        return tuple(slice(*ends) for ends in zip(self.cuts[:-1], self.cuts[1:], strict=True))

    @property
    def apart(self) -> bool:
        """Whether there are blocks that choose, apart from those that judge."""
        return self.judging > self.first

    @property
    def choosing(self) -> slice:
        """The rows that choose, counted from the first that is judged: all of them where none can be set apart."""
        return slice(0, (self.judging if self.apart else self.rows) - self.first)

    def judged_at_once(self) -> Self:
        """The same, but what judges is one block: by one model."""
        return replace(self, cuts=(*(cut for cut in self.cuts if cut <= self.judging), self.rows))

    def learnable(self, before: int, *, recent: bool, least: int, most: int) -> slice:
        """The rows that a recipe's model may learn from, of all those before row number `before`.

        Args:
            recent: the newest `most` alone, of those that came after the training file, or of all rows where these are fewer
                than `least`.
        """
        if not recent:
            return slice(0, before)
        file = self.older if self.file is None else self.file
        return slice(max(file if before - file >= least else 0, before - most), before)

    def known(self, labels: NDArray[np.int64], before: int, rules: "Learning", *, recent: bool) -> slice:
        """As `learnable`; all rows before that one where those lack a class.

        Args:
            labels: 0 or 1 of the table's rows.
        """
        found = self.learnable(before, recent=recent, least=rules.least, most=rules.most)
        return found if np.bincount(labels[found], minlength=2).min() >= rules.folds else slice(0, before)


@dataclass(frozen=True)
class Learning:
    """What a model needs: so many recent rows, and of each class one a fold; and how many recent rows it is given at most."""

    least: int
    most: int
    folds: int

    @classmethod
    def of(cls, project: Project) -> Self:
        return cls(project.gate.min_rows, project.retraining.recent_rows, project.training.folds)


def blocks(older: NDArray[np.int64], recent: Sequence[NDArray[np.int64]], min_rows: int, folds: int) -> Blocks:
    """Cut recent rows into blocks: a batch is one, very small ones are taken together, a large one is cut into equal parts.

    A batch that is smaller than the gate needs is a block all the same: what judges is all of the newest blocks together, and a
    recipe that was not fitted for long is not the one that serves.

    Rows at the beginning before which there are too few of one class to learn from are in no block.

    Args:
        older: labels 0 or 1 of the rows that were known before, shape (rows,).
        recent: those of each batch, oldest first, in the order of time.
        min_rows: what the part of a batch that is cut holds at least.
        folds: how many rows of each class a model needs.

    Raises:
        ContractError: no row is left to judge by.
    """
    total = sum(map(len, recent))
    least = max(1, total // MOST)
    sizes = _sizes([len(batch) for batch in recent], least, max(min_rows, least))
    labels = np.concatenate([older, *recent])
    seen = np.minimum(np.cumsum(labels == 0), np.cumsum(labels == 1))
    learnable = int(np.searchsorted(seen, folds)) + 1
    cuts = tuple(cut for cut in accumulate(sizes, initial=len(older)) if cut >= learnable)
    if len(cuts) < 2:
        raise ContractError(
            f"{len(labels):,} labelled rows, of which the first {learnable:,} hold fewer than {folds} of one class: "
            "nothing is left to judge a recipe by; bring rows of both classes"
        )
    return Blocks(len(older), cuts, judging_from(cuts, total, min_rows))


def _sizes(batches: Sequence[int], least: int, part: int) -> list[int]:
    """The rows of each block, oldest first; what is left over at the beginning joins the oldest.

    Args:
        least: what a block holds; `part`: what it holds where a batch is cut.
    """
    found, held = list[int](), 0
    for batch in reversed(batches):
        held += batch
        if held >= least:
            found += [len(cut) for cut in np.array_split(np.empty(held), max(1, held // part))][::-1]
            held = 0
    if not found:
        return [held]
    return [*reversed([*found[:-1], found[-1] + held])]


def judging_from(cuts: Sequence[int], total: int, min_rows: int) -> int:
    """Where the newest blocks begin that judge: as many as hold their share, and twice the rows that the gate needs.

    Where too few rows would be left to choose by, all blocks do both.
    """
    wanted = max(2 * min_rows, int(JUDGING * total))
    begin = next((cut for cut in reversed(cuts[:-1]) if cuts[-1] - cut >= wanted), cuts[0])
    return begin if begin - cuts[0] >= min_rows else cuts[0]
