"""A few SVG elements as text, and intervals on a scale. Every value is escaped; looks come from the page's style sheet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from markupsafe import Markup

from shotclock.judging.figure import Figure

Point = tuple[float, float]

SIZE = 4.5  # half a marker's width


@dataclass(frozen=True)
class Scale:
    """Values to pixels, in a straight line: from the one end to the other."""

    values: tuple[float, float]
    pixels: tuple[float, float]

    @classmethod
    def around(
        cls, figures: Iterable[Figure], *others: float, pixels: tuple[float, float], room: float = 0.06
    ) -> "Scale":
        """One that holds all intervals and the other values, with `room` beyond them: a share of what they span."""
        ends = [*others, *(end for figure in figures for end in (figure.low, figure.high))]
        more = room * ((max(ends) - min(ends)) or 1.0)
        return cls((min(ends) - more, max(ends) + more), pixels)

    def __call__(self, value: float) -> float:
        (low, high), (begin, end) = self.values, self.pixels
        return begin + (value - low) / ((high - low) or 1.0) * (end - begin)

    def ticks(self) -> list[float]:
        """Four to eight round values."""
        low, high = self.values
        size = 10.0 ** floor(log10((high - low) / 4))
        step = next(size * factor for factor in (1, 2, 5, 10) if (high - low) / (size * factor) <= 8)
        return [round(number * step, 10) for number in range(ceil(low / step), floor(high / step) + 1)]


class Drawing:
    """One SVG picture.

    Args:
        label: what it says to whoever does not see it; empty where the words beside it say the same.
        corner: what stands at its upper left.
        grows: with the page, up to what the style sheet allows.
    """

    def __init__(
        self, width: float, height: float, label: str, look: str, corner: Point = (0, 0), *, grows: bool = False
    ) -> None:
        self.width = width
        self._parts: list[Markup] = []
        size = {} if grows else {"width": width, "height": height}
        view = " ".join(str(_rounded(number)) for number in (*corner, width, height))
        told = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
        self._head: dict[str, object] = {"class": look, **size, "viewBox": view, **told}

    def line(self, start: Point, end: Point, look: str) -> None:
        (x1, y1), (x2, y2) = start, end
        self._add("line", look, x1=x1, x2=x2, y1=y1, y2=y2)

    def upright(self, x: float, height: float, look: str) -> None:
        """A line from the top down to `height`: where a value lies."""
        self.line((x, 0), (x, height), look)

    def interval(self, figure: Figure, scale: Scale, at: float, look: str, *, upright: bool = False) -> None:
        """A line from end to end along the scale, `at` pixels across it."""
        low, high = scale(figure.low), scale(figure.high)
        start, end = ((at, high), (at, low)) if upright else ((low, at), (high, at))
        self.line(start, end, look)

    def bar(self, corner: Point, width: float, height: float, look: str, tip: str = "") -> None:
        self._add("rect", look, tip, x=corner[0], y=corner[1], width=max(width, 0), height=max(height, 0), rx=2)

    def way(self, points: Sequence[Point], look: str) -> None:
        """Lines from point to point."""
        self._add("polyline", look, points=_pairs(points))

    def area(self, points: Sequence[Point], look: str) -> None:
        self._add("polygon", look, points=_pairs(points))

    def text(self, at: Point, words: object, look: str = "", *, turned: bool = False) -> None:
        """Words that begin, end or have their middle there, as the look says; `turned`: from below to above."""
        x, y = map(_rounded, at)
        place = {"transform": f"translate({x} {y}) rotate(-90)"} if turned else {"x": x, "y": y}
        self._parts.append(_element("text", {"class": look or None, **place}, Markup("{}").format(words)))

    def dot(self, at: Point, radius: float, look: str = "", tip: str = "") -> None:
        self._add("circle", look, tip, cx=at[0], cy=at[1], r=radius)

    def mark(self, at: Point, shape: str, look: str, tip: str = "") -> None:
        """A marker whose shape says what its colour says: `circle`, `ring`, `triangle`, `cross`, `square`, `back`."""
        x, y = at
        if shape in ("circle", "ring"):
            self.dot(at, SIZE - 0.5, f"{look} {shape}", tip)
        elif shape == "cross":
            s = 2 * SIZE - 2
            d = f"M{_rounded(x - SIZE + 1)} {_rounded(y - SIZE + 1)}l{s} {s}m0 -{s}l-{s} {s}"
            self._add("path", f"{look} cross", tip, d=d)
        else:
            self._add("polygon", f"{look} {shape}", tip, points=_pairs([(x + dx, y + dy) for dx, dy in _SHAPES[shape]]))

    def svg(self) -> Markup:
        return _element("svg", self._head, Markup("").join(self._parts))

    def file(self, style: str) -> str:
        """The picture as a file of its own, which no page gives its looks."""
        head = {"xmlns": "http://www.w3.org/2000/svg", **self._head}
        return _element("svg", head, Markup("<style>{}</style>").format(style) + Markup("").join(self._parts))

    def _add(self, name: str, look: str, tip: str = "", **attributes: object) -> None:
        told = Markup("<title>{}</title>").format(tip) if tip else ""
        self._parts.append(_element(name, {"class": look or None, **attributes}, told))


_SHAPES: dict[str, list[Point]] = {
    "triangle": [(0, -SIZE), (SIZE, SIZE - 0.5), (-SIZE, SIZE - 0.5)],
    "down": [(0, SIZE), (SIZE, -SIZE + 0.5), (-SIZE, -SIZE + 0.5)],
    "square": [(-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)],
    "back": [(-SIZE, 0), (SIZE - 0.5, -SIZE), (SIZE - 0.5, SIZE)],
}


def _element(name: str, attributes: dict[str, object], inside: str) -> Markup:
    """An element, without the attributes that are None."""
    told = ((key, _rounded(value)) for key, value in attributes.items() if value is not None)
    begun = f"<{name}" + "".join(Markup(' {}="{}"').format(key, value) for key, value in told)
    return Markup(f"{begun}>{inside}</{name}>" if inside else f"{begun}/>")


def _pairs(points: Sequence[Point]) -> str:
    return " ".join(f"{_rounded(x)},{_rounded(y)}" for x, y in points)


def _rounded(value: Any) -> Any:
    """Hundredths of a pixel are seen by nobody."""
    return round(value, 2) if isinstance(value, float) else value
