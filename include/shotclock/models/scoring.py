"""Streaming batch inference: one parquet file in, one with the model's probabilities out, in memory that stays flat.

Reading, predicting and writing overlap in threads. Rows come out in the order in which they went in, and no value
depends on the size of the batches or on which thread was faster.
"""

import math
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shotclock.config import Columns
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.rows import contract, labelling, repeats, types

if TYPE_CHECKING:  # scikit-learn takes a second, and whoever reads what was scored does not need it
    from shotclock.models.predictor import Floats, Predictor

BATCH_ROWS = 131_072  # about 13 MB of rows on their way; also the row groups of the output
ID_ROWS = 1 << 20  # only the ids: they are looked through for repeats first
READ_AHEAD = 2  # batches
MOST_WORKERS = 8  # one writer cannot take more
VALUES_AT_ONCE = 1 << 16  # that the writer encodes; its default of 1024 costs a third more
OUTPUTS = ("probability", "prediction", "model_version")
"""The columns that scoring adds; with a line before it where the project has one of that name: see `Columns.output`."""
REPEATED = "row"
_REPEATING = pa.dictionary(pa.int32(), pa.string())
Batches = Generator[pa.RecordBatch, None, None]
Tell = Callable[[int], None]
_WHOLE = (pa.types.is_integer, pa.types.is_date, pa.types.is_timestamp)


@dataclass(frozen=True)
class Scored:
    """What became of a file: `rows` = `scored` + `quarantined`; `reasons` counts the quarantined by broken rule.

    `positive` counts the predictions of 1.
    """

    rows: int
    scored: int
    quarantined: int
    reasons: dict[str, int]
    mean_probability: float
    positive: int


@dataclass(frozen=True)
class Beside:
    """Where a version's probabilities lie beside the champion's: id, probability, model version, in the order of the rows."""

    version: str
    target: Address


@dataclass(frozen=True)
class Shadow(Beside):
    """A version that scores the same rows beside the champion, and serves nobody.

    Attributes:
        share: of the rows that it scores, by a hash of their id with this `seed`: see `labelling.chosen`.
    """

    predict: "Predictor"
    share: float = 1.0
    seed: int = 0

    @classmethod
    def of(
        cls, model: Any, columns: Columns, version: str, target: Address, *, share: float = 1.0, seed: int = 0
    ) -> "Shadow":
        """Args: see `score_file`, and above.

        Raises:
            StoreError: the model was not made for these columns.
        """
        from shotclock.models.predictor import predictor

        return cls(version, target, predictor(model, list(columns.features), version), share, seed)


def nobody(rows: int) -> None:
    """Tells nobody how many rows are done."""


