"""A project file is either understood whole, or refused with file, line, field, what was found and what is allowed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from shotclock.config import load_project, project, projects, settings, usable_projects
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
def refusal(tmp_path: Path) -> Callable[..., str]:
    """The message that refuses the sound file, once `old` in it has become `new`."""

    def refuse(old: str, new: str) -> str:
        assert SOUND.count(old) == 1, f"{old!r} must stand in the file once"
        path = tmp_path / "flats.yaml"
        path.write_text(SOUND.replace(old, new))
        with pytest.raises(ConfigError) as caught:
            load_project(path)
        message = str(caught.value)
        assert message.startswith(str(path)), "the file comes first"
        return message.replace(str(path), "flats.yaml")

    return refuse


def test_a_sound_file_is_understood_whole(tmp_path: Path) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(SOUND)

    flats = load_project(path)

    assert flats.name == "flats"
    assert flats.columns.all == ["flat", "day", "rooms", "lift", "sold"]
    assert flats.columns.features["lift"].allowed == (0, 1)
    assert flats.training.candidates == ("decision_tree", "gradient_boosting")
    assert flats.training.folds == 4


def test_what_a_file_leaves_out_has_a_default(tmp_path: Path) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(SOUND)

    flats = load_project(path)

    assert flats.training.backend == "pycaret"
    assert flats.split.test_share == 0.2
    assert flats.columns.features["rooms"].drift == "wasserstein"
    assert flats.data.synthetic is None


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
    ("old", "new", "message"),
    [
        (
            "  folds: 4",
            "  fold: 4",
            "flats.yaml, line 18: field 'training.fold': unknown key; "
            "allowed: backend, candidates, folds, iterations, seed; did you mean 'folds'?",
        ),
        (
            "rooms: {type: integer, min: 1",
            "rooms: {type: integer, minimum: 1",
            "flats.yaml, line 14: field 'columns.features.rooms.minimum': unknown key; "
            "allowed: type, min, max, allowed, drift, drift_threshold; did you mean 'min'?",
        ),
        (
            "  folds: 4",
            "  folds: 1",
            "flats.yaml, line 18: field 'training.folds': found 1, allowed: greater than or eq",
        ),
        (
            "  folds: 4",
            "  folds: many",
            "flats.yaml, line 18: field 'training.folds': found 'many', allowed: a valid int",
        ),
        (
            "share: 0.5",
            "share: 1.5",
            "flats.yaml, line 20: field 'drift.share': found 1.5, allowed: less than or equal",
        ),
        (
            "[decision_tree, gradient_boosting]",
            "[decision_tree, forest]",
            "flats.yaml, line 17: field 'training.candidates.1': found 'forest', "
            "allowed: 'decision_tree', 'logistic_regression' or 'gradient_boosting'",
        ),
        (
            "rooms: {type: integer",
            "rooms: {type: text",
            "line 14: field 'columns.features.rooms.type': found 'text', all",
        ),
        (
            "rooms: {type: integer, min: 1, max: 9}",
            "rooms: 3",
            "line 14: field 'columns.features.rooms': found 3, allow",
        ),
        ("min: 1, max: 9", "min: 9, max: 1", "line 14: field 'columns.features.rooms': found min 9 and max 1, allowed"),
        (
            "title: Flats",
            "title: [a, b]",
            "flats.yaml, line 2: field 'title': found ['a', 'b'], allowed: a valid string",
        ),
        ("name: flats", "name: Flats!", "flats.yaml, line 1: field 'name': found 'Flats!', allowed: text like"),
        (
            "training: old.parquet",
            "training: ../old.parquet",
            "line 4: field 'data.training': found '../old.parquet', ",
        ),
        (
            "https://example",
            "ftp://example",
            "line 6: field 'data.download_from': found 'ftp://example.org/flats/', all",
        ),
        ("    old.parquet: aaaa", "    old.parquet: zzzz", "line 8: field 'data.sha256.old.parquet': found 'zzzzaaaa"),
        ("  share: 0.5", "  windows: 2", "line 19: field 'drift': found windows 2 and of_windows 1, allowed: windows"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_line_field_found_and_allowed(
    refusal: Callable[..., str], old: str, new: str, message: str
) -> None:
    assert message in refusal(old, new)


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
def test_data_may_be_a_name_or_a_whole_address(tmp_path: Path, address: str) -> None:
    text = SOUND.replace("production: new.parquet", f"production: {address}\n  batches: {address}\n  labels: {address}")
    (tmp_path / "flats.yaml").write_text(text)
    data = load_project(tmp_path / "flats.yaml").data
    assert (data.production, data.batches, data.labels) == (address,) * 3


def test_data_may_lie_in_an_object_store_and_project_files_may_not(tmp_path: Path) -> None:
    given = {"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_DATA": "s3://bucket/a", "SHOTCLOCK_DATA_DIR": "s3://bucket/b"}
    found = settings(given)
    assert (str(found.data), str(found.data_source)) == ("s3://bucket/a", "s3://bucket/b")
    assert settings({"SHOTCLOCK_HOME": "/", "SHOTCLOCK_DATA": "file:///data"}).data == Path("/data")
    with pytest.raises(ConfigError, match="SHOTCLOCK_PROJECTS: found s3://bucket/c, allowed: a folder of this machine"):
        settings(given | {"SHOTCLOCK_PROJECTS": "s3://bucket/c"})


def test_a_wrong_item_is_reported_once_and_not_again_for_its_list(refusal: Callable[..., str]) -> None:
    assert len(refusal("[decision_tree, gradient_boosting]", "[forest]").splitlines()) == 1


def test_every_fault_of_a_file_is_reported_at_once(refusal: Callable[..., str]) -> None:
    lines = refusal("  folds: 4\ndrift:\n  share: 0.5", "  folds: 0\ndrift:\n  shares: 0.5").splitlines()

    assert [line.split(":")[0] for line in lines] == ["flats.yaml, line 18", "flats.yaml, line 20"]


def test_a_missing_key_is_refused_with_the_line_of_its_section(refusal: Callable[..., str]) -> None:
    assert "line 9: field 'columns.target': missing" in refusal("  target: sold\n", "")


def test_a_missing_section_is_refused(refusal: Callable[..., str]) -> None:
    assert "field 'columns': missing; it is required" in refusal("columns:", "column:")


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


def test_a_key_that_stands_twice_is_refused_and_not_silently_overridden(refusal: Callable[..., str]) -> None:
    message = refusal("    lift:  {", "    rooms: {")

    assert "line 15: field 'columns.features.rooms': found a second time (first in line 14), allowed: once" in message


def test_a_digest_of_a_file_that_the_project_does_not_have_is_refused(refusal: Callable[..., str]) -> None:
    message = refusal("    old.parquet: a", "    odl.parquet: a")

    assert "line 3: field 'data': found sha256 of odl.parquet, allowed: of old.parquet and new.parquet" in message


def test_a_name_that_is_not_the_file_s_is_refused(refusal: Callable[..., str]) -> None:
    message = refusal("name: flats", "name: houses")

    assert message == "flats.yaml, line 1: field 'name': found 'houses', allowed: 'flats', as the file is called"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [flats\ntitle: x\n", "line 2: not valid YAML"),
        (b"name: flats\n---\nname: flats\n", "line 2: not valid YAML"),
        (b"", "line 1: found an empty file, allowed: a mapping with the keys name, title, data, columns"),
        (b"- name\n", "line 1: found a list, allowed: a mapping with the keys name"),
        (b"name: \xff\xfe\n", "not text in UTF-8"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "flats.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_project(path)

    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_file_is_refused_with_the_projects_that_exist(tmp_path: Path) -> None:
    (tmp_path / "flats.yaml").write_text(SOUND)

    with pytest.raises(ConfigError, match=r"flat\.yaml: cannot be read \(No such file.*allowed: flats\.yaml"):
        project("flat", tmp_path)


def test_projects_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("wells", "flats"):
        (tmp_path / f"{name}.yaml").write_text(SOUND.replace("name: flats", f"name: {name}"))

    assert [found.name for found in projects(tmp_path)] == ["flats", "wells"]


def test_a_project_is_read_once_in_the_life_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "flats.yaml").write_text(SOUND)

    first = project("flats", tmp_path)
    (tmp_path / "flats.yaml").unlink()

    assert project("flats", tmp_path) is first


def test_settings_lie_under_the_home_folder_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    plain = settings({"SHOTCLOCK_HOME": str(tmp_path)})

    assert plain.data == tmp_path / "data"
    assert plain.projects == tmp_path / "include" / "projects"
    assert plain.data_source is None
    assert plain.tracking_uri == f"sqlite:///{tmp_path}/var/mlflow/mlflow.db"


def test_relative_folders_are_meant_from_the_home_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = settings({"SHOTCLOCK_HOME": str(home), "SHOTCLOCK_DATA": "rows", "SHOTCLOCK_DATA_DIR": "../shared"})

    assert found.data == home / "rows"
    assert found.data_source == tmp_path / "shared"


def test_empty_variables_count_as_unset(tmp_path: Path) -> None:
    empty = {"SHOTCLOCK_DATA": "", "SHOTCLOCK_DATA_DIR": "", "MLFLOW_TRACKING_URI": ""}

    assert settings({"SHOTCLOCK_HOME": str(tmp_path), **empty}) == settings({"SHOTCLOCK_HOME": str(tmp_path)})


def test_reading_projects_imports_nothing_heavy() -> None:
    code = "import sys, shotclock.config; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert {"numpy", "pandas", "pyarrow", "sklearn", "mlflow", "airflow"}.isdisjoint(loaded)


NOTIFY = "drift:\n  share: 0.5\n"


@pytest.mark.parametrize(
    ("notify", "found"),
    [
        ("{slack: team}", ("team", None, ())),
        ("{smtp: post, mail_to: [a@example.org, b@example.org]}", (None, "post", ("a@example.org", "b@example.org"))),
        ("{}", (None, None, ())),
    ],
)
def test_who_is_told_is_named_by_connection(tmp_path: Path, notify: str, found: tuple[object, ...]) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(f"{SOUND}notify: {notify}\n")

    rules = load_project(path).notify

    assert (rules.slack, rules.smtp, rules.mail_to) == found


@pytest.mark.parametrize(
    ("notify", "message"),
    [
        ("{smtp: post}", "line 21: field 'notify': found smtp post and mail_to nobody, allowed: both, or neither"),
        ("{mail_to: [a@example.org]}", "found smtp none and mail_to a@example.org, allowed: both, or neither"),
        ("{smtp: post, mail_to: [nobody]}", "field 'notify.mail_to.0': found 'nobody', allowed: text like"),
        ("{slack: 'https://hooks.slack.com/services/T0/B0/x'}", "field 'notify.slack': found"),
        ("{mail: post}", "unknown key; allowed: slack, smtp, mail_to"),
    ],
)
def test_a_notification_that_could_not_be_sent_is_refused(
    refusal: Callable[..., str], notify: str, message: str
) -> None:
    assert message in refusal(NOTIFY, f"{NOTIFY}notify: {notify}\n")


# One project's file and the others


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- a list\n",
        b"\xff\xfe\x00",
        b"name: \x07\n",
        b"title: 2026-13-45\n",  # looks like a date
        b"title: " + b"9" * 5000 + b"\n",
        b"a: &a [*a]\n",
        b"name: [" * 3000,
        b"!!python/object:os.system x\n",
        None,
    ],
)
def test_whatever_a_file_holds_the_other_projects_can_be_used(tmp_path, content):
    (tmp_path / "flats.yaml").write_text(SOUND, "utf-8")
    broken = tmp_path / "broken.yaml"
    broken.mkdir() if content is None else broken.write_bytes(content)
    usable, faults = usable_projects(folder=tmp_path)
    assert [found.name for found in usable] == ["flats"]
    assert len(faults) == 1
    assert "broken.yaml" in str(faults[0])
