"""Sentences without jargon that begin a page: what a verdict says first, what a person is asked, what a year has brought."""

from typing import Protocol

from shotclock.judging.side_by_side.year import Gained


class Asking(Protocol):
    """What a gate said of whom."""

    @property
    def outcome(self) -> str: ...
    @property
    def champion(self) -> str | None: ...


def first(text: str) -> str:
    """What a verdict's reason begins with, up to its figures, with a capital."""
    begun = text.partition("; ")[0]
    return begun[:1].upper() + begun[1:]


def asked(gate: Asking) -> str:
    """What a person approves of, or rejects."""
    if gate.outcome == "promote":
        return f"Approve: the challenger takes over{_from(gate.champion)}. Reject: everything stays as it is."
    if gate.champion:
        return (
            "The gate found no better recipe. Approve: the recipe in service, fitted on all that is labelled by now, takes over"
            f"{_from(gate.champion)}. Reject: everything stays as it is."
        )
    return "The gate found no candidate that is proven better. Approve: the base rate goes into service. Reject: nobody does."


def _from(champion: str | None) -> str:
    return f" from v{champion}" if champion else ""


def retrained(trainings: int, promotions: int, gained: Gained | None, never: str) -> str:
    """What a stretch of time has brought."""
    number = "1 retraining" if trainings == 1 else f"{trainings} retrainings"
    counted = f"{number}, of which {promotions or 'none'} brought a new version" if trainings else "No retraining"
    if gained is None:
        return f"{counted}. No labelled row tells what that was worth."
    told = f"{counted}. {_against(gained, never)}"
    paid = gained.money
    if paid is None or paid.low == paid.high == 0:
        return f"{told}."
    return f"{told}. In money, less what retraining cost: {paid.value:+,.0f}, between {paid.low:,.0f} and {paid.high:,.0f}."


def _against(gained: Gained, never: str) -> str:
    saved, rows = gained.saved, f"{gained.rows:,} labelled rows"
    if saved.low == saved.high == 0:
        told = "Had we never retrained, nothing would have been said otherwise"
        return f"{told}: v{never}, the first version, scored all {rows}"
    measure = f"of what guessing the base rate loses, than had we never retrained and v{never} still served, on {rows}"
    if saved.low > 0:
        return f"The predictions were better, by {saved.low:.1%} to {saved.high:.1%} {measure}"
    if saved.high < 0:
        return f"The predictions were worse, by {-saved.high:.1%} to {-saved.low:.1%} {measure}"
    return f"The predictions are not proven better: {-saved.low:.1%} worse to {saved.high:.1%} better, {measure}"
