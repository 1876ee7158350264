"""A few SVG elements as text. Every value is escaped; looks come from the page's style sheet, by class."""

from collections.abc import Sequence

from markupsafe import Markup, escape

Point = tuple[float, float]

SIZE = 4.5  # half a marker's width


class Drawing:
    """One SVG picture. `label` is what it says to whoever does not see it."""

    def __init__(self, width: float, height: float, label: str, look: str = "") -> None:
        self._parts: list[Markup] = []
        self._size, self._label, self._look = (width, height), label, look

    def line(self, start: Point, end: Point, look: str) -> None:
        (x1, y1), (x2, y2) = start, end
        self._add("line", look, x1=x1, y1=y1, x2=x2, y2=y2)

    def bar(self, corner: Point, width: float, height: float, look: str, tip: str = "") -> None:
        self._add("rect", look, tip, x=corner[0], y=corner[1], width=max(width, 0), height=max(height, 0), rx=2)

    def way(self, points: Sequence[Point], look: str) -> None:
        """Lines from point to point."""
        self._add("polyline", look, points=_pairs(points))

    def area(self, points: Sequence[Point], look: str) -> None:
        self._add("polygon", look, points=_pairs(points))

    def text(self, at: Point, words: object, look: str = "") -> None:
        self._parts.append(
            Markup('<text class="{}" x="{}" y="{}">{}</text>').format(look, _number(at[0]), _number(at[1]), words)
        )

    def mark(self, at: Point, shape: str, look: str, tip: str = "") -> None:
        """A marker whose shape says what its colour says: `circle`, `ring`, `triangle`, `cross`, `square`, `back`."""
        x, y = at
        if shape in ("circle", "ring"):
            self._add("circle", f"{look} {shape}", tip, cx=x, cy=y, r=SIZE - 0.5)
        elif shape == "cross":
            d = "M{} {}l{s} {s}m0 -{s}l-{s} {s}".format(_number(x - SIZE + 1), _number(y - SIZE + 1), s=2 * SIZE - 2)
            self._add("path", f"{look} cross", tip, d=d)
        else:
            self._add("polygon", f"{look} {shape}", tip, points=_pairs([(x + dx, y + dy) for dx, dy in _SHAPES[shape]]))

    def svg(self) -> Markup:
        width, height = map(_number, self._size)
        head = Markup('<svg class="{}" role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">')
        opened = head.format(self._look, self._label, width, height, width, height)
        return opened + Markup("").join(self._parts) + Markup("</svg>")

    def _add(self, name: str, look: str, tip: str = "", **attributes: object) -> None:
        pairs = {"class": look} | {key: _number(value) for key, value in attributes.items()}
        told = Markup("<title>{}</title>").format(tip) if tip else Markup("")
        written = Markup(" ").join(Markup('{}="{}"').format(key, value) for key, value in pairs.items())
        self._parts.append(Markup(f"<{name} ") + written + Markup(">") + told + Markup(f"</{name}>"))


_SHAPES: dict[str, list[Point]] = {
    "triangle": [(0, -SIZE), (SIZE, SIZE - 0.5), (-SIZE, SIZE - 0.5)],
    "down": [(0, SIZE), (SIZE, -SIZE + 0.5), (-SIZE, -SIZE + 0.5)],
    "square": [(-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)],
    "back": [(-SIZE, 0), (SIZE - 0.5, -SIZE), (SIZE - 0.5, SIZE)],
}


def _pairs(points: Sequence[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else escape(value)


class Scale:
    """Values to pixels, in a straight line."""

    def __init__(self, values: tuple[float, float], pixels: tuple[float, float]) -> None:
        self.low, high = values
        self._begin, end = pixels
        self._slope = (end - self._begin) / ((high - self.low) or 1.0)

    def __call__(self, value: float) -> float:
        return self._begin + (value - self.low) * self._slope
