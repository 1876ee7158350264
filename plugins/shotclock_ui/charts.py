"""The pictures of the Model health pages: values in, SVG out.

One marker means one thing everywhere: a disc for fit, a triangle for not proven, a cross for not fit, a ring for unknown.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from markupsafe import Markup

from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Level, WindowHealth
from shotclock.judging.policies import Comparison
from shotclock.reading.health import Details, Gate
from shotclock.words import comparisons, signs
from shotclock.words.drawing import Drawing, Point, Scale
from shotclock.words.glossary import spoken
from shotclock.words.moments import moment

OUTCOMES = {"promote": ("triangle", "good"), "keep": ("square", "quiet"), "rollback": ("back", "bad")}

_WIDTH, _LEFT, _RIGHT = 1080.0, 136.0, 8.0
_LONGEST_STEP = 96.0
_TICKS, _APART = 40.0, 12.0  # room for a scale's numbers, and how far apart two of them stand


def icon(level: Level) -> Markup:
    """The marker of a level by itself, for headings and lists."""
    drawing = Drawing(14.0, 14.0, "", "icon")
    _mark(drawing, (7.0, 7.0), level)
    return drawing.svg()


def _mark(drawing: Drawing, at: Point, state: signs.State, tip: str = "") -> None:
    sign = signs.sign(state)
    drawing.mark(at, sign.shape, sign.level, tip)


def spark(windows: Sequence[WindowHealth], width: float = 216.0, height: float = 64.0) -> Markup:
    """Skill over the windows with its interval, on a scale: 0, and how far the intervals reach.

    A thin line stands where another version took over.
    """
    points = [(window, figure) for window in windows if (figure := window.figure("log_loss_skill"))]
    label = f"skill of {len(points)} windows, newest {points[-1][1]}" if points else "no skill measured yet"
    drawing = Drawing(width, height, label, "spark")
    if not points:
        return drawing.svg()
    y = Scale.around([figure for _, figure in points], 0.0, pixels=(height - 6.0, 6.0), room=0.0)
    x = Scale((0.0, max(len(points) - 1, 1)), (8.0, width - _TICKS - 10.0))
    drawing.line((0.0, y(0.0)), (width - _TICKS, y(0.0)), "zero")
    for value in (0.0, *(end for end in y.values if abs(y(end) - y(0.0)) > _APART)):
        drawing.text((width, y(value) + 4), f"{value:.2g}", "tick")
    for number in range(1, len(points)):
        if points[number][0].champion != points[number - 1][0].champion:
            drawing.upright(x(number - 0.5), height, "change")
    _band(drawing, [(x(number), figure) for number, (_, figure) in enumerate(points)], y)
    for number, (window, figure) in enumerate(points):
        _mark(drawing, (x(number), y(figure.value)), window.level, _told(window, figure))
    return drawing.svg()


def _band(drawing: Drawing, points: Sequence[tuple[float, Figure]], y: Scale) -> None:
    if len(points) == 1:
        (x, only) = points[0]
        drawing.interval(only, y, x, "whisker", upright=True)
        return
    upper = [(x, y(figure.high)) for x, figure in points]
    lower = [(x, y(figure.low)) for x, figure in reversed(points)]
    drawing.area([*upper, *lower], "band")
    drawing.way([(x, y(figure.value)) for x, figure in points], "course")


def _told(window: WindowHealth, figure: Figure) -> str:
    return f"{window.name}, v{window.champion}: skill {figure} on {window.judged_rows:,} rows"


def timeline(details: Details) -> Markup:
    """Windows, alerts, decisions and versions below one another, on one axis: a step for each window, in order of time."""
    windows = details.windows
    step = min(_LONGEST_STEP, (_WIDTH - _LEFT - _RIGHT) / max(len(windows), 1))
    xs = [_LEFT + step * (number + 0.5) for number in range(len(windows))]
    width = min(
        _WIDTH, _LEFT + step * (len(windows) + 1)
    )  # a few windows leave no room empty, to which a phone would scroll
    drawing = Drawing(
        width, 304.0, f"timeline of {len(windows)} windows; the tables below hold its figures", "timeline"
    )
    _skill_lane(drawing, windows, xs)
    _drift_lane(drawing, details, xs, step)
    _alert_lane(drawing, details, xs)
    _decision_lane(drawing, details, step)
    _version_lane(drawing, details, step)
    _dates(drawing, windows, xs)
    return drawing.svg()


def _lane(drawing: Drawing, name: str, top: float, bottom: float) -> None:
    drawing.text((0.0, (top + bottom) / 2 + 4), name, "lane")
    drawing.line((_LEFT - 8, bottom), (drawing.width, bottom), "rule")


def _skill_lane(drawing: Drawing, windows: Sequence[WindowHealth], xs: Sequence[float]) -> None:
    _lane(drawing, "Skill", 4, 104)
    points = [(x, w, figure) for x, w in zip(xs, windows, strict=True) if (figure := w.figure("log_loss_skill"))]
    if not points:
        return
    y = Scale.around([figure for _, _, figure in points], 0.0, pixels=(98.0, 8.0), room=0.0)
    drawing.line((_LEFT - 8, y(0.0)), (drawing.width, y(0.0)), "zero")
    drawing.text((_LEFT - 12, y(0.0) + 4), "0", "tick")
    for x, window, figure in points:
        drawing.interval(figure, y, x, f"whisker {window.level}", upright=True)
        _mark(drawing, (x, y(figure.value)), window.level, _told(window, figure))


def _drift_lane(drawing: Drawing, details: Details, xs: Sequence[float], step: float) -> None:
    _lane(drawing, "Drifted share", 112, 172)
    y, width = Scale((0.0, 1.0), (172.0, 116.0)), min(step * 0.6, 26.0)
    limit = details.summary.rules.drift.share
    for x, window in zip(xs, details.windows, strict=True):
        share = window.drift_share
        if share is not None:
            look = "fill over" if share >= limit else "fill"
            tip = f"{window.name}: {share:.0%} of the columns drifted, {limit:.0%} raise an alert"
            drawing.bar((x - width / 2, y(share)), width, y(0.0) - y(share), look, tip)
    drawing.line((_LEFT - 8, y(limit)), (drawing.width, y(limit)), "limit")
    drawing.text((_LEFT - 12, y(limit) + 4), f"{limit:.0%}", "tick")


def _alert_lane(drawing: Drawing, details: Details, xs: Sequence[float]) -> None:
    _lane(drawing, "Alerts", 180, 212)
    places = {(window.champion, window.id): x for x, window in zip(xs, details.windows, strict=True)}
    waiting = {alert.id for alert in details.summary.open_alerts}
    heights = {"drift": 187.0, "degradation": 197.0, "new_records": 207.0, "demotion": 197.0}
    for alert in details.alerts:
        x = places.get((alert.champion, alert.window))
        if x is not None:
            state = "open" if alert.id in waiting else "answered"
            tip = f"{spoken(alert.kind)} alert, {state}, {moment(alert.at)}: {alert.reason}"
            drawing.mark((x, heights[alert.kind]), "down", "bad" if state == "open" else "quiet", tip)


def _decision_lane(drawing: Drawing, details: Details, step: float) -> None:
    _lane(drawing, "Decisions", 220, 244)
    for done in details.decisions:
        shape, look = OUTCOMES[done.outcome]
        drawing.mark(
            (_after(done.at, details.windows, step), 232.0),
            shape,
            look,
            f"{moment(done.at)} {done.outcome}: {done.reason}",
        )


def _version_lane(drawing: Drawing, details: Details, step: float) -> None:
    drawing.text((0.0, 268.0), "In service", "lane")
    end = drawing.width - _RIGHT
    for number, tenure in enumerate(reversed(details.tenures)):
        begin = _after(tenure.since, details.windows, step)
        until = _after(tenure.until, details.windows, step) if tenure.until else end
        last = moment(tenure.until) if tenure.until else "now"
        tip = f"v{tenure.version} {tenure.algorithm}, from {moment(tenure.since)} to {last}"
        drawing.bar((begin, 254.0), max(until - begin - 2, 2.0), 20.0, f"tenure t{number % 2}", tip)
        if until - begin > 24:
            drawing.text((begin + 6, 268.0), f"v{tenure.version}", "inside")


def _after(at: datetime, windows: Sequence[WindowHealth], step: float) -> float:
    """The place of a moment: between the window that was checked before it and the next one."""
    before = sum(window.at <= at for window in windows)
    return _LEFT + step * before if before else _LEFT


def _dates(drawing: Drawing, windows: Sequence[WindowHealth], xs: Sequence[float]) -> None:
    """As many dates as there is room for; where a day holds several windows, the time of day."""
    days = {f"{window.at:%Y-%m-%d}" for window in windows}
    style = "%m-%d" if len(days) > len(windows) / 2 else "%H:%M"
    last = -100.0
    for x, window in zip(xs, windows, strict=True):
        if x - last > 56:
            drawing.text((x, 294.0), f"{window.at:{style}}", "date")
            last = x


def column(
    windows: Sequence[WindowHealth], name: str, limit: float, width: float = 232.0, height: float = 76.0
) -> Markup:
    """One column's drift score over the windows, and its threshold."""
    points = [(number, w, w.scores[name]) for number, w in enumerate(windows) if name in w.scores]
    label = f"{name}: " + (f"newest drift score {points[-1][2]:.3f}, threshold {limit:g}" if points else "not measured")
    drawing = Drawing(width, height, label, "column")
    highest = max([limit * 1.6, *(score for _, _, score in points)])
    y, x = Scale((0.0, highest), (height - 6.0, 8.0)), Scale((0.0, max(len(windows) - 1, 1)), (8.0, width - 8.0))
    drawing.line((0.0, y(0.0)), (width, y(0.0)), "rule")
    drawing.line((0.0, y(limit)), (width, y(limit)), "limit")
    drawing.way([(x(number), y(score)) for number, _, score in points], "course")
    for number, window, score in points:
        state = signs.column(score, limit)
        if state == "drifted" or window is points[-1][1]:  # where it drifted, and how it stands now
            _mark(drawing, (x(number), y(score)), state, f"{window.name}: {score:.3f}, {state}")
    return drawing.svg()


