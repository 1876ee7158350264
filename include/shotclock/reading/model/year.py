"""A year of a project on its data's own time: how many days it was fit, what was decided, what retraining brought."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Project, project
from shotclock.errors import StoreError
from shotclock.files import dataset, storage
from shotclock.judging.alerts import Decision
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Level
from shotclock.judging.gate import untouched
from shotclock.judging.side_by_side import Given
from shotclock.judging.side_by_side.year import Gained, Part, Stretch, days, gained, parts
from shotclock.judging.verdict import against_each_other
from shotclock.models.predictor import predictor
from shotclock.reading.health import windows_of
from shotclock.rows.parts import moments
from shotclock.store import history, queries, records
from shotclock.store.intake import ledger
from shotclock.store.records import Application
from shotclock.store.versions import registry, types
from shotclock.store.window import labels

MOST_ROWS = 50_000
"""Rows that are looked at, about: of more it is a sample, by id."""
NEWEST = "newest"
_FEW = 100  # rows, of which the first and the last may well be days away from those of all
_MOST = 10_000  # records of one kind
_YEAR = timedelta(days=364)


@dataclass(frozen=True)
class Placed:
    """A decision, and the day of the data by which it was made: the last one that had come; None before any had."""

    decision: Decision
    day: date | None
    plain: str = ""
    """What the gate had found, without jargon, where it put another version into service."""


@dataclass(frozen=True)
class Year:
    """From `begin` to `end`, both included; `None` while no batch was scored.

    Attributes:
        choices: what can be asked for: `newest`, the newest year of data, and the calendar years.
        days: how many stand at each level; those without rows at none.
        decisions: oldest first, without skips.
        gained: against the first version, `first`; None where no labelled row tells it.
        served: the versions that served, in order.
    """

    choices: tuple[str, ...]
    chosen: str
    begin: date
    end: date
    stretches: tuple[Stretch, ...]
    days: dict[Level, int]
    decisions: tuple[Placed, ...]
    parts: tuple[Part, ...]
    gained: Gained | None
    first: str
    served: tuple[str, ...]

    @property
    def trainings(self) -> int:
        return sum(one.decision.flow == "retraining" for one in self.decisions)

    @property
    def promotions(self) -> int:
        return sum((one.decision.flow, one.decision.outcome) == ("retraining", "promote") for one in self.decisions)


def year(name: str, chosen: str = NEWEST) -> Year | None:
    """The newest year of data, or the calendar year that is asked for; None while nothing was scored.

    Raises:
        StoreError: there are no rows of that year.
    """
    rules, past = project(name), _past(name, queries.pulse(name))
    if past is None:
        return None
    first, last = min(one.begin for one in past.stretches), max(one.end for one in past.stretches)
    choices = (NEWEST, *map(str, range(last.year, first.year - 1, -1)))
    if chosen not in choices:
        raise StoreError(f"project '{name}' has no rows of '{chosen}', expected one of {', '.join(choices)}")
    begin, end = (last - _YEAR, last) if chosen == NEWEST else (date(int(chosen), 1, 1), date(int(chosen), 12, 31))
    within = [one for one in past.stretches if one.begin <= end and one.end >= begin]
    made = tuple(one for one in past.decisions if one.day and begin <= one.day <= end)
    rows = past.rows[(past.rows["day"] >= begin) & (past.rows["day"] <= end)]
    given = Given(*(rows[column].to_numpy(dtype=np.float64) for column in ("label", "never", "served")))
    trainings = sum(one.decision.flow == "retraining" for one in made)
    return Year(
        choices=choices,
        chosen=chosen,
        begin=begin,
        end=end,
        stretches=tuple(within),
        days=days(within, begin, end),
        decisions=made,
        parts=tuple(parts(rows["time"].to_numpy(), given, rules.degradation.confidence)),
        gained=gained(given, rules.gate, trainings, rules.cost, past.scale) if past.first else None,
        first=past.first,
        served=tuple(dict.fromkeys(rows["version"])),
    )


@dataclass(frozen=True)
class _Past:
    """All of it. `rows`: time, day, label, version, and what it `served` and the first version would `never` have changed."""

    stretches: list[Stretch]
    decisions: list[Placed]
    rows: pd.DataFrame
    first: str
    scale: float


@lru_cache(maxsize=8)
def _past(name: str, pulse: str) -> _Past | None:
    """Kept until a run of the project ends."""
    rules, scored = project(name), _first_scorings(name)
    if not scored:
        return None
    total = sum(batch.scored for batch in scored)
    share, known = min(1.0, MOST_ROWS / total), types.learnt(rules)
    decisions = sorted(history.decisions(name, most=_MOST), key=lambda one: one.at)
    first = next((one.champion for one in decisions if one.outcome == "promote"), "")
    tables = labels.joined(rules, scored, share, known)
    ends = [_ends(rules, batch, rows) for batch, rows in zip(scored, tables, strict=True)]
    windows = windows_of(
        [*queries.newest(name, records.Performance, most=_MOST), *queries.newest(name, records.Drift, most=_MOST)]
    )
    levels = {(one.champion, *one.batches[-1:]): one.level for one in reversed(windows)}  # of two of a batch the first
    names = [storage.at(batch.source).stem for batch in scored]
    stretches = [
        Stretch(*span, levels.get((batch.champion, name), "unknown"), name, batch.champion)
        for batch, name, span in zip(scored, names, ends, strict=True)
    ]
    compared = _Compared(rules, first)
    rows = pd.concat([compared.rows(version, together) for version, together in _by_version(scored, tables)])
    rows = rows.drop_duplicates("id", keep="last").sort_values(["time", "id"], kind="stable", ignore_index=True)
    days_of = {batch.batch: end for batch, (_, end) in zip(scored, ends, strict=True)}
    return _Past(stretches, _placed(name, decisions, days_of), rows, first if compared.is_there else "", 1 / share)


def _by_version(scored: Sequence[Application], tables: Sequence[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """The rows that one version served without a break, in one table: what is asked of 200 batches is asked of a few."""
    for version, together in groupby(zip(scored, tables, strict=True), key=lambda pair: pair[0].champion):
        yield version, pa.concat_tables([table for _, table in together])


def _first_scorings(name: str) -> list[Application]:
    """Each batch as it was scored when it came, the oldest first: what was said before anything was known of it."""
    found = {one.record.batch: one.record for one in queries.newest(name, Application, most=_MOST)}
    batches = [found[number] for number in sorted(found)]
    return [batch for batch in batches if batch.scored and dataset.is_there(storage.at(batch.predictions))]


def _ends(rules: Project, batch: Application, rows: pa.Table) -> tuple[date, date]:
    """The first and the last day of the sampled rows; of all rows of a batch that has few in the sample, so a small one."""
    column = rules.columns.time
    if rows.num_rows < min(_FEW, batch.scored):
        rows = pa.Table.from_batches(dataset.read_batches(storage.at(batch.predictions), [column], MOST_ROWS))
    ends = pc.min_max(moments(rows[column]).cast(pa.date32()))  # in UTC, where they have a zone
    return ends["min"].as_py(), ends["max"].as_py()


class _Compared:
    """What versions gave, beside what the first one gives to the same rows."""

    def __init__(self, rules: Project, first: str) -> None:
        self._rules, self._first = rules, first
        there = {version.number: version for version in registry.versions(rules.name)}
        self._versions, self._known = there, dict[str, Any]()
        features = list(rules.columns.features)
        self._predict = predictor(there[first].load(), features, first) if first in there else None

    @property
    def is_there(self) -> bool:
        return self._predict is not None

    def rows(self, version: str, table: pa.Table) -> pd.DataFrame:
        """The labelled rows that neither the version which served them nor the first one had learnt from."""
        columns = self._rules.columns
        ids = table[columns.id].to_numpy(zero_copy_only=False)
        fresh = untouched(ids, *(self._learnt(number) for number in {version, self._first}))
        found = table.filter(pa.array(fresh & table[columns.target].is_valid().to_numpy()))
        served = found[columns.probability].to_numpy()
        never = served
        if self._predict and version != self._first and found.num_rows:
            never = self._predict(found.select(list(columns.features)).combine_chunks().to_batches()[0])
        times = moments(found[columns.time]).to_pandas()
        return pd.DataFrame(
            {
                "id": found[columns.id].to_pandas(),
                "time": times,
                "day": times.dt.date,
                "label": found[columns.target].to_pandas().astype(float),
                "served": served,
                "never": never,
                "version": version,
            }
        )

    def _learnt(self, number: str) -> Any:
        if number not in self._known:
            version = self._versions.get(number)
            self._known[number] = storage.read_column(version.training_ids(), self._rules.columns.id) if version else ()
        return self._known[number]


def _placed(name: str, decisions: Sequence[Decision], ends: dict[int, date]) -> list[Placed]:
    arrived, plain = [(batch.number, at) for batch, at in ledger.arrivals(name)], _plain(name)
    found = []
    for done in decisions:
        known = [ends[number] for number, at in arrived if at <= done.at and number in ends]
        told = plain.get((f"{name}.{done.flow}", done.run), "") if done.outcome == "promote" else ""
        found.append(Placed(done, known[-1] if known else None, told))
    return found


def _plain(name: str) -> dict[tuple[str, str], str]:
    """What each gate found, by DAG and run. What the rows' own positive rate loses follows from the challenger's skill."""
    candidates = queries.newest(name, records.Candidate, most=_MOST)
    made, found = {(one.parent, one.name): one.record.holdout for one in candidates}, {}
    for one in queries.newest(name, records.Gate, most=_MOST):
        told = one.record
        holdout = made.get((told.training_run, told.challenger), {})
        gain, loss, skill = told.gain, holdout.get("log_loss"), holdout.get("log_loss_skill")
        if gain is None or told.gain_low is None or told.gain_high is None or not loss or skill is None:
            continue
        saved = Figure(gain, told.gain_low, told.gain_high).scaled((1 - skill) / loss)
        old = f"v{told.champion}" if told.champion else "the base rate"
        found[one.place] = against_each_other(saved, "The new version", old)
    return found
