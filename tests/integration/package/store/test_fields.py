"""How a record's fields are kept in an MLflow run, and read back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from shotclock.store.fields import Metric, Metrics, Param, Params, Tag, Values, names, read, tag_name, written


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One field of each way of being kept."""

    taken: Annotated[bool, Tag()]
    hand: Annotated[Literal["left", "right"], Tag("hand.of")]
    number: Annotated[int, Tag(), Metric()]
    by: Annotated[tuple[str, ...], Tag(joined=", ")] = ()
    note: Annotated[str | None, Tag()] = None
    height: Annotated[float, Param()] = 2.0
    coach: Annotated[str | None, Param(none="None")] = "somebody"
    parts: Annotated[int | None, Param()] = None
    others: Annotated[Mapping[str, Any], Params()] = field(default_factory=dict)
    speed: Annotated[float | None, Metric("speed_of_it")] = None
    angles: Annotated[dict[str, float], Metrics("angle_")] = field(default_factory=dict)
    beside: str = "not kept"


LEAST = Shot(taken=False, hand="left", number=3)
MOST = Shot(
    taken=True,
    hand="right",
    number=7,
    by=("Ann", "Bob"),
    note="long",
    height=1.98,
    coach=None,
    parts=4,
    others={"arena": "home", "seats": "900"},
    speed=9.5,
    angles={"start": 45.0, "end": -40.5},
)


def test_each_field_is_kept_as_its_mark_says_and_none_leaves_nothing():
    assert written(MOST) == Values(
        params={"height": "1.98", "coach": "None", "parts": "4", "arena": "home", "seats": "900"},
        metrics={"number": 7.0, "speed_of_it": 9.5, "angle_start": 45.0, "angle_end": -40.5},
        tags={"taken": "True", "hand.of": "right", "number": "7", "by": "Ann, Bob", "note": "long"},
    )
    assert written(LEAST) == Values(
        params={"height": "2.0", "coach": "somebody"},
        metrics={"number": 3.0},
        tags={"taken": "False", "hand.of": "left", "number": "3", "by": ""},
    )


@pytest.mark.parametrize("record", [MOST, LEAST], ids=["all there is", "the least"])
def test_what_is_written_is_read_back_in_its_types(record):
    found = read(Shot, written(record))
    assert found == record
    assert all(type(getattr(found, name)) is type(getattr(record, name)) for name in names(Shot))


@pytest.mark.parametrize("by", [(), ("Ann",), ("Ann", "Bob", "Cy")])
def test_several_values_in_one_tag_come_apart_where_they_were_joined(by):
    values = written(Shot(taken=True, hand="left", number=1, by=by))
    assert values.tags["by"] == ", ".join(by)
    assert read(Shot, values).by == by


def test_what_gathers_the_rest_takes_nothing_that_a_field_has_of_its_own():
    found = read(Shot, written(MOST))
    assert found.others == {"arena": "home", "seats": "900"}

    @dataclass(frozen=True)
    class Speeds:
        all: Annotated[dict[str, float], Metrics()]
        top: Annotated[float, Metric()]

    assert read(Speeds, Values({}, {"top": 9.0, "mean": 5.0}, {})) == Speeds({"mean": 5.0}, 9.0)


def test_what_is_there_besides_is_left_alone():
    values = written(LEAST)
    more = Values(values.params, values.metrics | {"other": 1.0}, values.tags | {"project": "shots"})
    assert read(Shot, more) == LEAST


def without(values, kind, name):
    kept = {key: value for key, value in getattr(values, kind).items() if key != name}
    return Values(**{each: kept if each == kind else getattr(values, each) for each in ("params", "metrics", "tags")})


def test_a_value_that_is_missing_is_the_default_or_refused_by_the_name_that_it_has_there():
    values = written(MOST)
    assert read(Shot, without(values, "tags", "note")).note is None
    assert read(Shot, without(values, "params", "coach")).coach == "somebody"
    assert read(Shot, without(values, "metrics", "number")).number == 7, "the first mark says where it is read"
    for name in ("taken", "hand.of", "number"):
        with pytest.raises(ValueError, match=rf"^no tag shotclock\.{name}$"):
            read(Shot, without(values, "tags", name))


@pytest.mark.parametrize(
    ("mark", "said"),
    [(Param(), "no param size"), (Metric(), "no metric size"), (Metric("size_of"), "no metric size_of")],
)
def test_a_missing_parameter_or_metric_is_called_so(mark, said):
    @dataclass(frozen=True)
    class Ball:
        size: Annotated[float, mark]

    with pytest.raises(ValueError, match=f"^{said}$"):
        read(Ball, Values({}, {}, {}))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"hand.of": "both"}, "^hand: found 'both': Input should be 'left' or 'right'$"),
        ({"taken": "perhaps"}, "^taken: found 'perhaps': Input should be a valid boolean"),
        ({"number": "many"}, "^number: found 'many': Input should be a valid integer"),
    ],
)
def test_a_value_of_another_type_or_word_is_refused_with_what_was_found_and_expected(tags, said):
    values = written(MOST)
    with pytest.raises(ValueError, match=said):
        read(Shot, Values(values.params, values.metrics, {**values.tags, **tags}))


def test_the_tag_that_holds_a_field_is_named_with_its_prefix():
    assert [tag_name(Shot, name) for name in ("taken", "hand", "number")] == [
        "shotclock.taken",
        "shotclock.hand.of",
        "shotclock.number",
    ]


@pytest.mark.parametrize("name", ["height", "others", "speed", "angles"])
def test_a_field_that_is_no_tag_has_none(name):
    with pytest.raises(KeyError, match=rf"Shot\.{name} is not kept as a tag"):
        tag_name(Shot, name)


@pytest.mark.parametrize("name", ["beside", "nothing"])
def test_a_field_that_is_not_kept_or_not_there_has_no_tag(name):
    with pytest.raises(KeyError, match=name):
        tag_name(Shot, name)
