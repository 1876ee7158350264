"""Project files and settings: YAML and environment in, frozen and validated objects out.

The only module that reads the environment. It imports nothing heavy, because every DAG file imports it.
"""

import difflib
import os
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import yaml
from croniter import croniter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shotclock.errors import ConfigError
from shotclock.files.addresses import Address, at

Algorithm = Literal["decision_tree", "logistic_regression", "gradient_boosting"]
Backend = Literal["pycaret", "scikit-learn"]
DriftMethod = Literal["wasserstein", "jensenshannon"]
Mode = Literal["on", "dry_run", "approval"]
Role = Literal["training", "production"]

MODES: tuple[str, ...] = get_args(Mode)
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
RECALIBRATED = "recalibrated_champion"  # a retraining's candidate that is not trained: the old model, its odds refitted
Model = TypeVar("Model", bound=BaseModel)
ConnectionId = Field(None, pattern=r"^[\w.-]+$")
MailAddress = Annotated[str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # nine times as fast, where PyYAML was built with it


def _is_cron(value: str) -> str:
    if not croniter.is_valid(value):
        raise ValueError("a cron expression of five fields, such as '0 0 1 * *' (monthly) or '0 0 1 */3 *' (quarterly)")
    return value


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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Section):
    """One model input: its type, the values that it may take, and how its drift is measured."""

    type: Literal["number", "integer"]
    min: float | None = None
    max: float | None = None
    allowed: tuple[int, ...] | None = None
    drift: DriftMethod = "wasserstein"
    drift_threshold: float = Field(0.1, gt=0)

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"found min {self.min:g} and max {self.max:g}, allowed: min up to max")
        return self

    @property
    def is_category(self) -> bool:
        """Whether its values are names rather than amounts: one of them may fill a whole window."""
        return self.drift == "jensenshannon" and self.allowed is not None


class Columns(_Section):
    id: str
    time: str
    target: str
    features: dict[str, Feature] = Field(min_length=1)

    @model_validator(mode="after")
    def _roles_are_distinct(self) -> Self:
        names = [self.id, self.time, self.target, *self.features]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            found = "; ".join(f"'{name}' as {' and '.join(self._roles(name))}" for name in twice)
            raise ValueError(f"found {found}, allowed: one role for each column")
        return self

    def _roles(self, name: str) -> list[str]:
        single = [role for role in ("id", "time", "target") if getattr(self, role) == name]
        return [*single, *(["feature"] if name in self.features else [])]

    @property
    def all(self) -> list[str]:
        return [self.id, self.time, *self.features, self.target]


class PackageTable(_Section):
    """A CSV file that an installed Python package ships, and how the two raw files are made of its rows and columns.

    `training` and `production` say which rows; `columns` what each raw file holds: formulas over the columns of the CSV file.
    """

    name: str = Field(pattern=r"^[A-Za-z_]\w*$")
    file: str = Field(pattern=r"^(\w[\w.-]*/)*\w[\w.-]*\.csv(\.zip)?$")
    training: str
    production: str
    columns: dict[str, str] = Field(min_length=1)


class Data(_Section):
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


class Quarantine(_Section):
    """The largest share of rows that may break the contract before a run fails."""

    training: float = Field(0.0, ge=0, le=1)
    production: float = Field(0.01, ge=0, le=1)


class Scoring(_Section):
    """How a production file is cut for scoring."""

    partition_rows: int = Field(10_000_000, ge=1)
    """A file with more rows is scored by partitions of about so many: whole row groups, each partition a task."""


class Split(_Section):
    test_share: float = Field(0.2, gt=0, lt=1)
    seed: int = Field(42, ge=0)


class Training(_Section):
    backend: Backend = "pycaret"
    candidates: tuple[Algorithm, ...] = Field(("decision_tree", "logistic_regression"), min_length=1)
    folds: int = Field(5, ge=2)
    iterations: int = Field(10, ge=1)
    seed: int = Field(42, ge=0)


class GateRules(_Section):
    """When a challenger is proven better: paired gain in log loss (nats per row) on rows that neither model saw."""

    mode: Annotated[Mode, BeforeValidator(lambda found: "on" if found is True else found)] = "on"  # YAML's on is true
    min_gain: float = Field(0.001, ge=0)
    min_rows: int = Field(500, ge=2)
    confidence: float = Field(0.95, gt=0, lt=1)
    resamples: int = Field(2000, ge=100)
    seed: int = Field(42, ge=0)


