"""An extension lies beside the project file that names it; what is wrong with it is wrong with that file alone."""

import pytest

from shotclock.config import Project, load_project, usable_projects
from shotclock.config.extension import month
from shotclock.errors import ConfigError

FLATS = """\
name: flats
title: Flats
data: {training: old.parquet, production: new.parquet}
columns: {id: flat, time: day, target: sold, features: {rooms: {type: integer}}}
"""
SOUND = """\
from shotclock import config

class Demonstration(config.Section):
    plan: str

class Project(config.Project):
    demonstration: Demonstration
    periods = {"year": lambda year, month: f"{year:04d}", **config.Project.periods}
"""


@pytest.fixture
def project(tmp_path):
    """`project("demonstration: …", plan="…")`: that of a file with such an end, and a package beside it for each name."""

    def load(end: str = "", **packages: str):
        for name, code in packages.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text(code, "utf-8")
        (tmp_path / "flats.yaml").write_text(FLATS + end, "utf-8")
        return load_project(tmp_path / "flats.yaml")

    return load


def test_a_project_without_an_extension_is_cut_by_month_and_has_a_form_for_a_trial(project):
    found = project(plan="1 / 0")  # which nobody names, so nobody imports it
    assert type(found) is Project
    assert (found.demonstration, dict(found.periods), found.trial()) == (None, {"month": month}, None)


def test_the_section_names_the_package_that_describes_it(project):
    found = project("demonstration: {plan: ground floor}", plan=SOUND, other="1 / 0")
    assert found.demonstration.plan == "ground floor"
    assert list(found.periods) == ["year", "month"]
    assert found.columns.id == "flat"


@pytest.mark.parametrize(
    ("section", "packages", "message"),
    [
        ("{court: 1}", {}, "found 'court', allowed: nothing, for there is no extension beside the file"),
        ("{court: 1}", {"plan": SOUND, "view": SOUND}, "found 'court', allowed: plan or view"),
        ("{plan: a, view: b}", {"plan": SOUND, "view": SOUND}, "found 'plan, view', allowed: plan or view"),
        ("[[plan]]", {"plan": SOUND}, "found '[['plan']]', allowed: plan"),
        ("plan", {"plan": SOUND}, "found 'plan', allowed: a mapping with the keys plan"),
    ],
)
def test_a_section_that_names_no_extension_is_refused_with_its_line(project, section, packages, message):
    with pytest.raises(ConfigError) as refused:
        project(f"demonstration: {section}", **packages)
    assert f"flats.yaml, line 5: field 'demonstration': {message}" in str(refused.value)


def test_what_the_extension_refuses_is_told_as_any_other_fault(project):
    with pytest.raises(ConfigError, match=r"line 5: field 'demonstration\.plan': found 7, allowed: a valid string"):
        project("demonstration: {plan: 7}", plan=SOUND)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nowhere", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("def", "cannot be imported: SyntaxError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("class Project: pass", "found no class 'Project' that derives from shotclock.config.Project"),
        ("", "found no class 'Project' that derives from shotclock.config.Project"),
    ],
)
def test_an_extension_that_cannot_be_used_stops_its_own_project_alone(project, tmp_path, code, message):
    with pytest.raises(ConfigError) as refused:
        project("demonstration: {plan: a}", plan=code)
    assert f"{tmp_path}/plan/__init__.py: {message}" in str(refused.value)
    (tmp_path / "sound.yaml").write_text(FLATS.replace("name: flats", "name: sound"), "utf-8")
    usable, faults = usable_projects(folder=tmp_path)
    assert ([rules.name for rules in usable], len(faults)) == (["sound"], 1)


def test_extensions_of_one_name_in_two_folders_do_not_meet(project, tmp_path):
    one = project("demonstration: {plan: a}", plan=SOUND)
    folder = tmp_path / "others"
    (folder / "plan").mkdir(parents=True)
    (folder / "plan" / "__init__.py").write_text(SOUND.replace("year", "decade", 1), "utf-8")
    (folder / "flats.yaml").write_text(FLATS + "demonstration: {plan: a}", "utf-8")
    other = load_project(folder / "flats.yaml")
    assert [next(iter(found.periods)) for found in (one, other)] == ["year", "decade"]
