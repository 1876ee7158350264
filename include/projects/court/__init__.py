"""Basketball: a project of shots has a court on which a spot is chosen, and is played in seasons."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from shotclock import config
from shotclock.config import Section
from shotclock.config.extension import Period

if TYPE_CHECKING:
    from .trial import OnCourt

_SEASON_BEGINS = 7  # July: a season is played from autumn to early summer


class Axis(Section):
    """How a feature follows from a place on the court: `at_basket + per_foot * feet`."""

    feature: str
    at_basket: float
    per_foot: float

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.per_foot == 0:
            raise ValueError("found per_foot 0, allowed: what one foot adds to the feature, above or below 0")
        return self


class Court(Section):
    """Half a basketball court, in feet from the basket: `x` to the right of it, `y` away from the baseline."""

    x: Axis
    y: Axis
    distance: str | None = None
    """The feature that is the distance from the basket in whole feet, rounded down."""

    @property
    def features(self) -> list[str]:
        """What a spot on the court says about a row."""
        return [self.x.feature, self.y.feature, *([self.distance] if self.distance else [])]


class Demonstration(Section):
    court: Court


def season(year: int, month: int) -> str:
    """What the league calls it: `1996-97`, from July to June."""
    first = year if month >= _SEASON_BEGINS else year - 1
    return f"{first:04d}-{(first + 1) % 100:02d}"


class Project(config.Project):
    """A project of shots."""

    demonstration: Demonstration
    periods: ClassVar[Mapping[str, Period]] = {"season": season, **config.Project.periods}

    @model_validator(mode="after")
    def _court_speaks_of_features(self) -> Self:
        named = self.demonstration.court.features
        strangers = [name for name in named if name not in self.columns.features]
        if strangers or len(set(named)) < len(named):
            known = ", ".join(self.columns.features)
            raise ValueError(f"found demonstration.court of {', '.join(named)}, allowed: each once, of {known}")
        return self

    def trial(self) -> "OnCourt":
        from .trial import OnCourt

        return OnCourt(self.name, self.demonstration.court)