def score_file(  # noqa: PLR0913  (one call says all that the output depends on)
    model: Any,
    columns: Columns,
    source: Address,
    target: Address,
    quarantine: Address,
    *,
    version: str,
    max_bad_share: float,
    known: pa.Schema | None = None,
    threshold: float = 0.5,
    batch_rows: int = BATCH_ROWS,
    tell: Tell = nobody,
    shadow: Shadow | None = None,
    shown: str = "",
) -> Scored:
    """Score every row of `source` that keeps the contract, labelled or not.

    `target` gets a row for each, in order: id, time, features, the target (null where the file has none), with the project's
    types; `probability` (of target = 1), `prediction` (1 where that is at least `threshold`, else 0), `model_version`. Rows
    that break the contract go to `quarantine` with the `reason`; without any, there is no such file.
    An id may stand once in a file: its later rows are set aside, whatever the size of the batches. Both appear whole or not
    at all; the same call gives the same bytes. Of a refused file the bad rows appear unless an earlier call left a result.

    Args:
        model: a fitted scikit-learn estimator with `predict_proba`, fitted on a DataFrame of the project's features.
        version: the model's, as it stands in every row.
        max_bad_share: the largest share of rows, 0 to 1, that may break the contract.
        known: the project's types, see `types.of`; by default as this file has them.
        batch_rows: rows that travel together.
        tell: called after each batch with the number of rows that are done.
        shadow: who scores the rows besides; `target` has the same bytes either way. A file without rows leaves it none.
        shown: what messages call the file, if its rows were read from another one.

    Raises:
        SourceError: `source` is missing, truncated or damaged.
        ContractError: it lacks a column, too many of its rows break the contract, or none of them keeps it.
        StoreError: the model was not made for these columns.
    """
    from shotclock.models.predictor import predictor

    predict = predictor(model, list(columns.features), version)
    rows, schema = _check(source, columns, known)
    typed = _Typed(columns, schema, shown or str(source))
    if not rows:
        return _nothing(typed, target, quarantine)

    def attempt(batches: Batches, repeated: repeats.Positions) -> Scored:
        with ExitStack() as files:
            output = _Output(files, target, quarantine, columns, version, threshold, shadow)
            _stream(predict, typed, batches, repeated, 0, output, tell)
            done = output.summary()
            aside = output.set_aside() if not storage.is_file(target) else ""  # else it would not speak of that result
            _refuse(done, typed, max_bad_share, aside)
        return done

    done = _without_repeats(attempt, partial(_batches, source, columns, batch_rows), typed, source, rows)
    if not done.quarantined:
        storage.withdraw(quarantine)  # that of an earlier try
    return done


def _first_of(aside: str, columns: Columns) -> str:
    with storage.open_parquet(storage.at(aside)) as file:
        return contract.first_of(next(file.iter_batches(1)), columns)


def _without_repeats(
    attempt: Callable[[Batches, repeats.Positions], Scored],
    batches: Callable[[], Batches],
    typed: "_Typed",
    source: Address,
    rows: int,
) -> Scored:
    """What an attempt gives that knows which rows repeat an id: none, as long as each is greater than the one before it."""
    key = typed.columns.id
    try:
        return attempt(_increasing(batches(), key), np.empty(0, np.int64))
    except _NotIncreasingError:  # mostly in the first batch: so little is lost, and where ids rise they are read once
        return attempt(batches(), repeats.positions(lambda: _ids(source, key), rows))


@dataclass(frozen=True)
class _Typed:
    """What rows must be, and what they become."""

    columns: Columns
    types: pa.Schema
    source: str


def _refuse(done: Scored, typed: _Typed, max_bad_share: float, aside: str) -> None:
    first = _first_of(aside, typed.columns) if aside and done.quarantined else ""
    contract.refuse_above(done.quarantined, done.reasons, done.rows, typed.source, max_bad_share, aside, first)
    contract.refuse_empty(done.scored, f"{typed.source}, without the rows that break the contract")


def _nothing(typed: _Typed, target: Address, quarantine: Address) -> Scored:
    """What becomes of a file without rows, such as that of an empty day: a result without rows."""
    storage.withdraw(quarantine)
    outputs = zip(map(typed.columns.output, OUTPUTS), (pa.float64(), pa.int8(), pa.string()), strict=True)
    fields = [*typed.types, *(pa.field(name, kind) for name, kind in outputs)]
    plain = [pa.field(field.name, pa.string()) if field.type == _REPEATING else field for field in fields]
    storage.write_table(pa.schema(plain).empty_table(), target)
    return Scored(rows=0, scored=0, quarantined=0, reasons={}, mean_probability=math.nan, positive=0)


@dataclass(frozen=True)
class Partition:
    """A part of a file that is scored by itself: `rows` rows from row number `start` on, in the row groups `groups`."""

    number: int
    of: int
    start: int
    rows: int
    groups: tuple[int, ...]
    file_rows: int


