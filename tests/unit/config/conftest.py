"""A sound project file, and what is said when it is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shotclock.config import load_project
from shotclock.errors import ConfigError

SOUND = """\
name: flats
title: Flats
data:
  training: old.parquet
  production: new.parquet
  download_from: https://example.org/flats/
  sha256:
    old.parquet: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
columns:
  id: flat
  time: day
  target: sold
  features:
    rooms: {type: integer, min: 1, max: 9}
    lift:  {type: integer, allowed: [0, 1], drift: jensenshannon}
training:
  candidates: [decision_tree, gradient_boosting]
  folds: 4
drift:
  share: 0.5
"""


@pytest.fixture
def sound() -> str:
    return SOUND


@pytest.fixture
def refusal(sound: str, tmp_path: Path) -> Callable[..., str]:
    """The message that refuses the sound file, once `old` in it has become `new`."""

    def refuse(old: str, new: str) -> str:
        assert sound.count(old) == 1, f"{old!r} must stand in the file once"
        path = tmp_path / "flats.yaml"
        path.write_text(sound.replace(old, new))
        with pytest.raises(ConfigError) as caught:
            load_project(path)
        message = str(caught.value)
        assert message.startswith(str(path)), "the file comes first"
        return message.replace(str(path), "flats.yaml")

    return refuse
