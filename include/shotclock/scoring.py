"""Streaming batch inference: one parquet file in, one with the model's probabilities out, in memory that stays flat.

Reading, predicting and writing overlap in threads. Rows come out in the order in which they went in, and no value
depends on the size of the batches or on which thread was faster.
"""

import math
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shotclock import contract, repeats, storage
from shotclock.config import Columns
from shotclock.predictor import Floats, predictor
from shotclock.storage import Address

BATCH_ROWS = 131_072  # about 13 MB of rows on their way; also the row groups of the output
ID_ROWS = 1 << 20  # only the ids: they are looked through for repeats first
READ_AHEAD = 2  # batches
MOST_WORKERS = 8  # one writer cannot take more
VALUES_AT_ONCE = 1 << 16  # that the writer encodes; its default of 1024 costs a third more
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
    threshold: float = 0.5,
    batch_rows: int = BATCH_ROWS,
    tell: Tell = nobody,
) -> Scored:
    """Score every row of `source` that keeps the contract, labelled or not.

    `target` gets a row for each, in order: id, time, features, `probability` (of target = 1), `prediction` (1 where the
    probability is at least `threshold`, else 0), `model_version`. Rows that break the contract go to `quarantine` with
    the `reason`; without any, there is no such file. Both appear whole or not at all; the same call gives the same
    bytes. Where a file is refused for its bad rows, these appear unless an earlier call has left a result.

    An id may stand once in a file: its later rows are set aside, whatever the size of the batches.

    Args:
        model: a fitted scikit-learn estimator with `predict_proba`, fitted on a DataFrame of the project's features.
        version: the model's, as it stands in every row.
        max_bad_share: the largest share of rows, 0 to 1, that may break the contract.
        batch_rows: rows that travel together.
        tell: called after each batch with the number of rows that are done.

    Raises:
        SourceError: `source` is missing, truncated or damaged.
        ContractError: it lacks a column, has no rows, too many of them break the contract, or none keeps it.
        StoreError: the model was not made for these columns.
    """
    predict = predictor(model, list(columns.features), version)
    rows, batches = _batches(source, columns, batch_rows)
    repeated = repeats.positions(lambda: _ids(source, columns.id), rows)

    def score(start: int, batch: pa.RecordBatch) -> _Batch:
        examined = contract.examine(batch, columns, repeated=repeats.mask(repeated, start, batch.num_rows))
        return _Batch(examined, predict(examined.good))

    with ExitStack() as files:
        output = _Output(files, target, quarantine, version, threshold)
        with threadpool_limits(1, user_api="blas"), closing(_in_order(score, batches)) as scored:
            for batch in scored:
                output.write(batch)
                tell(output.rows)
        done = output.summary()
        aside = output.set_aside() if not storage.is_file(target) else ""  # else it would not speak of that result
        contract.refuse_above(done.quarantined, done.reasons, rows, str(source), max_bad_share, aside)
        contract.refuse_empty(done.scored, f"{source}, without the rows that break the contract")
    if not done.quarantined:
        storage.withdraw(quarantine)  # that of an earlier try
    return done


def _batches(source: Address, columns: Columns, batch_rows: int) -> tuple[int, Generator[pa.RecordBatch, None, None]]:
    """The number of rows, and the rows themselves: the columns that scoring needs, and no others."""
    with storage.open_parquet(source) as file:
        rows, schema = file.metadata.num_rows, file.schema_arrow
    contract.check_schema(schema, columns, str(source), needs_target=False)
    contract.refuse_empty(rows, str(source))
    texts = [columns.time] if pa.types.is_string(schema.field(columns.time).type) else []
    wanted = [columns.id, columns.time, *columns.features]
    return rows, storage.read_batches(source, wanted, batch_rows, dictionaries=texts)


def _ids(source: Address, name: str) -> Iterator[pa.Array]:
    for batch in storage.read_batches(source, [name], ID_ROWS):
        yield contract.plain(batch[name])


@dataclass(frozen=True)
class _Batch:
    examined: contract.Examination
    probability: Floats


def _in_order(
    score: Callable[[int, pa.RecordBatch], _Batch], batches: Generator[pa.RecordBatch, None, None]
) -> Generator[_Batch, None, None]:
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

    def __init__(self, files: ExitStack, target: Address, quarantine: Address, version: str, threshold: float) -> None:
        self._files = {"good": files, "bad": files.enter_context(ExitStack())}
        self._paths = {"good": target, "bad": quarantine}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._version = version
        self._threshold = threshold
        self._rows: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._sums: list[float] = []
        self._positive = 0

    def write(self, batch: _Batch) -> None:
        prediction = (batch.probability >= self._threshold).astype(np.int8)
        good = batch.examined.good.append_column("probability", pa.array(batch.probability))
        good = good.append_column("prediction", pa.array(prediction))
        self._append("good", good.append_column("model_version", _constant(self._version, len(prediction))))
        self._append("bad", batch.examined.bad)
        self._reasons.update(batch.examined.reasons)
        self._sums.append(float(batch.probability.sum()))
        self._positive += int(prediction.sum())

    @property
    def rows(self) -> int:
        return self._rows.total()

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
            self._writers[kind] = self._files[kind].enter_context(_writer(partial, rows.schema))
        self._writers[kind].write_batch(rows)
        self._rows[kind] += rows.num_rows


def _constant(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([text]))


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer for speed: texts as dictionaries, whole numbers as differences, floats as they are.

    Arrow's own schema is left out, so that the texts that travel as dictionaries are read back as plain texts.
    """
    texts = [f.name for f in schema if pa.types.is_dictionary(f.type) or f.name == contract.REASON]
    whole = [f.name for f in schema if any(is_kind(f.type) for is_kind in _WHOLE)]
    return pq.ParquetWriter(
        path,
        schema.remove_metadata(),
        use_dictionary=texts,
        column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        write_statistics=[schema.names[0]],  # the id, by which rows are looked up
        write_batch_size=VALUES_AT_ONCE,
        store_schema=False,
    )