def partitions(source: Address, at_most: int) -> list[Partition]:
    """Cut a file into parts of whole row groups with at most `at_most` rows each; a larger row group is one by itself.

    Raises:
        SourceError: `source` is missing, truncated or damaged.
    """
    with storage.open_parquet(source) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    cuts: list[list[int]] = []
    for group, size in enumerate(sizes):
        if not cuts or sum(sizes[number] for number in cuts[-1]) + size > at_most:
            cuts.append([])
        cuts[-1].append(group)
    return [
        Partition(number, len(cuts), sum(sizes[: groups[0]]), sum(sizes[g] for g in groups), tuple(groups), sum(sizes))
        for number, groups in enumerate(cuts)
    ]


def repeated_rows(source: Address, columns: Columns) -> pa.Table:
    """The numbers, ascending, of the rows whose id stood in an earlier row of the file: one column, `row`.

    Every partition needs those of its own rows, and finding them takes the ids of the whole file: so it is done once.
    """
    rows, _ = _check(source, columns, None)
    return pa.table({REPEATED: repeats.positions(lambda: _ids(source, columns.id), rows)})


def score_partition(  # noqa: PLR0913  (as `score_file`)
    model: Any,
    columns: Columns,
    source: Address,
    target: Address,
    quarantine: Address,
    *,
    partition: Partition,
    repeated: repeats.Positions,
    version: str,
    known: pa.Schema | None = None,
    threshold: float = 0.5,
    batch_rows: int = BATCH_ROWS,
    tell: Tell = nobody,
    shadow: Shadow | None = None,
) -> Scored:
    """Score one partition of `source` as `score_file` scores a whole file: the rows are the same, wherever it is cut.

    How many rows may break the contract is a matter of the whole file: the caller judges it, by `merged`. A partition
    without a good row leaves no `target`.

    Args:
        repeated: the row numbers of `repeated_rows`, those of this partition at least.
        known, tell, shadow: as for `score_file`.

    Raises:
        SourceError: `source` is missing, damaged, or not the file that was cut.
        ContractError: it lacks a column.
        StoreError: the model was not made for these columns.
    """
    from shotclock.models.predictor import predictor

    predict = predictor(model, list(columns.features), version)
    rows, schema = _check(source, columns, known)
    if rows != partition.file_rows:
        raise SourceError(
            f"{source}: found {rows:,} rows, expected {partition.file_rows:,} as when it was cut: it was changed since; "
            "clear the run from its first task on"
        )
    with ExitStack() as files:
        output = _Output(files, target, quarantine, columns, version, threshold, shadow)
        batches = _batches(source, columns, batch_rows, partition.groups)
        _stream(predict, _Typed(columns, schema, str(source)), batches, repeated, partition.start, output, tell)
        done = output.summary()
    for path, count in ((target, done.scored), (quarantine, done.quarantined)):
        if not count:
            storage.withdraw(path)
    return done


def merged(parts: Sequence[Scored]) -> Scored:
    """What became of a file whose partitions are `parts`."""
    scored = sum(part.scored for part in parts)
    reasons: Counter[str] = sum((Counter(part.reasons) for part in parts), Counter())
    total = math.fsum(part.mean_probability * part.scored for part in parts if part.scored)
    return Scored(
        rows=sum(part.rows for part in parts),
        scored=scored,
        quarantined=sum(part.quarantined for part in parts),
        reasons=contract.worst_first(reasons),
        mean_probability=total / scored if scored else math.nan,
        positive=sum(part.positive for part in parts),
    )


def _check(source: Address, columns: Columns, known: pa.Schema | None) -> tuple[int, pa.Schema]:
    """The number of rows, if the columns are what the project names; and the project's types."""
    with storage.open_parquet(source) as file:
        rows, schema = int(file.metadata.num_rows), file.schema_arrow
    contract.check_schema(schema, columns, str(source), needs_target=False)
    wanted = known or types.of(columns, schema)
    types.refuse_others(schema, wanted, str(source))
    if _repeats(schema, columns) and wanted.field(columns.time).type == pa.string():
        wanted = wanted.set(wanted.get_field_index(columns.time), pa.field(columns.time, _REPEATING))
    return rows, wanted


