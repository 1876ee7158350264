"""Who is told, by which channel, of what happens in a run; and that telling never gets in the way."""

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAID = "shotclock.notify"


@pytest.fixture
def told(caplog):
    """`told()`: the subject of each message in the log, with its level."""
    caplog.set_level(logging.INFO, SAID)
    logging.getLogger(SAID).disabled = False
    return lambda: [(r.levelname, r.getMessage().partition("\n")[0]) for r in caplog.records if r.name == SAID]


@pytest.fixture
def notify(projects, monkeypatch, _airflow):
    """`notify("slack: team")`: the project's section, and the connections in the environment."""
    from shotclock import config

    def write(rules: str, **connections: str) -> None:
        with (projects / "kobe_shots.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\nnotify: {{{rules}}}\n")
        config.project.cache_clear()
        for name, connection in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", connection)

    yield write
    config.project.cache_clear()


@pytest.fixture
def send(notify):
    """Deliver one message of the project, as a callback of Airflow does."""
    from shotclock.words.messages import Message
    from shotclock_airflow import channels

    return lambda: channels.deliver("kobe_shots", Message("shots: <alert>", "skill & figures\nrun: 1", "warning"))


def test_by_default_the_log_alone_is_told(send, notify, told, mailbox, webhook):
    notify("", team=webhook.connection, post=mailbox.connection)
    send()
    assert told() == [("WARNING", "shots: <alert>")]
    assert (webhook.texts, mailbox.mails) == ([], [])


def test_slack_is_told_when_the_project_names_a_connection_and_cannot_be_tricked_into_markup(
    send, notify, told, mailbox, webhook
):
    notify("slack: team", team=webhook.connection, post=mailbox.connection)
    send()
    assert webhook.texts == ["*shots: &lt;alert&gt;*\nskill &amp; figures\nrun: 1"]
    assert webhook.paths == ["/T0/B0/hook-secret"]
    assert mailbox.mails == []
    assert told() == [("WARNING", "shots: <alert>")]


def test_everyone_who_is_named_gets_a_mail(send, notify, told, mailbox, webhook):
    notify("smtp: post, mail_to: [a@example.org, b@example.org]", team=webhook.connection, post=mailbox.connection)
    send()
    (mail,) = mailbox.mails
    assert (mail["To"], mail["From"]) == ("a@example.org, b@example.org", "shotclock@example.org")
    assert mail["Subject"] == "shots: <alert>"
    (page,) = mail.iter_parts()
    assert page.get_content_type() == "text/html"
    assert page.get_content().strip() == '<pre style="white-space: pre-wrap">skill &amp; figures\nrun: 1</pre>'
    assert webhook.texts == []
    assert told() == [("WARNING", "shots: <alert>")]


def test_a_webhook_gets_the_message_as_json_with_its_password_as_a_token(send, notify, told, webhook):
    notify("webhook: hook", hook=webhook.address)
    send()
    said = {"level": "warning", "subject": "shots: <alert>", "body": "skill & figures\nrun: 1"}
    assert webhook.bodies == [{"project": "kobe_shots", **said}]
    assert webhook.keys == ["Bearer hook-secret"]
    assert told() == [("WARNING", "shots: <alert>")]


