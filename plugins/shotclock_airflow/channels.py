"""How a message is sent: to the log always; by Slack, mail and webhook where the project names an Airflow connection for it."""

import html
import logging
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPException

import httpx
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

from shotclock import config
from shotclock.words.messages import Message
from shotclock_airflow import internals

log = logging.getLogger("shotclock.notify")

PATIENCE = 5  # seconds for an answer: Airflow ends a task's process 20 seconds after the task has ended
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_FORESEEN = (
    AirflowException,
    AirflowRuntimeError,
    HTTPException,
    httpx.HTTPError,
    httpx.InvalidURL,
    ImportError,
    OSError,
    RuntimeError,
    ValueError,
)


def deliver(project: str, message: Message) -> None:
    """Log the message, then send it by every channel of the project.

    A channel that fails is logged as an error, with its connection's name. It keeps neither the task nor another channel
    from going on; what nobody has foreseen is raised only after all had their turn.
    """
    log.log(_LEVELS[message.level], "%s\n%s", message.subject, message.body)
    rules = config.project(project).notify
    with ExitStack() as channels:
        if rules.smtp is not None:
            channels.callback(_attempt, "mail", rules.smtp, lambda to: _mail(to, rules.mail_to, message))
        if rules.slack is not None:
            channels.callback(_attempt, "slack", rules.slack, lambda to: _slack(to, message))
        if rules.webhook is not None:
            channels.callback(_attempt, "webhook", rules.webhook, lambda to: _webhook(to, project, message))


def _attempt(channel: str, connection: str, send: Callable[[str], None]) -> None:
    try:
        send(connection)
    except _FORESEEN as error:  # without its traceback: the frames below hold passwords
        found = internals.without_secrets(f"{type(error).__name__}: {error}")
        log.error("not sent by %s, connection '%s': %s; see docs/notifications.md", channel, connection, found)


def _slack(connection: str, message: Message) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    text = f"*{_escaped(message.subject)}*\n{_escaped(message.body)}"
    SlackWebhookHook(slack_webhook_conn_id=connection, timeout=PATIENCE).send(text=text)


def _webhook(connection: str, project: str, message: Message) -> None:
    """POST the message as JSON to the connection's host; its password, where it has one, goes along as a bearer token."""
    from airflow.sdk import Connection

    to = Connection.get(connection)
    headers = {"Authorization": f"Bearer {to.password}"} if to.password else {}
    told = {"project": project, "level": message.level, "subject": message.subject, "body": message.body}
    answer = httpx.post(to.host or "", json=told, headers=headers, timeout=PATIENCE)
    if not answer.is_success:  # httpx's own error would name the whole address, which may hold a secret
        raise RuntimeError(f"the server answered {answer.status_code} {answer.reason_phrase}")


def _mail(connection: str, to: tuple[str, ...], message: Message) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    class Hurried(SmtpHook):
        """Gives up early, whatever the connection says: it would be waited for in vain."""

        timeout = PATIENCE
        smtp_retry_limit = 0

    page = f'<pre style="white-space: pre-wrap">{_escaped(message.body)}</pre>'
    with Hurried(smtp_conn_id=connection) as server:
        server.send_email_smtp(to=list(to), subject=message.subject, html_content=page)


def _escaped(text: str) -> str:
    """For HTML and for Slack alike: both ask for just `&`, `<` and `>`, so no text can become markup or a mention."""
    return html.escape(text, quote=False)