def gains(gates: Sequence[Gate]) -> Scale:
    """One scale for the gains of several gates, with 0 on it."""
    measured = [gate.gain for gate in gates if gate.gain]
    return Scale.around(measured, *([0.0] if measured else [0.0, 1.0]), pixels=(6.0, 254.0))


def gain(gate: Gate, x: Scale) -> Markup:
    """The challenger's gain with its interval; the lines are 0 and the smallest gain worth a change."""
    label = f"gain {gate.gain} on {gate.rows:,} rows" if gate.gain else "no gain measured"
    drawing = Drawing(260.0, 30.0, label, "gain")
    drawing.upright(x(0.0), 30.0, "zero")
    drawing.upright(x(gate.min_gain), 30.0, "limit")
    if gate.gain:
        look = "good" if gate.outcome == "promote" else "quiet"
        drawing.interval(gate.gain, x, 15.0, f"whisker {look}")
        for end in (gate.gain.low, gate.gain.high):
            drawing.line((x(end), 11.0), (x(end), 19.0), f"whisker {look}")
        drawing.mark((x(gate.gain.value), 15.0), "circle" if look == "good" else "square", look, label)
    return drawing.svg()


def progress(part: int, whole: int, width: float = 120.0) -> Markup:
    """How far `part` of `whole` has come."""
    drawing = Drawing(width, 6.0, f"{part:,} of {whole:,}", "progress")
    drawing.bar((0.0, 0.0), width, 6.0, "groove")
    drawing.bar((0.0, 0.0), width * min(part / whole, 1.0), 6.0, "filled")
    return drawing.svg()


