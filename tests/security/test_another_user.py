"""The same machine, another user: files, processes and ports of `make up`, tried as `nobody`."""

import ctypes
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from doors import Doors

from shotclock_launcher.running import processes

NOBODY = 65534
PTRACE_ATTACH = 16
SECRET_FILES = (
    "var/airflow/passwords.json",
    "var/airflow/keys.json",
    "var/airflow/airflow.db",
    "var/airflow/mlflow/users.db",
    "var/airflow/mlflow/settings.ini",
    "var/mlflow/mlflow.db",
    "var/log/scheduler.log",
    "var/log/mlflow.log",
    "var/stack.lock",
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_nobody(attempt: Callable[[], object]) -> str:
    """What comes of it when that user does it: the error's name, or what it gave."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            said = f"came through: {attempt()!r:.200}"
        except BaseException as error:  # noqa: BLE001  (the child is a copy of the tests: nothing may go on in it)
            said = type(error).__name__
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


REFUSED = {"PermissionError", "FileNotFoundError", "ProcessLookupError"}  # the last two: it does not even see it


def attach(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, pid, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def on_file(path: Path) -> dict[str, Callable[[], object]]:
    return {
        "read": path.read_bytes,
        "append": lambda: path.open("ab").close(),
        "remove": path.unlink,
        "open to all": lambda: path.chmod(0o777),
        "replace by a link": lambda: path.with_name("planted").symlink_to("/etc/passwd"),
        "rename": lambda: path.rename(path.with_name("planted")),
        "take": lambda: os.link(path, f"/tmp/planted-{os.getpid()}"),
    }


@pytest.mark.parametrize("name", SECRET_FILES)
def test_no_file_that_running_needs_is_read_changed_or_removed(doors: Doors, name: str) -> None:
    path = doors.layout.settings.home / name
    before = path.stat()
    assert {how: said for how, attempt in on_file(path).items() if (said := as_nobody(attempt)) not in REFUSED} == {}
    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("name", ["var", "data", "var/airflow", "var/log", "var/mlflow", "var/log/tasks"])
def test_no_folder_is_looked_into_or_written_to(doors: Doors, name: str) -> None:
    folder = doors.layout.settings.home / name
    attempts: dict[str, Callable[[], object]] = {
        "list": lambda: list(folder.iterdir()),
        "plant a file": lambda: (folder / "planted").write_text("x"),
        "plant a folder": (folder / "planted").mkdir,
        "enter": lambda: os.chdir(folder),
    }
    assert {how: said for how, attempt in attempts.items() if (said := as_nobody(attempt)) not in REFUSED} == {}
    assert not (folder / "planted").exists()


def test_no_process_is_looked_into_or_ended(doors: Doors) -> None:
    members = processes.members(doors.stack.id)
    assert len(members) >= 7
    through = {}
    for process in members:  # those that have ended meanwhile are not there
        pid, place = process.pid, Path(f"/proc/{process.pid}")
        attempts: dict[str, Callable[[], object]] = {
            "environment": (place / "environ").read_bytes,
            "memory": (place / "mem").read_bytes,
            "maps": (place / "maps").read_text,
            "files": lambda place=place: list((place / "fd").iterdir()),
            "folder": lambda place=place: (place / "cwd").readlink(),
            "end": lambda pid=pid: os.kill(pid, signal.SIGTERM),
            "kill": lambda pid=pid: os.kill(pid, signal.SIGKILL),
            "stop": lambda pid=pid: os.kill(pid, signal.SIGSTOP),
            "trace": lambda pid=pid: attach(pid),
            "priority": lambda pid=pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
        }
        said = {how: as_nobody(attempt) for how, attempt in attempts.items()}
        through |= {(pid, how): what for how, what in said.items() if what not in REFUSED}
    assert through == {}
    assert doors.api.health()["scheduler"]["status"] == "healthy"


def test_what_everybody_sees_of_a_process_holds_no_secret(doors: Doors) -> None:
    secrets = [*doors.passwords.values(), *doors.tokens.values()]
    kinds = ("SECRET", "FERNET", "PASSWORD")
    secrets += [value for name, value in doors.stack.env.items() if any(kind in name for kind in kinds)]
    secrets = [secret for secret in secrets if len(secret) > 8 and not secret.startswith("/")]
    assert len(secrets) >= 8
    shown = "\n".join(map(seen, processes.members(doors.stack.id)))
    assert [secret for secret in secrets if secret in shown] == []


def listening_on(process: psutil.Process) -> list:
    with suppress(psutil.NoSuchProcess):  # a task that has ended meanwhile
        return [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    return []


def seen(process: psutil.Process) -> str:
    """What `ps` shows of it."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def opened_by(process: psutil.Process) -> set[Path]:
    with suppress(psutil.NoSuchProcess):
        return {Path(file.path) for file in process.open_files()}
    return set()


def test_nothing_listens_but_the_four_doors_and_these_on_this_machine_alone(doors: Doors) -> None:
    layout = doors.layout
    known = {layout.port, layout.mlflow_port, layout.serving_port, layout.dashboard_port}
    listening = [address for process in processes.members(doors.stack.id) for address in listening_on(process)]
    assert {address.port for address in listening} == known
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_no_socket_of_a_file_or_of_an_abstract_name_takes_him_in(doors: Doors) -> None:
    mine = {process.pid for process in processes.members(doors.stack.id)}
    named = {c.laddr for c in psutil.net_connections("unix") if c.pid in mine and c.laddr}
    for name in named:
        with socket.socket(socket.AF_UNIX) as client:
            address = f"\0{name[1:]}" if name.startswith("@") else name
            assert as_nobody(lambda client=client, address=address: client.connect(address)) in {
                *REFUSED,
                "ConnectionRefusedError",
            }


def test_what_is_left_in_the_machines_common_folders_is_not_readable_with_a_secret_in_it(doors: Doors) -> None:
    secrets = [
        value.encode() for value in (*doors.passwords.values(), doors.stack.env["AIRFLOW__API_AUTH__JWT_SECRET"])
    ]
    opened = set().union(*map(opened_by, processes.members(doors.stack.id)))
    opened = {path for path in opened if path.suffix not in (".so", ".py", ".pyc")}
    for path in opened:
        if path.is_file() and as_nobody(path.read_bytes).startswith("came through"):
            assert not any(secret in path.read_bytes() for secret in secrets), path