REFUSED = "RuntimeError: the server answered "


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("", "UnsupportedProtocol:"),
        ("gopher://127.0.0.1/path-secret", "UnsupportedProtocol:"),
        ("http://127.0.0.1:1/path-secret", "ConnectError:"),
        ("http://[::/path-secret", "InvalidURL:"),
        (403, f"{REFUSED}403 Forbidden"),
        (302, f"{REFUSED}302 Found"),
        (500, f"{REFUSED}500 Internal Server Error"),
    ],
)
def test_a_webhook_that_does_not_take_it_is_logged_without_secrets(notify, webhook, caplog, host, error):
    from shotclock.words.messages import Message
    from shotclock_airflow import channels

    connection = json.loads(webhook.address)
    if isinstance(host, int):
        webhook.status = host
    else:
        connection["host"] = host
    notify("webhook: hook", hook=json.dumps(connection))
    channels.deliver("kobe_shots", Message("shots", "figures", "warning"))
    (failed,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
    assert failed.startswith(f"not sent by webhook, connection 'hook': {error}")
    assert "-secret" not in caplog.text


BOTH = "slack: team, smtp: post, mail_to: [a@example.org]"


def test_a_webhook_that_refuses_is_logged_by_name_without_its_token_and_hides_no_mail(
    send, notify, told, mailbox, webhook, caplog
):
    webhook.status = 403
    notify(BOTH, team=webhook.connection, post=mailbox.connection)
    send()
    level, error = told()[1]
    assert level == "ERROR"
    assert error.startswith("not sent by slack, connection 'team': AirflowException: Response body:")
    assert error.endswith(
        "Status Code: 403. See: https://api.slack.com/messaging/webhooks#handling_errors; see docs/notifications.md"
    )
    assert len(mailbox.mails) == 1
    assert "hook-secret" not in caplog.text
    assert "mail-secret" not in caplog.text


def test_servers_that_cannot_be_reached_are_logged_and_change_nothing_else(
    send, notify, told, mailbox, webhook, caplog, free_tcp_port
):
    gone = [
        server.connection.replace(str(server.server_address[1]), str(free_tcp_port)) for server in (webhook, mailbox)
    ]
    notify(BOTH, team=gone[0], post=gone[1])
    send()
    assert [(level, line.partition(" '")[0]) for level, line in told()[1:]] == [
        ("ERROR", "not sent by slack, connection"),
        ("ERROR", "not sent by mail, connection"),
    ]
    assert "Connection refused" in told()[1][1] and "Connection refused" in told()[2][1]
    assert "-secret" not in caplog.text


def test_a_connection_that_does_not_exist_is_named(send, notify, told):
    notify(BOTH)
    send()
    assert [line.partition(":")[0] for _, line in told()[1:]] == [
        "not sent by slack, connection 'team'",
        "not sent by mail, connection 'post'",
    ]


def test_a_connection_without_a_sender_is_named(send, notify, told, mailbox):
    notify("smtp: post, mail_to: [a@example.org]", post=mailbox.connection.replace("from_email", "sender"))
    send()
    assert "connection 'post': AirflowException: You should provide `from_email`" in told()[1][1]


def test_what_nobody_has_foreseen_in_one_channel_does_not_hide_the_other(send, notify, mailbox, monkeypatch):
    from shotclock_airflow import channels

    def odd(*_):
        raise KeyError("odd")

    monkeypatch.setattr(channels, "_slack", odd)
    notify(BOTH, post=mailbox.connection)
    with pytest.raises(KeyError):
        send()
    assert len(mailbox.mails) == 1


@pytest.fixture
def silent():
    """The port of a server that takes every call and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield str(server.getsockname()[1])


def test_servers_that_never_answer_are_given_up_on_long_before_airflow_ends_the_process(
    send, notify, told, webhook, mailbox, silent, monkeypatch
):
    from airflow.sdk.configuration import conf

    from shotclock_airflow import channels

    assert conf.getint("core", "task_success_overtime") > 3 * channels.PATIENCE
    monkeypatch.setattr(channels, "PATIENCE", 0.5)
    mute = [server.connection.replace(str(server.server_address[1]), silent) for server in (webhook, mailbox)]
    notify(BOTH, team=mute[0], post=mute[1])
    send()
    slack, mail = (line for _, line in told()[1:])
    assert slack.startswith("not sent by slack, connection 'team': TimeoutError: timed out")
    assert mail.startswith("not sent by mail, connection 'post': AirflowException: Unable to connect to smtp server")


def test_each_alert_is_told_by_the_sensor_that_fires_and_leads_to_its_page(at, run, told, caplog):
    from shotclock.store import history

    at("alerted")
    assert run("monitoring").state == "success"
    assert sorted(told()) == [
        ("WARNING", f"shots: {kind} alert, champion v1") for kind in ("degradation", "drift", "new records")
    ]
    pages = {alert.id for alert in history.alerts("shots")[:3]}
    assert {page for page in pages if f"/shotclock/health/shots/alerts/{page}\n" in caplog.text} == pages
    assert len(pages) == 3


def test_sensors_that_do_not_fire_are_silent(at, run, told):
    at("rested")
    assert run("monitoring").state == "success"
    assert told() == []


def test_a_guard_that_has_stopped_is_told_once_although_three_sensors_and_two_runs_find_it_so(at, run, told):
    from shotclock import config
    from shotclock.store.records import Decision
    from shotclock.store.run import Run
    from shotclock.store.tracking import tracked

    at("alerted")
    rules = (
        config.settings().projects / "shots.yaml"
    )  # so many new rows that the guard lets alerts through are not there
    rules.write_text(rules.read_text("utf-8").replace("every_new_records: 5000", "every_new_records: 50000"), "utf-8")
    config.project.cache_clear()
    for number in range(3):
        with tracked(Run("shots", "retraining", f"k{number}"), "decision", Decision, name="Decision: keep") as kept:
            kept.write(Decision(decision="keep", reason="no gain", after="1", flow="retraining"))
    for _ in range(2):
        assert run("monitoring").state == "success"
    assert told() == [("WARNING", "shots: STOPPED, alerts start no retraining, champion v1")]


def test_a_promotion_is_told_with_the_gate_s_figures_and_the_alerts_that_it_answers(at, run, told, caplog):
    at("alerted")
    assert run("retraining").state == "success"
    assert told() == [("INFO", "shots: promote, v2 is the champion instead of v1")]
    (body,) = [r.getMessage() for r in caplog.records if r.name == SAID]
    for line in ("gate: promote", "challenger: ", "gain: 0.0", "log loss: 0.6", "started because: ", "5 of 6 columns"):
        assert f"\n{line}" in body or line in body


def test_who_is_to_approve_is_asked_with_the_gate_s_figures(bag, projects, told):
    from types import SimpleNamespace

    from shotclock.handoff import Gated, Verified, to_wire
    from shotclock.judging.gate import Ruling
    from shotclock.judging.performance import Performance

    dag = bag().dags["kobe_shots.retraining"]
    (notifier,) = dag.get_task("approve").notifiers
    gated = Gated(
        champion="1",
        challenger="tree",
        regime="production",
        ruling=Ruling("promote", "gain 0.02", 1624, "champion", 0.95),
        figures={},
        measured=Performance(rows=1624, positives=700, confidence=0.95),
        scores="/scores",
    )
    notifier(
        {"dag": dag, "run_id": "r1", "task": SimpleNamespace(decision=to_wire(gated), verified=to_wire(Verified()))}
    )
    assert told() == [("WARNING", "kobe_shots: approval asked, promote tree?")]


def test_what_is_kept_is_told(at, run, told):
    at("alerted")
    run("retraining", mode="dry_run")
    assert told() == [("INFO", "shots: keep, v1 stays the champion")]


def test_a_retraining_that_is_skipped_is_told(at, run, told):
    at("empty")
    run("retraining")
    assert told() == [("INFO", "shots: skip, shots.retraining ends without a decision")]


def test_a_rollback_is_told(at, run, told):
    at("rested")
    assert run("rollback", reason="complaints").state == "success"
    assert told() == [("INFO", "shots: rollback, v1 is the champion again")]


def test_a_run_that_fails_is_told_with_its_task_and_what_to_do(at, run, told, caplog):
    at("empty")
    assert run("inference").state == "failed"
    (failure,) = told()
    assert failure == ("ERROR", "shots: inference failed at score")
    (body,) = [r.getMessage() for r in caplog.records if r.name == SAID]
    assert '"No champion yet": trigger training first.' in body


@pytest.fixture
def python(projects):
    """`python(code)`: what a new process prints that can import the DAG files."""

    def start(code: str) -> str:
        env = os.environ | {"PYTHONPATH": f"{ROOT / 'dags'}{os.pathsep}{ROOT / 'plugins'}"}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1]

    return start


def test_callbacks_do_not_change_a_dag_from_parse_to_parse(python):
    """What has no stable text of its own would make a new version of the DAG each time that its file is read."""
    code = (
        "import training as t, inference as i, monitoring as m, retraining as r, rollback as b, policies as p;"
        "from airflow.serialization.serialized_objects import DagSerialization as S;"
        "from airflow.models.serialized_dag import SerializedDagModel as M;"
        "dags = (t.kobe_shots_training, i.kobe_shots_inference, m.kobe_shots_monitoring, r.kobe_shots_retraining,"
        " b.kobe_shots_rollback, p.kobe_shots_policies);"
        "print([M.hash(S.to_dict(dag)) for dag in dags])"
    )
    assert python(code) == python(code)


def test_reading_a_dag_file_imports_no_channel(python):
    code = (
        "import sys, training, inference, monitoring, retraining, rollback, policies;"
        "print([m for m in ('slack_sdk', 'smtplib', 'aiosmtplib', 'airflow.providers.slack.hooks', 'mlflow', 'pandas')"
        " if m in sys.modules])"
    )
    assert python(code) == "[]"
