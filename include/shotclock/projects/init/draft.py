"""A guess as the text of a project file, with the reasons as comments."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

import yaml

from shotclock.config import Columns, DegradationRules, DriftRules, Feature, GateRules, Reading, RetrainingRules, Split

_RARE = (
    "times",
    "quote",
    "escape",
    "above",
    "thousands",
    "units",
    "row_order",
)  # of `reading`: named where a file has them
_FEW = 0.3  # of the rows there are: a rule that asks for more would never be met


@dataclass(frozen=True)
class Facts:
    """What the file says besides the columns. Rows are counted with and without a label.

    Attributes:
        reading: how later files of the same system are to be read; None where that need not be told.
        is_text: whether the file was one of text, so that all of its marks are named.
    """

    name: str
    title: str
    origin: str
    training: str
    production: str
    training_rows: int
    training_labelled: int
    production_rows: int
    production_labelled: int
    reading: Reading | None = None
    is_text: bool = True


def text(columns: Columns, why: Mapping[str, str], left_out: Mapping[str, str], facts: Facts) -> str:
    """The project file. Settings that are not named have their defaults: see docs/project-file.md."""
    parts = [
        f"# Guessed by `shotclock init` from {facts.origin}. Put right what is wrong, then: shotclock validate {facts.name}",
        f"name: {facts.name}",
        f"title: {_scalar(facts.title)}",
        "",
        "data:",
        *_beside(
            [
                (
                    f"  training: {facts.training}",
                    f"{facts.training_rows:,} rows, {facts.training_labelled:,} labelled",
                ),
                (
                    f"  production: {facts.production}",
                    f"{facts.production_rows:,} rows, {facts.production_labelled:,} labelled",
                ),
            ]
        ),
        "",
        "columns:",
        *_beside([(f"  {role}: {_scalar(name)}", why[name]) for role, name in _roles(columns).items()]),
        "  features:",
        *_beside([(f"    {_scalar(name)}: {_rules(rule)}", why[name]) for name, rule in columns.features.items()]),
        *_left_out(left_out),
        *_reading(facts.reading, facts.is_text),
        "",
        "quarantine:     # the largest share of rows that may break these rules: they are set aside",
        "  training: 0.01",
        "",
        "training:",
        "  backend: scikit-learn     # or pycaret",
        "  candidates: [decision_tree, logistic_regression, gradient_boosting]",
        "  blend: true     # retrainings: their weighed mean competes, too; without it, the model stays one of them",
        *_sizes(facts),
    ]
    return "\n".join(parts) + "\n"


def _roles(columns: Columns) -> dict[str, str]:
    return {"id": columns.id, "time": columns.time, "target": columns.target}


def _scalar(value: str) -> str:
    """The text as YAML writes it, in quotes where it must be."""
    return yaml.safe_dump(value, width=1000, allow_unicode=True, explicit_end=False).removesuffix("...\n").strip()


def _rules(rule: Feature) -> str:
    if rule.of_time:
        return f"{{of_time: {rule.of_time}{f', zone: {rule.zone}' if rule.zone else ''}}}"
    parts = [f"type: {rule.type}"]
    if rule.may_be_missing:
        parts.append("missing: allowed")
    if rule.allowed is not None:
        parts.append(f"allowed: [{', '.join(_listed(code) for code in rule.allowed)}]")
    parts += [f"{name}: {value:.12g}" for name in ("min", "max") if (value := getattr(rule, name)) is not None]
    if rule.drift != Feature(type=rule.type).drift:
        parts.append(f"drift: {rule.drift}")
    return f"{{{', '.join(parts)}}}"


def _listed(code: int | str) -> str:
    return json.dumps(code, ensure_ascii=False) if isinstance(code, str) else str(code)


def _beside(lines: list[tuple[str, str]]) -> list[str]:
    """Lines with their comments in one column."""
    width = max(len(line) for line, _ in lines)
    return [f"{line:<{width}}     # {_one_line(comment)}" if comment else line for line, comment in lines]


def _one_line(comment: str) -> str:
    """As a comment in YAML may be: without line ends and what cannot be printed."""
    return "".join(mark if mark.isprintable() else " " for mark in " ".join(comment.split()))


def _left_out(left_out: Mapping[str, str]) -> list[str]:
    lines = [f"    #   {_one_line(f'{name}: {reason}')}" for name, reason in left_out.items()]
    return ["    # left out:", *lines] if lines else []


def _reading(reading: Reading | None, is_text: bool) -> list[str]:
    """How the file was written: every later one of the same system is read so."""
    if reading is None:
        return []
    plain = Reading()
    rare = {name for name in _RARE if getattr(reading, name) == getattr(plain, name)}
    told = reading.model_dump(mode="json", exclude=rare, exclude_defaults=not is_text)
    lines = yaml.safe_dump(told, allow_unicode=True, default_flow_style=None, sort_keys=False, width=1000).splitlines()
    why = {"row_order: true": "     # no column tells the time: rows stand in their order"}
    return [
        "",
        "reading:     # how every later file of this system is read",
        *(f"  {line}{why.get(line, '')}" for line in lines),
    ]


def _sizes(facts: Facts) -> list[str]:
    """Rules about numbers of rows, where there are fewer rows than the defaults take for granted."""
    labelled = facts.production_labelled or facts.training_labelled
    holdout = facts.training_labelled * Split().test_share
    sections = {
        "gate": {"min_rows": _at_most(GateRules().min_rows, min(holdout, labelled * _FEW))},
        "drift": {"min_rows": _at_most(DriftRules().min_rows, min(holdout, facts.production_rows))},  # both sides
        "degradation": {"min_rows": _at_most(DegradationRules().min_rows, labelled)},
        "retraining": {
            "every_new_records": _at_most(RetrainingRules().every_new_records, facts.training_labelled * _FEW),
            "min_new_labels": _at_most(RetrainingRules().min_new_labels, labelled * _FEW),
        },
    }
    lines = []
    for section, rules in sections.items():
        found = [f"  {name}: {value}     # few rows: the default is more" for name, value in rules.items() if value]
        lines += ["", f"{section}:", *found] if found else []
    return lines


def _at_most(default: int, rows: float) -> int | None:
    """What to ask for instead of the default; None where there are rows enough."""
    return None if rows >= default else max(2, floor(rows))