def _repeats(schema: pa.Schema, columns: Columns) -> bool:
    """Whether times are texts: they repeat, and so are read and written faster as dictionaries."""
    return bool(pa.types.is_string(schema.field(columns.time).type))


def _batches(source: Address, columns: Columns, batch_rows: int, groups: Sequence[int] | None = None) -> Batches:
    """The rows themselves: the columns that scoring needs, and no others."""
    with storage.open_parquet(source) as file:
        schema = file.schema_arrow
    wanted = [name for name in columns.in_file if name in schema.names]
    texts = [columns.time] if _repeats(schema, columns) else []
    return storage.read_batches(source, wanted, batch_rows, dictionaries=texts, groups=groups)


def _stream(
    predict: "Predictor",
    typed: _Typed,
    batches: Batches,
    repeated: repeats.Positions,
    first: int,
    output: "_Output",
    tell: Tell,
) -> None:
    """Score the batches, the first of which begins at row number `first` of the file, and write them in their order."""

    def score(start: int, batch: pa.RecordBatch) -> _Batch:
        marked = repeats.mask(repeated, first + start, batch.num_rows)
        examined = contract.examine(batch, typed.columns, repeated=marked)
        good = _with_target(types.cast(examined.good, typed.types, typed.source), typed.columns.target)
        beside = _beside(output.shadow, good, typed.columns) if output.shadow else None
        return _Batch(replace(examined, good=good), predict(good), beside)

    with threadpool_limits(1, user_api="blas"), closing(_in_order(score, batches)) as scored:
        for batch in scored:
            output.write(batch)
            tell(output.rows)


def _beside(shadow: Shadow, rows: pa.RecordBatch, columns: Columns) -> pa.RecordBatch:
    """Id, probability and version of the shadow's share of the rows."""
    if shadow.share < 1:
        needed = rows.select([columns.id, *columns.features])
        rows = needed.filter(pa.array(labelling.chosen(rows[columns.id], shadow.share, shadow.seed)))
    told = [rows[columns.id], pa.array(shadow.predict(rows)), _constant(shadow.version, rows.num_rows)]
    return pa.RecordBatch.from_arrays(told, [columns.id, columns.probability, columns.output("model_version")])


def _with_target(rows: pa.RecordBatch, target: str) -> pa.RecordBatch:
    """The rows with a column for the target, null where their file has none."""
    return rows if target in rows.schema.names else rows.append_column(target, pa.nulls(rows.num_rows, types.TARGET))


class _NotIncreasingError(Exception):
    """An id is not greater than the one before it, so it may stand twice."""


def _increasing(batches: Batches, id_column: str) -> Batches:
    """The batches themselves, as long as each id is greater than the one before it."""
    with closing(batches):
        before: pa.Array | None = None
        for batch in batches:
            own = contract.plain(batch[id_column])
            ids = own if before is None else pa.concat_arrays([before, own])
            if not contract.increasing(ids):
                raise _NotIncreasingError
            before = ids.drop_null()[-1:]
            yield batch


def _ids(source: Address, name: str) -> Iterator[pa.Array]:
    for batch in storage.read_batches(source, [name], ID_ROWS):
        yield contract.plain(batch[name])


@dataclass(frozen=True)
class _Batch:
    examined: contract.Examination
    probability: "Floats"
    shadow: pa.RecordBatch | None = None


def _in_order(score: Callable[[int, pa.RecordBatch], _Batch], batches: Batches) -> Generator[_Batch, None, None]:
    """Read ahead in one thread, score in others, give the results in the order of the rows.

    An error of any thread is raised here as itself, after all threads have ended.
    """
    workers = min(len(os.sched_getaffinity(0)), MOST_WORKERS)
    with closing(batches), ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[_Batch]] = deque()
        start = 0
        for batch in _ahead(batches, reader):
            waiting.append(pool.submit(score, start, batch))
            start += batch.num_rows
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _ahead(batches: Iterator[pa.RecordBatch], reader: ThreadPoolExecutor) -> Iterator[pa.RecordBatch]:
    reads = deque(reader.submit(next, batches, None) for _ in range(READ_AHEAD))
    while (batch := reads.popleft().result()) is not None:
        reads.append(reader.submit(next, batches, None))
        yield batch


