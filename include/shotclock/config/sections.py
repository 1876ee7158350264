"""The project file as pydantic describes it: its sections, frozen and validated, and the whole."""

import codecs
import io
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shotclock import spelling
from shotclock.config.extension import Period, Trial, month
from shotclock.errors import ConfigError
from shotclock.files.addresses import at

Algorithm = Literal["decision_tree", "logistic_regression", "gradient_boosting"]
Backend = Literal["pycaret", "scikit-learn"]
DriftMethod = Literal["wasserstein", "jensenshannon"]
FeatureType = Literal["number", "integer", "boolean", "category"]
Demote = Literal["on", "ask", "off"]
Mode = Literal["on", "dry_run", "approval"]
Role = Literal["training", "production"]
TimePart = Literal["month", "weekday", "hour"]

MODES: tuple[str, ...] = get_args(Mode)
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
TIME_PARTS: dict[str, range] = {"month": range(1, 13), "weekday": range(7), "hour": range(24)}
"""What a time tells besides the order of the rows, with the values that it may have. Weekday 0 is Monday."""
RECALIBRATED = "recalibrated_champion"  # a retraining's candidate that is not trained: the old model, its odds refitted
BLEND = "blend"  # a retraining's candidate that is not trained: the recipes' probabilities, weighed by their records
BASE_RATE = "base_rate"  # what serves where nothing is proven better: of every row, how often label 1 came
ConnectionId = Field(None, pattern=r"^[\w.-]+$")
MOST_SEED = 2**32 - 1  # the largest that numpy takes
MailAddress = Annotated[str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]


def _is_cron(value: str) -> str:
    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError("a cron expression of five fields, such as '0 0 1 * *' (monthly) or '0 0 1 */3 *' (quarterly)")
    try:
        croniter(value).get_next()
    except CroniterBadDateError as error:
        raise ValueError("a cron expression of a day that comes, such as '0 0 28 2 *'") from error
    return value


def _switch(found: object) -> object:
    """YAML's `on` and `off` are true and false."""
    return ("on" if found else "off") if isinstance(found, bool) else found


def _is_address(value: str) -> str:
    whole = "://" in value or value.startswith("/")
    if not value or (not whole and not set("/\\").isdisjoint(value)):
        raise ValueError("a name under data/raw, an absolute path, or an address such as s3://bucket/folder")
    try:
        at(value)
    except ConfigError as error:
        raise ValueError(str(error).partition("expected ")[2] or "a path, file://, s3://") from error
    return value


