"""What notifications say: facts in, a subject and a plain body out. Who sends them, and where to, is not known here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shotclock.judging.figure import Figure
from shotclock.words import glossary

if TYPE_CHECKING:
    from shotclock.handoff import Done, Gated, Sensed, Verified

Level = Literal["info", "warning", "error"]
_LONGEST = 500  # characters of an error: its first line can be a whole SQL statement
_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_IF_IT_FAILS = re.compile(r"\*\*If it fails\*\*,?\s*(.+?)(?:\n\n|$)", re.DOTALL)
_DAG_REMEDY = (
    "The champion in service and everything that was published are as they were. Read the task's log, put the cause "
    "right, then clear the failed task."
)


@dataclass(frozen=True)
class Message:
    """One notification. `subject` is one line."""

    subject: str
    body: str
    level: Level = "info"


@dataclass(frozen=True)
class Where:
    """The run that a message is about. `link` leads to it in the UI."""

    dag: str
    run: str
    link: str

    def __str__(self) -> str:
        return f"run: {self.dag}, {self.run}\n{self.link}"


@dataclass(frozen=True)
class Failed:
    """A task that failed: the first line of its error (empty where none was recorded), and its documentation."""

    task: str
    error: str = ""
    doc: str = ""


def alert(project: str, told: "Sensed", where: Where, page: str = "") -> Message:
    """A sensor that fires.

    Args:
        page: the address of the alert's own page.
    """
    kind = glossary.spoken(told.trigger)
    lines = [("alert", kind), *_judged(told), *_figures(told.figures)]
    closing = f"What it means and what you can do: {page}" if page else ""
    body = _body(told.reason, lines, where, closing)
    return Message(f"{project}: {kind} alert, champion v{told.champion}", body, "warning")


def stopped(project: str, told: "Sensed", where: Where) -> Message:
    """The guard holds back what would be an alert, and people have to look: the reason begins with its name in capitals."""
    lines = [("finding", glossary.spoken(told.trigger)), *_judged(told)]
    subject = f"{project}: {told.reason.partition(':')[0]}, alerts start no retraining, champion v{told.champion}"
    return Message(subject, _body(told.reason, lines, where), "warning")


def decision(project: str, told: "Done", where: Where, gated: "Gated | None" = None, why: str = "") -> Message:
    """Promote, keep, rollback, or a skip that was decided on.

    Args:
        gated: what the gate said, where there was one.
        why: what the run was started by.
    """
    lines = [
        *_gate(gated),
        *([("started because", why)] if why else []),
        *([("decided by", told.by)] if told.by else []),
    ]
    subject = f"{project}: {told.decision}, {_state(told, gated, where)}"
    return Message(subject, _body(told.reason, lines, where))


def skipped(project: str, reason: str, where: Where, why: str = "") -> Message:
    """A run that ends before it has decided."""
    lines = [("started because", why)] if why else []
    return Message(f"{project}: skip, {where.dag} ends without a decision", _body(reason, lines, where))


def approval(project: str, gated: "Gated", verified: "Verified", where: Where, page: str = "") -> Message:
    """A person is asked whether to promote.

    Args:
        page: the address of the page on which both stand side by side.
    """
    challenged = f"champion v{gated.champion}" if gated.champion else "the base rate: there is no champion yet"
    leads = f"Both side by side, and your answer: {page}" if page else "Answer in Airflow, under Required actions."
    closing = f"{leads}\nUntil you answer the champion stays."
    fitted = "the base rate" if gated.instead else "the refit of the recipe in service"
    changes = [("churn", verified.churn.told(gated.champion))] if verified.churn and gated.champion else []
    asked = f"promote {gated.challenger if gated.ruling.promoted else fitted}"
    return Message(
        f"{project}: approval asked, {asked}?",
        _body(
            verified.held or gated.ruling.because, [*_gate(gated), ("against", challenged), *changes], where, closing
        ),
        "warning",
    )


def failure(project: str, failed: Sequence[Failed], reason: str, where: Where) -> Message:
    """A run that failed, with what each failed task's documentation says about it.

    Args:
        reason: Airflow's word for it, such as `task_failure` or `timed_out`.
    """
    names = ", ".join(task.task for task in failed)
    flow = where.dag.removeprefix(f"{project}.")
    said = "\n".join(f"{task.task}: {task.error or 'no error was recorded, see its log'}" for task in failed)
    remedies = list(dict.fromkeys(remedy for task in failed if (remedy := _remedy(task.doc))))
    because = said or f"no task failed: {glossary.spoken(reason)}"
    return Message(
        f"{project}: {flow} failed" + (f" at {names}" if names else f": {glossary.spoken(reason)}"),
        _body(because, [], where, "\n".join([*remedies, _DAG_REMEDY])),
        "error",
    )


def first_line(error: object) -> str:
    """The first line of an error's text, with its class; passwords in addresses are blotted out."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    name = f"{type(error).__name__}: " if isinstance(error, BaseException) else ""
    line = _PASSWORD.sub(r"\1***@", f"{name}{text}".removesuffix(": "))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _body(reason: str, lines: Sequence[tuple[str, Any]], where: Where, closing: str = "") -> str:
    facts = "\n".join(f"{name}: {value}" for name, value in lines)
    return "\n\n".join(part for part in (reason, facts, closing, str(where)) if part)


def _judged(told: "Sensed") -> list[tuple[str, str]]:
    return [("window", told.window), ("champion", f"v{told.champion}")]


def _state(told: "Done", gated: "Gated | None", where: Where) -> str:
    before = gated.champion if gated else None
    if told.decision == "promote":
        return f"v{told.version} is the champion" + (f" instead of v{before}" if before else ", the first one")
    if told.decision == "rollback":
        return f"v{told.version} is the champion again"
    if told.decision == "keep":
        kept = told.champion or before
        return f"v{kept} stays the champion" if kept else "there is still no champion"
    return f"{where.dag} ends without a decision"


def _gate(gated: "Gated | None") -> list[tuple[str, str]]:
    if gated is None:
        return []
    ruling = gated.ruling
    lines = [("gate", ruling.outcome), ("challenger", gated.challenger), ("holdout rows", f"{ruling.rows:,}")]
    if ruling.gain:
        losses = f"{ruling.challenger_log_loss:.4f}, the {ruling.against}'s {ruling.champion_log_loss:.4f}"
        lines += [("gain", f"{ruling.gain} {glossary.NATS}"), ("log loss", losses)]
    return lines + ([(glossary.MORE_ROWS, f"{ruling.more_rows:,}")] if ruling.more_rows else [])


def _figures(figures: Mapping[str, object]) -> list[tuple[str, str]]:
    """The numbers by name; one with `_low` and `_high` beside it stands in one line with them."""
    numbers = {name: value for name, value in sorted(figures.items()) if isinstance(value, int | float)}
    ends = {f"{name}_{end}" for name in numbers for end in ("low", "high")}
    return [(name, _told(numbers, name)) for name in numbers if name not in ends]


def _told(numbers: Mapping[str, float], name: str) -> str:
    low, high = numbers.get(f"{name}_low"), numbers.get(f"{name}_high")
    return _number(numbers[name]) if low is None or high is None else str(Figure(numbers[name], low, high))


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"


def _remedy(doc: str) -> str:
    remedy = _IF_IT_FAILS.search(doc)
    return glossary.capital(" ".join(remedy[1].split())) if remedy else ""