class _Output:
    """Writes scored batches and adds up what became of the rows.

    They appear once `files` is left without error; the bad ones already with `set_aside`, for whoever has to mend the file
    if it is refused.
    """

    def __init__(
        self,
        files: ExitStack,
        target: Address,
        quarantine: Address,
        columns: Columns,
        version: str,
        threshold: float,
        shadow: Shadow | None,
    ) -> None:
        self.shadow = shadow
        self._files = {"good": files, "bad": files.enter_context(ExitStack()), "shadow": files}
        self._paths = {"good": target, "bad": quarantine} | ({"shadow": shadow.target} if shadow else {})
        self._writers: dict[str, pq.ParquetWriter] = {}
        texts = [name for name, feature in columns.features.items() if feature.is_text]
        self._repeating = [*texts, columns.output(contract.REASON)]
        self._added = [columns.output(name) for name in OUTPUTS]
        self._version = version
        self._threshold = threshold
        self._rows: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._sums: list[float] = []
        self._positive = 0

    def write(self, batch: _Batch) -> None:
        prediction = (batch.probability >= self._threshold).astype(np.int8)
        added = pa.array(batch.probability), pa.array(prediction), _constant(self._version, len(prediction))
        good = batch.examined.good
        for name, values in zip(self._added, added, strict=True):
            good = good.append_column(name, values)
        self._append("good", good)
        self._append("bad", batch.examined.bad)
        if batch.shadow is not None:
            self._append("shadow", batch.shadow)
        self._reasons.update(batch.examined.reasons)
        self._sums.append(float(batch.probability.sum()))
        self._positive += int(prediction.sum())

    @property
    def rows(self) -> int:
        return self._rows["good"] + self._rows["bad"]

    def summary(self) -> Scored:
        scored, quarantined = self._rows["good"], self._rows["bad"]
        return Scored(
            rows=scored + quarantined,
            scored=scored,
            quarantined=quarantined,
            reasons=contract.worst_first(self._reasons),
            mean_probability=math.fsum(self._sums) / scored if scored else math.nan,
            positive=self._positive,
        )

    def set_aside(self) -> str:
        """Let the bad rows appear; gives their file."""
        self._files["bad"].close()
        return str(self._paths["bad"])

    def _append(self, kind: str, rows: pa.RecordBatch) -> None:
        if rows.num_rows == 0:
            return
        if kind not in self._writers:
            partial = self._files[kind].enter_context(storage.replacing(self._paths[kind]))
            self._writers[kind] = self._files[kind].enter_context(_writer(partial, rows.schema, self._repeating))
        self._writers[kind].write_batch(rows)
        self._rows[kind] += rows.num_rows


def _constant(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([text]))


def _writer(path: Path, schema: pa.Schema, repeating: Sequence[str]) -> pq.ParquetWriter:
    """A writer for speed: texts that repeat as dictionaries, whole numbers as differences, floats as they are.

    Arrow's own schema is left out, so that the texts that travel as dictionaries are read back as plain texts.
    """
    texts = [f.name for f in schema if pa.types.is_dictionary(f.type) or f.name in repeating]
    whole = [f.name for f in schema if any(is_kind(f.type) for is_kind in _WHOLE) and f.name not in repeating]
    return pq.ParquetWriter(
        path,
        schema.remove_metadata(),
        use_dictionary=texts,
        column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        write_statistics=[schema.names[0]],  # the id, by which rows are looked up
        write_batch_size=VALUES_AT_ONCE,
        store_schema=False,
    )