def newest_scores(windows: Sequence[WindowHealth]) -> Mapping[str, float]:
    """The drift scores of the newest window that has any."""
    return next((window.scores for window in reversed(windows) if window.scores), {})


_PLOT, _NAMES = 176.0, 198.0  # where the points end, and where their names begin
_LINE, _TOP = 17.0, 26.0  # between two names; room above the highest point for the axis's name


def policies(found: Comparison) -> Markup:
    """Regret against the number of trainings: a marker for each policy, led to its name at the right, lowest regret last."""
    told = comparisons.by_regret(found)
    height = max(200.0, _TOP + _LINE * len(told))
    label = "regret by number of trainings, lowest first: " + ", ".join(
        f"{one.name} {one.regret:.4f} after {one.trainings}" for one in told
    )
    drawing = Drawing(356.0, height + 40.0, label, "policies")
    highest = max(one.regret for one in told) or 1.0
    x = Scale((0.0, max(1, *(one.trainings for one in told))), (48.0, _PLOT))
    y = Scale((0.0, highest), (height, _TOP))
    _axes(drawing, x, y, ("trainings", "regret"))
    places = comparisons.spread([one.regret / highest for one in told], _LINE / (height - _TOP))
    for one, place in zip(told, places, strict=True):
        sign, at, beside = comparisons.SIGNS[one.kind], (x(one.trainings), y(one.regret)), y(place * highest)
        tip = f"{one.name}: regret {one.regret:.4f}, {one.trainings} trainings, log loss {one.log_loss:.4f}"
        drawing.way([at, (_PLOT + 8.0, beside), (_NAMES - 8.0, beside)], "leader")
        drawing.mark(at, sign.shape, sign.colour, tip)
        drawing.mark((_NAMES, beside), sign.shape, sign.colour, tip)
        drawing.text((_NAMES + 10.0, beside + 4.0), one.name, "name")
    return drawing.svg()


