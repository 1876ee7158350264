"""The dashboard's door, in Streamlit's own test frame: nothing of the store is shown before the password."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from shotclock.errors import ConfigError
from shotclock_dashboard import login

APP = Path(__file__).parents[4] / "dashboard" / "app.py"
PAGES = ("quality", "data", "retrainings", "trial")
PASSWORD = "päss word-1"
WRONG = [
    "",
    " ",
    PASSWORD.upper(),
    f"{PASSWORD} ",
    PASSWORD[:-1],
    "None",
    "0",
    "1",
    "\x00",
    "x" * 100_000,
    "\u202e" + PASSWORD,
]


@pytest.fixture
def door(at, monkeypatch: pytest.MonkeyPatch):
    """`door(SHOTCLOCK_DASHBOARD_PASSWORD="x")`: the dashboard beside a store with a champion, first looked at."""
    monkeypatch.setattr(login, "_AFTER_A_WRONG_ONE", 0.0)

    def opened(**environment: str) -> AppTest:
        at("trained")
        for name in ("SHOTCLOCK_DASHBOARD_PASSWORD", "SHOTCLOCK_DASHBOARD_ALONE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return AppTest.from_file(APP, default_timeout=60).run()

    return opened


def shows(app: AppTest) -> bool:
    """Whether anything of the store is there."""
    assert [error.message for error in app.exception] == []
    return bool(app.get("title") or app.selectbox or app.metric or app.get("markdown") or app.get("dataframe"))


def give(app: AppTest, password: str) -> AppTest:
    app.text_input[0].input(password)
    return app.button[0].click().run()


def test_before_the_password_no_page_shows_anything(door) -> None:
    app = door(SHOTCLOCK_DASHBOARD_PASSWORD=PASSWORD)
    for page in PAGES:
        assert not shows(app)
        app.switch_page(f"shotclock_dashboard/views/{page}.py").run()


@pytest.mark.parametrize("password", WRONG)
def test_a_wrong_password_opens_nothing(door, password: str) -> None:
    app = give(door(SHOTCLOCK_DASHBOARD_PASSWORD=PASSWORD), password)
    assert not shows(app)
    assert [error.value for error in app.error] == ["That is not the password."]


def test_the_right_one_opens_every_page_until_the_session_ends(door) -> None:
    app = give(door(SHOTCLOCK_DASHBOARD_PASSWORD=PASSWORD), PASSWORD)
    for page in PAGES:
        assert shows(app)
        app.switch_page(f"shotclock_dashboard/views/{page}.py").run()
    assert not shows(AppTest.from_file(APP, default_timeout=60).run())


@pytest.mark.parametrize("environment", [{}, {"SHOTCLOCK_DASHBOARD_PASSWORD": ""}, {"SHOTCLOCK_DASHBOARD_ALONE": "0"}])
def test_without_a_password_nothing_is_shown_but_what_to_set(door, environment: dict[str, str]) -> None:
    app = door(**environment)
    assert not shows(app)
    assert not app.text_input
    assert "SHOTCLOCK_DASHBOARD_PASSWORD" in app.error[0].value


def test_where_it_is_told_to_be_alone_nobody_is_asked(door) -> None:
    assert shows(door(SHOTCLOCK_DASHBOARD_ALONE="1", SHOTCLOCK_DASHBOARD_PASSWORD=PASSWORD))


def test_a_setting_that_is_neither_yes_nor_no_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from shotclock.config import settings

    with pytest.raises(ConfigError, match="SHOTCLOCK_DASHBOARD_ALONE: found 'true', allowed: 0 or 1"):
        settings({"SHOTCLOCK_DASHBOARD_ALONE": "true"})


def test_the_password_stands_in_no_text_of_the_settings() -> None:
    from shotclock.config import settings

    assert PASSWORD not in repr(settings({"SHOTCLOCK_DASHBOARD_PASSWORD": PASSWORD}))