Cron = Annotated[str, AfterValidator(_is_cron)]
FileAddress = Annotated[str, AfterValidator(_is_address)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]
Resamples = Annotated[int, Field(ge=100, le=1_000_000)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Feature(Section):
    """One model input: its type, the values that it may take, whether they may be missing, and how its drift is measured.

    A `boolean` is 0 or 1 wherever rows are kept, a `category` is text: codes become text when a file is taken in. One with
    `of_time` is no column of a file: it is a part of the rows' time, on the clocks of `zone` where a time has a zone.
    """

    type: FeatureType
    missing: Literal["refused", "allowed"] = "refused"
    min: float | None = None
    max: float | None = None
    allowed: Annotated[tuple[int | str, ...], Field(min_length=1)] | None = None
    drift: DriftMethod = "wasserstein"
    drift_threshold: float = Field(0.1, gt=0)
    of_time: TimePart | None = None
    zone: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_its_type_is(cls, given: Any) -> Any:
        """Names have no distance between them; and an allowed code of a category is the text that stands for it."""
        if not isinstance(given, dict) or given.get("type") not in ("boolean", "category"):
            return given
        codes = given.get("allowed")
        if given["type"] == "category" and isinstance(codes, list | tuple):
            given = {**given, "allowed": [code if isinstance(code, bool) else str(code) for code in codes]}
        return {"drift": "jensenshannon", **given}

    @model_validator(mode="before")
    @classmethod
    def _as_the_time_has_it(cls, given: Any) -> Any:
        """A part of the time is complete by its name. As a category by default: 23 is next to 0, and a season has its height
        in the midst of the year, which no logistic regression learns of numbers."""
        part = given.get("of_time") if isinstance(given, dict) else None
        if not isinstance(part, str) or part not in TIME_PARTS:
            return given
        others = sorted(set(given) - {"of_time", "type", "zone"})
        if others:
            raise ValueError(f"found {', '.join(others)} of a part of the time, allowed: type and zone")
        if given.get("type", "category") not in ("category", "integer"):
            raise ValueError(f"found type {given['type']} of a part of the time, allowed: category or integer")
        allowed = list(TIME_PARTS[part])
        return {"type": "category", "allowed": allowed, "drift": "jensenshannon", **given}  # runs first: it stands last

    @model_validator(mode="after")
    def _rules_are_of_its_type(self) -> Self:
        ends = [f"{name} {end:g}" for name, end in (("min", self.min), ("max", self.max)) if end is not None]
        if self.is_named and ends:
            raise ValueError(f"found {' and '.join(ends)} of a {self.type}, allowed: of a number or an integer")
        if self.is_named and self.drift != "jensenshannon":
            raise ValueError(f"found drift {self.drift} of a {self.type}, allowed: jensenshannon")
        if self.type == "boolean" and self.allowed is not None:
            raise ValueError("found allowed of a boolean, allowed: of an integer or a category")
        return self

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None and not info.data.get("of_time"):
            raise ValueError("found a zone, allowed: of a part of the time, with of_time")
        try:
            return given if given is None else ZoneInfo(given).key
        except (ZoneInfoNotFoundError, ValueError, OSError):  # of no such name, of no name at all, of a folder's
            raise ValueError(f"found {given!r}, allowed: a time zone by its name, such as Europe/Berlin") from None

    @field_validator("allowed")
    @classmethod
    def _allowed_are_of_its_type(cls, given: tuple[int | str, ...] | None, info: ValidationInfo) -> Any:
        kind = info.data.get("type")
        wrong = [code for code in given or () if isinstance(code, str) != (kind == "category")]
        if wrong:
            meant = "text; put it in quotes" if kind == "category" else "whole numbers"
            raise ValueError(f"found {wrong[0]!r} among the values of {kind}, allowed: {meant}")
        return given

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"found min {self.min:g} and max {self.max:g}, allowed: min up to max")
        return self

    @property
    def is_named(self) -> bool:
        """Whether its type alone says that its values are names."""
        return self.type in ("boolean", "category")

    @property
    def is_category(self) -> bool:
        """Whether its values are names rather than amounts: one of them may fill a whole window."""
        return self.is_named or (self.drift == "jensenshannon" and self.allowed is not None)

    @property
    def is_text(self) -> bool:
        return self.type == "category"

    @property
    def may_be_missing(self) -> bool:
        return self.missing == "allowed"


class Columns(Section):
    id: str
    time: str
    target: str
    features: dict[str, Feature] = Field(min_length=1)

    @model_validator(mode="after")
    def _roles_are_distinct(self) -> Self:
        names = [self.id, self.time, self.target, *self.features]
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        if twice:
            found = "; ".join(f"'{name}' as {' and '.join(self._roles(name))}" for name in twice)
            raise ValueError(f"found {found}, allowed: one role for each column")
        return self

    @model_validator(mode="after")
    def _names_are_short(self) -> Self:
        long = [name for name in (self.target, *self.features) if not spelling.is_short(name)]
        if long:
            raise ValueError(
                f"found '{long[0][:40]}…' of {len(long[0])} letters, allowed: {spelling.LONGEST} letters, of which one that is "
                "not of ASCII counts about five: so long may a metric's name be; rename the column in the files, too"
            )
        return self

    @model_validator(mode="after")
    def _some_feature_is_of_the_file(self) -> Self:
        if not self.given:
            raise ValueError("found parts of the time alone, allowed: at least one feature that the file holds")
        return self

    @property
    def given(self) -> dict[str, Feature]:
        """The features that a file holds, in their order."""
        return {name: feature for name, feature in self.features.items() if feature.of_time is None}

    @property
    def of_time(self) -> dict[str, Feature]:
        """The features that are parts of the time, in their order."""
        return {name: feature for name, feature in self.features.items() if feature.of_time is not None}

    @property
    def texts(self) -> set[str]:
        """The names of the features that hold text."""
        return {name for name, feature in self.features.items() if feature.is_text}

    @property
    def in_file(self) -> list[str]:
        """What a raw file is read for."""
        return [self.id, self.time, *self.given, self.target]

    def _roles(self, name: str) -> list[str]:
        single = [role for role in ("id", "time", "target") if getattr(self, role) == name]
        return [*single, *(["feature"] if name in self.features else [])]

    @property
    def all(self) -> list[str]:
        """What rows hold from the moment a file is taken in."""
        return [self.id, self.time, *self.features, self.target]

    def output(self, name: str) -> str:
        """What a column that Shotclock adds to the rows is called: `name`, or `_name` where the project has one so called."""
        while name in self.all:
            name = f"_{name}"
        return name

    @property
    def probability(self) -> str:
        """The name of the column of predicted probabilities."""
        return self.output("probability")