def ages(found: Comparison) -> Markup:
    """What models lost by their age, above a fresh one on the same rows."""
    aged = found.staleness
    label = f"loss above a fresh model's by age in blocks, up to {aged[-1].blocks}: {aged[-1].excess:.4f}"
    drawing = Drawing(356.0, 240.0, label, "policies")
    excess = [one.excess for one in aged]
    x = Scale((0.0, max(1, aged[-1].blocks)), (48.0, 348.0))
    y = Scale((min(0.0, *excess), max(0.0, *excess) or 1.0), (200.0, _TOP))
    _axes(drawing, x, y, (f"age in blocks (each a {found.cut_by})", "lost by age"))
    points = [(x(one.blocks), y(one.excess)) for one in aged]
    drawing.way(points, "course")
    for one, at in zip(aged, points, strict=True):
        drawing.dot(at, 3.0, "filled", f"{one.blocks} blocks old: {one.excess:+.4f} on {one.rows:,} rows")
    return drawing.svg()


def _axes(drawing: Drawing, x: Scale, y: Scale, names: tuple[str, str]) -> None:
    bottom, end = y.pixels[0], x.pixels[1]
    for value in y.ticks():
        drawing.line((x.pixels[0] - 6.0, y(value)), (end, y(value)), "zero" if value == 0 else "rule")
        drawing.text((x.pixels[0] - 10.0, y(value) + 4.0), f"{value:.4g}", "tick")
    for value in x.ticks():
        if value == int(value):
            drawing.text((x(value), bottom + 20.0), f"{value:.0f}", "date")
    drawing.text((x.pixels[0] - 6.0, bottom + 36.0), names[0])
    drawing.text((0.0, 8.0), names[1])
