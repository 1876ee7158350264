"""An input knows what its version was judged on."""

import pytest

from shotclock.reading.demonstration import Input

DISTANCE = Input("shot_distance", True, 0.0, 100.0, 24.0, seen=(22.0, 43.0))
TOWN = Input("town", False, 0, 0, "Basel", ("Basel", "Bern"), is_text=True, seen=("Basel", "Bern"))
NEVER = Input("extra", False, 0.0, 1.0, None, may_be_missing=True)


@pytest.mark.parametrize(
    ("asked", "value", "known"),
    [
        (DISTANCE, 22.0, True),
        (DISTANCE, 43, True),
        (DISTANCE, 21.9, False),
        (DISTANCE, 44.0, False),
        (DISTANCE, None, False),
        (TOWN, "Bern", True),
        (TOWN, "Lugano", False),
        (NEVER, None, True),
        (NEVER, 0.5, False),
    ],
)
def test_a_value_is_known_where_the_version_was_judged_on_its_like(asked, value, known):
    assert asked.knows(value) is known