class PackageTable(Section):
    """A CSV file that an installed Python package ships, and how the two raw files are made of its rows and columns.

    `training` and `production` say which rows; `columns` what each raw file holds: formulas over the columns of the CSV file.
    """

    name: str = Field(pattern=r"^[A-Za-z_]\w*$")
    file: str = Field(pattern=r"^(\w[\w.-]*/)*\w[\w.-]*\.csv(\.zip)?$")
    training: str
    production: str
    columns: dict[str, str] = Field(min_length=1)


class Reading(Section):
    """How the system writes its files: every later file of it is read by this, and of a parquet file what is text there."""

    separator: str = Field(",", min_length=1, max_length=1)
    quote: Literal['"', "'"] = '"'
    escape: Literal["", "\\"] = ""
    """What stands before a quotation mark in a value, where it is not written twice."""
    above: int = Field(0, ge=0, le=100)
    """Lines above the line of names, such as a title; a first line `sep=;` is not counted."""
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", "'", " "] = ""
    units: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """What stands beside numbers and is passed over, such as € or %."""
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ("", "NA")
    """What stands for a missing number or time."""
    ones: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()
    """The words for 1 and 0, such as yes and no; numbers among them, such as 2 and 1, are meant for the target alone."""
    times: dict[str, str] = {}
    """How the times of a column are written: as for strptime, or `epoch s`, `epoch ms`, `epoch us`, `epoch ns`, `excel`."""
    text: tuple[str, ...] = ()
    """Columns that stay text although they look like numbers, such as ids with leading zeros."""
    row_order: bool = False
    """Whether no column tells the time: it is that of the file's last change, and the rows' order."""

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            return codecs.lookup(io.TextIOWrapper(io.BytesIO(), encoding=value).encoding).name  # of text, unlike base64
        except LookupError as error:
            raise ValueError("an encoding that Python knows, such as utf-8, utf-16 or cp1252") from error

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"found '{self.decimal}' as decimal and as thousands, allowed: two marks")
        return self


class Data(Section):
    """Where the raw files come from: names under `data/raw/`, or whole addresses, whose files are only read."""

    training: FileAddress
    production: FileAddress
    download_from: str | None = Field(None, pattern=r"^https?://[^/]")
    sha256: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = {}
    package: PackageTable | None = None
    synthetic: str | None = None
    batches: FileAddress | None = None
    """Folder under `data/raw/` whose parquet files are taken in one by one, instead of the one production file."""
    batches_schedule: Cron = "0 6 * * *"
    labels: FileAddress | None = None
    """Folder under `data/raw/` with parquet files of id and target: labels that come later than their rows."""

    @model_validator(mode="after")
    def _digests_are_of_the_files(self) -> Self:
        files = (self.training, self.production)
        strangers = sorted(set(self.sha256) - set(files))
        if strangers:
            raise ValueError(f"found sha256 of {', '.join(strangers)}, allowed: of {' and '.join(files)}")
        return self


class Quarantine(Section):
    """The largest share of rows that may break the contract before a run fails."""

    training: float = Field(0.0, ge=0, le=1)
    production: float = Field(0.01, ge=0, le=1)


