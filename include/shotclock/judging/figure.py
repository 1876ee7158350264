"""A value that carries its interval."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A value and the interval around it; `low <= value <= high`.

    As text it is `value [low, high]`, with four digits, or with those that a format asks for: `f"{figure:.3f}"`.
    """

    value: float
    low: float
    high: float

    @classmethod
    def among(cls, numbers: Mapping[str, float], name: str) -> "Figure | None":
        """The figure of this name where its ends stand beside it as `_low` and `_high`; None where it is not."""
        if name not in numbers:
            return None
        value = numbers[name]
        return cls(value, numbers.get(f"{name}_low", value), numbers.get(f"{name}_high", value))

    @classmethod
    def around(cls, value: float, half: float) -> "Figure":
        """A value with an interval that reaches so far on both sides."""
        return cls(value, value - half, value + half)

    @staticmethod
    def flat(figures: "Mapping[str, Figure]") -> dict[str, float]:
        """The numbers that `among` reads."""
        ends = {"": "value", "_low": "low", "_high": "high"}
        return {f"{name}{end}": getattr(figure, of) for name, figure in figures.items() for end, of in ends.items()}

    def scaled(self, factor: float, more: float = 0.0) -> "Figure":
        """Value and ends times a factor above 0, and so much more."""
        return Figure(self.value * factor + more, self.low * factor + more, self.high * factor + more)

    def interval(self, each: str = ".4f") -> str:
        """`[low, high]`, each end in this format."""
        return f"[{self.low:{each}}, {self.high:{each}}]"

    def __format__(self, each: str) -> str:
        each = each or ".4f"
        return f"{self.value:{each}} {self.interval(each)}"

    def __str__(self) -> str:
        return format(self)