class DriftRules(_Section):
    """`alert` when at least `share` of the columns drifted in `windows` of the last `of_windows` windows."""

    share: float = Field(0.5, gt=0, le=1)
    min_rows: int = Field(1000, ge=1)
    max_rows: int = Field(500_000, ge=1)
    windows: int = Field(1, ge=1)
    of_windows: int = Field(1, ge=1)
    seed: int = Field(42, ge=0)

    @model_validator(mode="after")
    def _k_of_n(self) -> Self:
        if self.windows > self.of_windows:
            found = f"windows {self.windows} and of_windows {self.of_windows}"
            raise ValueError(f"found {found}, allowed: windows up to of_windows")
        return self


class DegradationRules(_Section):
    """When labelled rows prove that the champion has become too bad: see `performance.judge_performance`."""

    min_rows: int = Field(1000, ge=2)
    max_skill_drop: float = Field(0.05, gt=0)
    confidence: float = Field(0.95, gt=0, lt=1)
    resamples: int = Field(2000, ge=100)
    seed: int = Field(42, ge=0)


class RetrainingRules(_Section):
    """When a retraining runs, on which rows, and what keeps alerts from starting one again and again."""

    schedule: Cron = "0 0 1 * *"
    recent_rows: int = Field(10_000, ge=1)
    every_new_records: int = Field(5000, ge=1)
    cool_down_days: float = Field(30, ge=0)
    min_new_labels: int = Field(1000, ge=1)
    max_fruitless: int = Field(3, ge=1)
    train_share: float = Field(0.5, gt=0, lt=1)
    validation_share: float = Field(0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _rows_are_left_for_the_gate(self) -> Self:
        if self.train_share + self.validation_share >= 1:
            found = f"train_share {self.train_share:g} and validation_share {self.validation_share:g}"
            raise ValueError(f"found {found}, allowed: together below 1, the rest is the gate's holdout")
        return self


class Slice(_Section):
    """A feature by which the model card tells the figures apart: by its values or, with `edges`, by the bands between."""

    column: str
    edges: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _edges_go_up(self) -> Self:
        if any(low >= high for low, high in pairwise(self.edges)):
            found = ", ".join(f"{edge:g}" for edge in self.edges)
            raise ValueError(f"found edges {found}, allowed: each one above the one before")
        return self


class NotifyRules(_Section):
    """Who is told besides the log: ids of Airflow connections. Nothing here is needed to run."""

    slack: str | None = ConnectionId
    smtp: str | None = ConnectionId
    mail_to: tuple[MailAddress, ...] = ()

    @model_validator(mode="after")
    def _mail_has_a_server_and_a_reader(self) -> Self:
        if (self.smtp is None) != (not self.mail_to):
            found = f"smtp {self.smtp or 'none'} and mail_to {', '.join(self.mail_to) or 'nobody'}"
            raise ValueError(f"found {found}, allowed: both, or neither")
        return self


class Axis(_Section):
    """How a feature follows from a place on the court: `at_basket + per_foot * feet`."""

    feature: str
    at_basket: float
    per_foot: float

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.per_foot == 0:
            raise ValueError("found per_foot 0, allowed: what one foot adds to the feature, above or below 0")
        return self


class Court(_Section):
    """Half a basketball court, in feet from the basket: `x` to the right of it, `y` away from the baseline."""

    x: Axis
    y: Axis
    distance: str | None = None
    """The feature that is the distance from the basket in whole feet, rounded down."""

    @property
    def features(self) -> list[str]:
        """What a spot on the court says about a row."""
        return [self.x.feature, self.y.feature, *([self.distance] if self.distance else [])]


class Demonstration(_Section):
    """What the dashboard asks for one prediction with, instead of a form of all features."""

    court: Court


class Project(_Section):
    """One model's file: data, target, features, candidates, rules."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    title: str
    data: Data
    columns: Columns
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
        rules = self.retraining
        holdout = 1 - rules.train_share - rules.validation_share
        needed = ceil(self.gate.min_rows / holdout)
        if rules.recent_rows < needed:
            found = f"retraining.recent_rows {rules.recent_rows:,}"
            why = f"gate.min_rows {self.gate.min_rows:,} is the holdout's share of {holdout:.2g}"
            raise ValueError(f"found {found}, allowed: at least {needed:,} ({why})")
        return self

    slices: dict[str, Slice] = {}
    notify: NotifyRules = NotifyRules()
    demonstration: Demonstration | None = None

    @model_validator(mode="after")
    def _court_speaks_of_features(self) -> Self:
        named = self.demonstration.court.features if self.demonstration else []
        strangers = [name for name in named if name not in self.columns.features]
        if strangers or len(set(named)) < len(named):
            known = ", ".join(self.columns.features)
            raise ValueError(f"found demonstration.court of {', '.join(named)}, allowed: each once, of {known}")
        return self

    @model_validator(mode="after")
    def _slices_are_of_features(self) -> Self:
        strangers = {name: cut.column for name, cut in self.slices.items() if cut.column not in self.columns.features}
        if strangers:
            found = ", ".join(f"slices.{name}.column '{column}'" for name, column in strangers.items())
            raise ValueError(f"found {found}, allowed: one of the features {', '.join(self.columns.features)}")
        return self


class Settings(_Section):
    """What the surroundings decide: folders and addresses. Everything else stands in the project file."""

    home: Path
    data: Address
    projects: Path
    data_source: Address | None
    tracking_uri: str
    artifacts: str


def settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read `SHOTCLOCK_HOME`, `SHOTCLOCK_DATA`, `SHOTCLOCK_PROJECTS`, `SHOTCLOCK_DATA_DIR` and `MLFLOW_TRACKING_URI`."""
    env = os.environ if environment is None else environment
    home = Path(env.get("SHOTCLOCK_HOME") or Path(__file__).parents[3]).resolve()
    mlflow = home / "var" / "mlflow"
    source = env.get("SHOTCLOCK_DATA_DIR")
    return Settings(
        home=home,
        data=at(env.get("SHOTCLOCK_DATA") or "data", home),
        projects=_local("SHOTCLOCK_PROJECTS", at(env.get("SHOTCLOCK_PROJECTS") or "include/projects", home)),
        data_source=at(source, home).resolve() if source else None,
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{mlflow / 'mlflow.db'}",
        artifacts=env.get("SHOTCLOCK_ARTIFACTS") or str(mlflow / "artifacts"),
    )


def _local(name: str, address: Address) -> Path:
    if not isinstance(address, Path):
        raise ConfigError(f"{name}: found {address}, allowed: a folder of this machine: it is read each time a DAG is")
    return address


def load_project(path: Path) -> Project:
    """Read one project file.

    Raises:
        ConfigError: the file is missing, is not YAML, or a key or value in it is refused; the message names file, line,
            field, what was found and what is allowed.
    """
    project, tree = _load(path, Project)
    if project.name != path.stem:
        where = f"{path}, line {_line(tree, ['name'])}: field 'name'"
        raise ConfigError(f"{where}: found '{project.name}', allowed: '{path.stem}', as the file is called")
    return project


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Read a YAML file as the pydantic `model` describes it.

    Raises:
        ConfigError: as for `load_project`.
    """
    return _load(path, model)[0]


@lru_cache(maxsize=256)
def project(name: str, folder: Path | None = None) -> Project:
    """The project called `name` (cached for the life of the process)."""
    return _as_it_is((folder or settings().projects) / f"{name}.yaml")


def projects(folder: Path | None = None) -> list[Project]:
    """Every project, in the order of their names."""
    return [load_project(path) for path in sorted((folder or settings().projects).glob("*.yaml"))]


def project_names(folder: Path | None = None) -> list[str]:
    """What the project files are called, in order, whatever is in them."""
    return sorted(path.stem for path in (folder or settings().projects).glob("*.yaml"))


def usable_projects(name: str = "*", folder: Path | None = None) -> tuple[list[Project], list[ConfigError]]:
    """The projects whose files can be used, in the order of their names, and what is wrong with each of the others.

    A file counts as it is now, and is read again only when it was changed.

    Args:
        name: of the one project to look at; by default all of them.
    """
    usable, faults = [], []
    for path in sorted((folder or settings().projects).glob(f"{name}.yaml")):
        try:
            usable.append(_as_it_is(path))
        except ConfigError as error:
            faults.append(error)
    return usable, faults


def _as_it_is(path: Path) -> Project:
    try:
        state = path.stat()
    except OSError:
        return load_project(path)  # which says what is wrong
    return _loaded(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _loaded(path: Path, changed: int, size: int) -> Project:
    return load_project(path)


def _load(path: Path, model: type[Model]) -> tuple[Model, yaml.Node]:
    """The validated content, and the tree of nodes that knows the lines."""
    try:
        text = path.read_text(encoding="utf-8")
        tree: Any = yaml.compose(text, Loader=_LOADER)
        _refuse_repeated_keys(path, tree)
        content = yaml.load(text, Loader=_LOADER)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); allowed: {_siblings(path)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8 ({error}); save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else f"{path}"
        raise ConfigError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error
    except (ValueError, RecursionError) as error:  # such as 2026-13-45, which is written like a date
        raise ConfigError(f"{path}: holds a value that YAML cannot read ({error}); put it in quotes") from error
    if not isinstance(content, dict):
        found = "an empty file" if content is None else f"a {type(content).__name__}"
        raise ConfigError(f"{path}, line 1: found {found}, allowed: a mapping with the keys {', '.join(_keys(model))}")
    try:
        return model.model_validate(content), tree
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, tree, model, item) for item in _innermost(error))) from error


def _innermost(error: ValidationError) -> list[Any]:
    """The errors, without those of a container whose only fault is a wrong item, which is reported itself."""
    items = error.errors()
    return [item for item in items if not any(_lies_inside(other["loc"], item["loc"]) for other in items)]


def _lies_inside(loc: tuple[Any, ...], container: tuple[Any, ...]) -> bool:
    return len(loc) > len(container) > 0 and loc[: len(container)] == container


def _siblings(path: Path) -> str:
    names = sorted(found.name for found in path.parent.glob("*.yaml") if found.is_file())
    return ", ".join(names) if names else f"a YAML file in a folder that exists, and {path.parent} holds none"


def _refuse_repeated_keys(path: Path, node: yaml.Node, loc: tuple[str, ...] = ()) -> None:
    """YAML readers silently keep the last of two equal keys: a project file must not depend on that."""
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(path, child, loc)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            where = f"{path}, line {line}: field '{'.'.join((*loc, name))}'"
            raise ConfigError(f"{where}: found a second time (first in line {lines[name]}), allowed: once")
        lines[name] = line
        _refuse_repeated_keys(path, value, (*loc, name))


def _explain(path: Path, tree: yaml.Node, model: type[BaseModel], item: Any) -> str:
    loc = [part for part in item["loc"] if part != "[key]"]
    field = ".".join(str(part) for part in loc)
    where = f"{path}, line {_line(tree, loc)}: " + (f"field '{field}'" if field else "the whole file")
    if item["type"] == "extra_forbidden":
        allowed = _keys(_section(model, loc[:-1]))
        guess = difflib.get_close_matches(str(loc[-1]), allowed, n=1)
        hint = f"; did you mean '{guess[0]}'?" if guess else ""
        return f"{where}: unknown key; allowed: {', '.join(allowed)}{hint}"
    if item["type"] == "missing":
        return f"{where}: missing; it is required"
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if message.startswith("found "):  # from a validator of ours, about several fields at once
        return f"{where}: {message}"
    if item["type"] == "model_type":
        keys = ", ".join(_keys(_section(model, loc)))
        return f"{where}: found {item['input']!r}, allowed: a mapping with the keys {keys}"
    allowed_text = message.replace("String should match pattern", "text like")
    return f"{where}: found {item['input']!r}, allowed: {allowed_text}"


def _section(model: type[BaseModel], loc: list[Any]) -> type[BaseModel]:
    """The model class that validates the mapping at `loc`."""
    section = model
    for part in loc:
        field = section.model_fields.get(str(part))
        if field is None:  # a free key, as under columns.features
            continue
        section = next((kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)), section)
    return section


def _kinds(annotation: Any) -> list[type]:
    """The classes that an annotation names, inside containers and unions too."""
    inner = [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation, *inner] if isinstance(annotation, type) else inner


def _keys(section: type[BaseModel]) -> list[str]:
    return list(section.model_fields)


def _line(node: Any, loc: list[Any]) -> int:
    """The line in the YAML text of the field at `loc`, or of its nearest parent."""
    line = int(node.start_mark.line) + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