class Scoring(Section):
    """How a production file is cut for scoring, and what the endpoint does with rows that a batch would set aside."""

    endpoint: Literal["refuse", "flag"] = "refuse"

    partition_rows: int = Field(10_000_000, ge=1)
    """A file with more rows is scored by partitions of about so many: whole row groups, each partition a task."""


class Split(Section):
    test_share: float = Field(0.2, gt=0, lt=1)
    seed: Seed = 42


class Training(Section):
    backend: Backend = "scikit-learn"
    candidates: tuple[Algorithm, ...] = Field(("decision_tree", "logistic_regression"), min_length=1)
    folds: int = Field(5, ge=2)
    iterations: int = Field(10, ge=1)
    seed: Seed = 42
    blend: bool = False
    """Whether in a retraining the recipes' probabilities, weighed by their track records, compete as one more recipe."""
    search_minutes: int = Field(60, ge=1, le=1440)
    """How long PyCaret's process may take over all candidates of a training."""

    @field_validator("candidates")
    @classmethod
    def _each_once(cls, value: tuple[Algorithm, ...]) -> tuple[Algorithm, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each algorithm once")
        return value


class GateRules(Section):
    """When a challenger is proven better: paired gain in log loss (nats per row) on rows that neither model saw."""

    mode: Annotated[Mode, BeforeValidator(lambda found: "on" if found is True else found)] = "on"  # YAML's on is true
    min_gain: float = Field(0.001, ge=0)
    smallest_gain: float | None = Field(None, gt=0)
    """A true gain that should not be missed: how surely the rows at hand would prove it is told. See `to_find`."""
    min_rows: int = Field(500, ge=2)
    max_churn: float | None = Field(None, ge=0, lt=1)
    """How much may change without a person's approval; None: any. Of the rows, predictions; on average, a probability."""
    confidence: float = Field(0.95, gt=0, lt=1)
    resamples: Resamples = 2000
    seed: Seed = 42

    @property
    def to_find(self) -> float:
        """`smallest_gain`; where nobody has declared one, 0.01 nats a row, or twice `min_gain` if that is more."""
        return self.smallest_gain or max(0.01, 2 * self.min_gain)

    @model_validator(mode="after")
    def _what_is_to_be_found_may_pass(self) -> Self:
        if self.to_find <= self.min_gain:
            found = f"smallest_gain {self.to_find:g} and min_gain {self.min_gain:g}"
            raise ValueError(f"found {found}, allowed: smallest_gain above min_gain, which it has to pass")
        return self


class DriftRules(Section):
    """`alert` when at least `share` of the columns drifted in `windows` of the last `of_windows` windows."""

    share: float = Field(0.5, gt=0, le=1)
    min_rows: int = Field(1000, ge=1)
    max_rows: int = Field(500_000, ge=1)
    windows: int = Field(1, ge=1)
    of_windows: int = Field(1, ge=1)
    seed: Seed = 42

    @model_validator(mode="after")
    def _k_of_n(self) -> Self:
        if self.windows > self.of_windows:
            found = f"windows {self.windows} and of_windows {self.of_windows}"
            raise ValueError(f"found {found}, allowed: windows up to of_windows")
        return self


class DegradationRules(Section):
    """When labelled rows prove that the champion has become too bad: see `performance.judge_performance`."""

    min_rows: int = Field(1000, ge=2)
    max_skill_drop: float = Field(0.05, gt=0)
    confidence: float = Field(0.95, gt=0, lt=1)
    resamples: Resamples = 2000
    seed: Seed = 42


class RetrainingRules(Section):
    """When a retraining runs, on which rows, and what keeps alerts from starting one again and again."""

    schedule: Cron = "0 0 1 * *"
    recent_rows: int = Field(10_000, ge=1)
    every_new_records: int = Field(5000, ge=1)
    cool_down_days: float = Field(30, ge=0)
    min_new_labels: int = Field(1000, ge=1)
    max_fruitless: int = Field(3, ge=1)
    ships: Literal["refit", "measured"] = "refit"
    """What takes over: the recipe fitted on all labelled rows, or exactly the model that was measured."""
    demote: Annotated[Demote, BeforeValidator(_switch)] = "on"
    """What follows where the version before is proven better on the rows since a promotion: see `judging.demotion`."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_held_back_now(cls, given: object) -> object:
        """Files that still say how the recent rows were cut are read: since recipes have a track record nobody cuts them."""
        return {key: v for key, v in given.items() if key not in _SHARES} if isinstance(given, dict) else given


_SHARES = ("train_share", "validation_share")


class Slice(Section):
    """A feature by which the model card tells the figures apart: by its values or, with `edges`, by the bands between."""

    column: str
    edges: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _edges_go_up(self) -> Self:
        if any(low >= high for low, high in pairwise(self.edges)):
            found = ", ".join(f"{edge:g}" for edge in self.edges)
            raise ValueError(f"found edges {found}, allowed: each one above the one before")
        return self


class Cost(Section):
    """What retraining and being wrong cost, in one and the same money: for comparing policies, nothing decides by it."""

    training: float = Field(gt=0)
    per_nat: float = Field(gt=0)
    """Of one nat of log loss in one row."""


class NotifyRules(Section):
    """Who is told besides the log: ids of Airflow connections. Nothing here is needed to run."""

    slack: str | None = ConnectionId
    webhook: str | None = ConnectionId
    smtp: str | None = ConnectionId
    mail_to: tuple[MailAddress, ...] = ()

    @model_validator(mode="after")
    def _mail_has_a_server_and_a_reader(self) -> Self:
        if (self.smtp is None) != (not self.mail_to):
            found = f"smtp {self.smtp or 'none'} and mail_to {', '.join(self.mail_to) or 'nobody'}"
            raise ValueError(f"found {found}, allowed: both, or neither")
        return self


class Project(Section):
    """One model's file: data, target, features, candidates, rules. An extension derives its own from it: see `extension`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    title: str
    data: Data
    columns: Columns
    reading: Reading = Reading()
    quarantine: Quarantine = Quarantine()
    scoring: Scoring = Scoring()
    split: Split = Split()
    training: Training = Training()
    gate: GateRules = GateRules()
    drift: DriftRules = DriftRules()
    degradation: DegradationRules = DegradationRules()
    retraining: RetrainingRules = RetrainingRules()

    @model_validator(mode="after")
    def _recent_rows_are_enough(self) -> Self:
        found, needed = self.retraining.recent_rows, self.gate.min_rows
        if found < needed:
            raise ValueError(f"found retraining.recent_rows {found:,}, allowed: at least gate.min_rows, {needed:,}")
        return self

    slices: dict[str, Slice] = {}
    notify: NotifyRules = NotifyRules()
    cost: Cost | None = None
    demonstration: Section | None = None
    """What the dashboard asks for one prediction with, instead of a form of all features: an extension says what is in it."""
    periods: ClassVar[Mapping[str, Period]] = {"month": month}
    """The ways to cut a history, by name; the first one is the default."""

    @model_validator(mode="after")
    def _there_is_a_time_to_take_parts_of(self) -> Self:
        found = self.columns.of_time
        if found and self.reading.row_order:
            raise ValueError(
                f"found of_time of {', '.join(found)}, allowed: none with reading.row_order: no column tells it"
            )
        return self

    @model_validator(mode="after")
    def _slices_are_of_features(self) -> Self:
        strangers = {name: cut.column for name, cut in self.slices.items() if cut.column not in self.columns.features}
        if strangers:
            found = ", ".join(f"slices.{name}.column '{column}'" for name, column in strangers.items())
            raise ValueError(f"found {found}, allowed: one of the features {', '.join(self.columns.features)}")
        named = {name: cut for name, cut in self.slices.items() if self.columns.features[cut.column].is_text}
        banded = [f"slices.{name}.edges of the category '{cut.column}'" for name, cut in named.items() if cut.edges]
        if banded:
            raise ValueError(f"found {', '.join(banded)}, allowed: of a number or an integer")
        return self

    def trial(self) -> Trial | None:
        """What an extension puts on the dashboard's page *Try it*; None without a section `demonstration`."""
        return None
