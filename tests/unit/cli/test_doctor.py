"""The command `shotclock doctor`: what it prints, and how it ends."""

import json

import pytest

from shotclock.projects.doctor import Finding

SOUND = Finding("Python", "ok", "3.11.7")
POOR = Finding("data", "warning", "1.0 GB free", "make room")
BROKEN = Finding("port 8080", "broken", "in use by [python]", "end it")


@pytest.fixture
def ill(monkeypatch):
    """`ill(findings)`: what the doctor finds."""
    return lambda *findings: monkeypatch.setattr("shotclock.projects.doctor.examine", lambda: list(findings))


def test_each_finding_is_a_line_and_each_remedy_another(shotclock, ill):
    ill(SOUND, POOR, BROKEN)
    assert shotclock("doctor").stdout.splitlines() == [
        "ok       Python: 3.11.7",
        "warning  data: 1.0 GB free",
        "         → make room",
        "broken   port 8080: in use by [python]",
        "         → end it",
    ]


@pytest.mark.parametrize(("findings", "code"), [((SOUND,), 0), ((SOUND, POOR), 0), ((POOR, BROKEN), 1)])
def test_only_what_is_broken_is_a_failure(shotclock, ill, findings, code):
    ill(*findings)
    assert shotclock("doctor").exit_code == code
    found = shotclock("doctor", "--json")
    assert found.exit_code == code
    assert [finding["state"] for finding in json.loads(found.stdout)] == [finding.state for finding in findings]
