"""What each section of a project file may hold, and what it may not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from shotclock.config import Feature, RetrainingRules, load_project


def test_a_project_cannot_be_changed_after_it_is_read(kobe) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        kobe.split.seed = 7


def test_the_first_project_names_both_files_and_their_digests(kobe) -> None:
    assert kobe.data.sha256 == {
        "dataset_kobe_dev.parquet": "3a177adbf7e4ef40cb770940a3aa52ee4880372352d4cf676a94a2d274a36b07",
        "dataset_kobe_prod.parquet": "98e4a0c2ed17d350f84fd356bfdcce9b707e931ec37909999489a3d36cf9d05e",
    }
    assert list(kobe.columns.features) == [
        "lat",
        "lon",
        "minutes_remaining",
        "period",
        "playoffs",
        "shot_distance",
    ]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("sub/old.parquet", "a name under data/raw, an absolute path, or an address such as s3://bucket/folder"),
        ("'sub\\old.parquet'", "a name under data/raw"),
        ("''", "a name under data/raw"),
        ("s4://bucket/old.parquet", "a path, file://, s3://"),
        ("s3:///old.parquet", "s3://bucket/folder"),
    ],
)
def test_what_is_neither_a_name_nor_an_address_is_refused(
    refusal: Callable[..., str], address: str, allowed: str
) -> None:
    message = refusal("training: old.parquet", f"training: {address}")
    assert "line 4: field 'data.training': found " in message
    assert f"allowed: {allowed}" in message


@pytest.mark.parametrize(
    "address", ["old.parquet", "/mnt/old.parquet", "file:///mnt/old.parquet", "s3://bucket/old.parquet"]
)
def test_data_may_be_a_name_or_a_whole_address(sound: str, tmp_path: Path, address: str) -> None:
    text = sound.replace("production: new.parquet", f"production: {address}\n  batches: {address}\n  labels: {address}")
    (tmp_path / "flats.yaml").write_text(text)
    data = load_project(tmp_path / "flats.yaml").data
    assert (data.production, data.batches, data.labels) == (address,) * 3


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("id: flat", "id: rooms", "'rooms' as id and feature"),
        ("time: day", "time: flat", "'flat' as id and time"),
        ("target: sold", "target: lift", "'lift' as target and feature"),
    ],
)
def test_a_column_in_two_roles_is_refused(refusal: Callable[..., str], old: str, new: str, found: str) -> None:
    assert f"line 9: field 'columns': found {found}, allowed: one role for each column" in refusal(old, new)


@pytest.mark.parametrize("role", ["target: sold", "rooms"])
def test_a_name_that_no_metric_may_have_is_refused(refusal: Callable[..., str], role: str) -> None:
    message = refusal(role, role.replace("sold", "x" * 300).replace("rooms", "y" * 300))
    assert "line 9: field 'columns': found '" in message and "of 300 letters, allowed: 200 letters" in message


def test_a_digest_of_a_file_that_the_project_does_not_have_is_refused(refusal: Callable[..., str]) -> None:
    message = refusal("    old.parquet: a", "    odl.parquet: a")

    assert "line 3: field 'data': found sha256 of odl.parquet, allowed: of old.parquet and new.parquet" in message


NOTIFY = "drift:\n  share: 0.5\n"


@pytest.mark.parametrize(
    ("notify", "found"),
    [
        ("{slack: team}", ("team", None, ())),
        ("{smtp: post, mail_to: [a@example.org, b@example.org]}", (None, "post", ("a@example.org", "b@example.org"))),
        ("{}", (None, None, ())),
    ],
)
def test_who_is_told_is_named_by_connection(sound: str, tmp_path: Path, notify: str, found: tuple[object, ...]) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(f"{sound}notify: {notify}\n")

    rules = load_project(path).notify

    assert (rules.slack, rules.smtp, rules.mail_to) == found


@pytest.mark.parametrize(
    ("notify", "message"),
    [
        ("{smtp: post}", "line 21: field 'notify': found smtp post and mail_to nobody, allowed: both, or neither"),
        ("{mail_to: [a@example.org]}", "found smtp none and mail_to a@example.org, allowed: both, or neither"),
        ("{smtp: post, mail_to: [nobody]}", "field 'notify.mail_to.0': found 'nobody', allowed: text like"),
        ("{slack: 'https://hooks.slack.com/services/T0/B0/x'}", "field 'notify.slack': found"),
        ("{mail: post}", "unknown key; allowed: slack, webhook, smtp, mail_to"),
    ],
)
def test_a_notification_that_could_not_be_sent_is_refused(
    refusal: Callable[..., str], notify: str, message: str
) -> None:
    assert message in refusal(NOTIFY, f"{NOTIFY}notify: {notify}\n")


@pytest.mark.parametrize("section", ["split", "training", "gate", "drift", "degradation"])
@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (2**32, "found 4294967296, allowed: less than or equal to 4294967295"),
        (2**64, "found 18446744073709551616, allowed: less than or equal to 4294967295"),
        (-1, "found -1, allowed: greater than or equal to 0"),
        (1.5, "found 1.5, allowed: a valid integer"),
    ],
)
def test_a_seed_that_numpy_does_not_take_is_refused(
    refusal: Callable[..., str], section: str, seed: float, said: str
) -> None:
    message = refusal(*_with(section, f"seed: {seed}"))
    assert f"field '{section}.seed': {said}" in message


@pytest.mark.parametrize("section", ["split", "training", "gate", "drift", "degradation"])
def test_the_largest_seed_that_numpy_takes_is_taken(sound: str, tmp_path: Path, section: str) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(sound.replace(*_with(section, "seed: 4294967295")))
    assert getattr(load_project(path), section).seed == 2**32 - 1


def _with(section: str, line: str) -> tuple[str, str]:
    """What is to be replaced in the sound file, and by what, so that the section holds the line."""
    there = {"training": "  folds: 4", "drift": "  share: 0.5"}
    old = there.get(section, "title: Flats")
    return old, f"{old}\n  {line}" if section in there else f"{old}\n{section}:\n  {line}"


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        *[
            ("gate", f"resamples: {number}", "less than or equal to 1000000")
            for number in (1_000_001, 10**12, 10**2000)
        ],
        ("degradation", "resamples: 1000000000000", "less than or equal to 1000000"),
        *[
            (section, f"{key}: {value}", "a finite number")
            for section, key in (
                ("retraining", "cool_down_days"),
                ("gate", "min_gain"),
                ("degradation", "max_skill_drop"),
            )
            for value in (".inf", ".nan", "1.0e+400")
        ],
        *[
            ("retraining", f"schedule: '{cron}'", "a cron expression of five fields")
            for cron in ("0 0 0 1 * *", "0 0 0 1 * * 2030", "@monthly", "0 0 1 *", "", "61 * * * *", "a b c d e")
        ],
    ],
)
def test_a_number_or_cron_out_of_bounds_is_refused(
    refusal: Callable[..., str], section: str, line: str, said: str
) -> None:
    message = refusal(*_with(section, line))
    assert f"field '{section}.{line.partition(':')[0]}': found " in message
    assert f", allowed: {said}" in message


@pytest.mark.parametrize("key", ["min", "max", "drift_threshold"])
@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1.0e+999", "'nan'", "'inf'", f"1{'0' * 400}"])
def test_a_bound_of_a_feature_that_is_not_finite_is_refused(refusal: Callable[..., str], key: str, value: str) -> None:
    message = refusal("min: 1, max: 9", f"{key}: {value}")
    assert f"line 14: field 'columns.features.rooms.{key}': found " in message
    assert "allowed: " in message


@pytest.mark.parametrize("value", ["[]", "[.nan]", "[.inf]", "[a]", "[1.5]", "1"])
def test_allowed_values_that_allow_nothing_or_are_no_integers_are_refused(
    refusal: Callable[..., str], value: str
) -> None:
    assert "line 15: field 'columns.features.lift.allowed" in refusal("allowed: [0, 1]", f"allowed: {value}")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "{type: text}",
            "field 'columns.features.rooms.type': found 'text', allowed: 'number', 'integer', 'boolean' or",
        ),
        ("{type: category, min: 1}", "found min 1 of a category, allowed: of a number or an integer"),
        ("{type: boolean, max: 1}", "found max 1 of a boolean, allowed: of a number or an integer"),
        ("{type: category, drift: wasserstein}", "found drift wasserstein of a category, allowed: jensenshannon"),
        ("{type: boolean, allowed: [0, 1]}", "found allowed of a boolean, allowed: of an integer or a category"),
        (
            "{type: category, allowed: [yes, no]}",
            "found 1 among the values of category, allowed: text; put it in quotes",
        ),
        ("{type: integer, allowed: ['1']}", "found '1' among the values of integer, allowed: whole numbers"),
        ("{type: number, missing: maybe}", "found 'maybe', allowed: 'refused' or 'allowed'"),
    ],
)
def test_a_features_rules_must_be_of_its_type(refusal: Callable[..., str], rule: str, message: str) -> None:
    assert message in refusal("{type: integer, min: 1, max: 9}", rule)


def test_names_are_compared_by_how_often_each_comes_and_codes_are_text() -> None:
    kind = Feature.model_validate({"type": "category", "allowed": [7, "a"]})
    assert (kind.drift, kind.allowed, kind.is_category, kind.missing) == ("jensenshannon", ("7", "a"), True, "refused")
    assert Feature(type="boolean").is_category
    assert not Feature(type="integer").is_category


def test_a_file_that_still_says_how_recent_rows_were_cut_is_read():
    assert RetrainingRules.model_validate({"train_share": 0.5, "validation_share": 0.2}) == RetrainingRules()


@pytest.mark.parametrize(
    ("rule", "kind", "allowed"),
    [
        ("{of_time: weekday}", "category", tuple("0123456")),
        ("{of_time: month, type: category}", "category", tuple(str(month) for month in range(1, 13))),
        ("{of_time: hour, type: integer}", "integer", tuple(range(24))),
        ("{of_time: weekday, zone: Asia/Kolkata}", "category", tuple("0123456")),
    ],
)
def test_a_part_of_the_time_is_complete_by_its_name(
    sound: str, tmp_path: Path, rule: str, kind: str, allowed: tuple
) -> None:
    (tmp_path / "flats.yaml").write_text(sound.replace("  features:\n", f"  features:\n    part: {rule}\n"))
    columns = load_project(tmp_path / "flats.yaml").columns
    part = columns.features["part"]
    assert (part.type, part.allowed, part.drift, part.is_category, part.may_be_missing) == (
        kind,
        allowed,
        "jensenshannon",
        True,
        False,
    )
    assert list(columns.of_time) == ["part"]
    assert "part" in columns.all
    assert "part" not in [*columns.in_file, *columns.given]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "{of_time: year}",
            "field 'columns.features.part.of_time': found 'year', allowed: 'month', 'weekday' or 'hour'",
        ),
        ("{of_time: [hour]}", "field 'columns.features.part.of_time': found ['hour'], allowed:"),
        ("{of_time: hour, min: 6}", "found min of a part of the time, allowed: type and zone"),
        ("{of_time: hour, missing: allowed}", "found missing of a part of the time, allowed: type and zone"),
        ("{of_time: hour, zone: Europe}", "found 'Europe', allowed: a time zone by its name, such as Europe/Berlin"),
        ("{of_time: hour, zone: Mars/Olympus}", "field 'columns.features.part.zone': found 'Mars/Olympus', allowed:"),
        ("{of_time: hour, zone: ../../etc/passwd}", "found '../../etc/passwd', allowed: a time zone"),
        ("{of_time: hour, zone: ''}", "found '', allowed: a time zone"),
        ("{of_time: hour, zone: 2}", "field 'columns.features.part.zone': found 2, allowed:"),
        ("{type: number, zone: UTC}", "found a zone, allowed: of a part of the time, with of_time"),
        ("{of_time: hour, type: number}", "found type number of a part of the time, allowed: category or integer"),
    ],
)
def test_a_part_of_the_time_has_no_rules_of_its_own(refusal: Callable[..., str], rule: str, said: str) -> None:
    assert said in refusal("  features:\n", f"  features:\n    part: {rule}\n")


def test_without_a_column_that_tells_the_time_it_has_no_parts(refusal: Callable[..., str]) -> None:
    with_part = "jensenshannon}\n    part: {of_time: hour}\nreading: {row_order: true}\ntraining:"
    message = refusal("jensenshannon}\ntraining:", with_part)
    assert "found of_time of part, allowed: none with reading.row_order: no column tells it" in message


def test_parts_of_the_time_alone_are_no_features_to_learn_from(sound: str, refusal: Callable[..., str]) -> None:
    features = sound[sound.index("    rooms:") : sound.index("training:\n  candidates")]
    assert "found parts of the time alone, allowed: at least one" in refusal(features, "    part: {of_time: hour}\n")
