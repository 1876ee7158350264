"""The picture of a year: what was served against never having retrained, days by fitness, and decisions, on the data's time."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

from shotclock.judging.side_by_side.year import Stretch
from shotclock.words import signs
from shotclock.words.drawing import Drawing, Scale
from shotclock_ui.charts import OUTCOMES

if TYPE_CHECKING:
    from shotclock.reading.model.year import Year

_WIDTH, _LEFT, _RIGHT = 1080.0, 136.0, 12.0
_SKILL, _DAYS, _DECISIONS = (8.0, 150.0), (164.0, 188.0), (200.0, 228.0)
_APART = 84.0  # between two dates


def year(shown: "Year") -> Markup:
    drawing = Drawing(_WIDTH, 264.0, f"{shown.begin} to {shown.end}; the text around it holds its figures", "timeline")
    x = Scale((0.0, float((shown.end - shown.begin).days + 1)), (_LEFT, _WIDTH - _RIGHT))
    _skill(drawing, shown, x)
    _days(drawing, shown, x)
    _decisions(drawing, shown, x)
    _dates(drawing, shown, x)
    return drawing.svg()


def _place(shown: "Year", x: Scale, day: date) -> float:
    return x(float((day - shown.begin).days))


def _lane(drawing: Drawing, name: str, ends: tuple[float, float]) -> None:
    top, bottom = ends
    drawing.text((0.0, (top + bottom) / 2 + 4), name, "lane")
    drawing.line((_LEFT, bottom), (_WIDTH - _RIGHT, bottom), "rule")


def _skill(drawing: Drawing, shown: "Year", x: Scale) -> None:
    """A step for each part of the rows: as wide as its time, with the interval of what was served."""
    _lane(drawing, "Skill", _SKILL)
    if not shown.parts:
        return
    figures = [figure for part in shown.parts for figure in (part.served, part.never)]
    y = Scale.around(figures, 0.0, pixels=(_SKILL[1] - 4, _SKILL[0] + 4), room=0.0)
    drawing.line((_LEFT, y(0.0)), (_WIDTH - _RIGHT, y(0.0)), "zero")
    for value in (0.0, *(end for end in y.values if abs(y(end) - y(0.0)) > 12)):
        drawing.text((_LEFT - 6, y(value) + 4), f"{value:.2g}", "tick")
    for part in shown.parts:
        begin, end = (moment.astype("datetime64[us]").astype(datetime).date() for moment in (part.begin, part.end))
        left, right = _place(shown, x, begin), _place(shown, x, end + timedelta(days=1))
        drawing.bar((left, y(part.served.high)), right - left, y(part.served.low) - y(part.served.high), "band")
        tip = f"{begin} to {end}, {part.rows:,} rows: served {part.served}, never retrained {part.never}"
        drawing.line((left, y(part.never.value)), (right, y(part.never.value)), "never")
        drawing.line((left, y(part.served.value)), (right, y(part.served.value)), "served")
        drawing.dot(((left + right) / 2, y(part.served.value)), 3.0, "filled", tip)


def _days(drawing: Drawing, shown: "Year", x: Scale) -> None:
    _lane(drawing, "Fit?", _DAYS)
    for stretch in shown.stretches:
        left, right = _ends(shown, stretch, x)
        tip = f"{stretch.batch}, scored by v{stretch.version}: {signs.sign(stretch.level).alone.lower()}"
        drawing.bar((left, _DAYS[0]), right - left - 1, _DAYS[1] - _DAYS[0], f"days {stretch.level}", tip)
        if right - left > 12:
            sign = signs.sign(stretch.level)
            drawing.mark(((left + right) / 2, (_DAYS[0] + _DAYS[1]) / 2), sign.shape, sign.level, tip)


def _ends(shown: "Year", stretch: Stretch, x: Scale) -> tuple[float, float]:
    begin, end = max(stretch.begin, shown.begin), min(stretch.end, shown.end)
    return _place(shown, x, begin), _place(shown, x, end + timedelta(days=1))


def _decisions(drawing: Drawing, shown: "Year", x: Scale) -> None:
    _lane(drawing, "Decisions", _DECISIONS)
    middle = sum(_DECISIONS) / 2
    for placed in shown.decisions:
        if placed.day and placed.decision.outcome in OUTCOMES:
            shape, look = OUTCOMES[placed.decision.outcome]
            at = _place(shown, x, placed.day + timedelta(days=1))
            drawing.mark(
                (at, middle), shape, look, f"{placed.day}: {placed.decision.outcome}, v{placed.decision.champion}"
            )


def _dates(drawing: Drawing, shown: "Year", x: Scale) -> None:
    """The first of each month, as many as there is room for."""
    last = -_APART
    for number in range((shown.end - shown.begin).days + 1):
        day = shown.begin + timedelta(days=number)
        at = _place(shown, x, day)
        if day.day == 1 and at - last >= _APART and at < _WIDTH - 40:
            drawing.text((at, 252.0), f"{day:%Y-%m-%d}", "date")
            last = at
