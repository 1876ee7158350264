"""The launcher's part of `shotclock doctor`: ports, the lock, what ended by itself, leftover processes, Airflow's database."""

from collections import Counter
from collections.abc import Iterator

from shotclock.projects.doctor import Finding
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import falls, lock, ports, processes
from shotclock_launcher.running.preparation import preparations


def checks() -> Iterator[Finding]:
    """Entry point of the group `shotclock.doctor`."""
    try:
        layout = Layout.of()
    except LaunchError as error:
        yield Finding("ports", "broken", str(error), "correct it in the environment or in .env")
        return
    holder = lock.holder(layout.lock)
    yield from _falls(layout, falls.noted(layout.falls, holder.stack))
    if holder.running:
        yield Finding("stack", "ok", f"running (pid {holder.pid}), so its ports are in use")
    else:
        yield from _leftovers(holder.stack)
        yield from _ports(layout)
    yield from _database(layout)


def _falls(layout: Layout, fallen: list[falls.Fall]) -> Iterator[Finding]:
    """What ended by itself in the stack that runs, or ran last."""
    for name, times in Counter(fall.service for fall in fallen).items():
        last = next(fall for fall in reversed(fallen) if fall.service == name)
        after = "was started again" if last.again is not None else "all was ended for it"
        found = f"ended by itself {times} time{'s' * (times > 1)}, last at {last.at}, {last.how}; {after}"
        yield Finding(name, "warning", found, f"read {layout.logs / name}.log, and .log.1 of the start before")


def _leftovers(stack: str | None) -> Iterator[Finding]:
    left = processes.members(stack) if stack else []
    if left:
        pids = " ".join(str(process.pid) for process in left)
        yield Finding(
            "stack", "warning", f"{len(left)} processes of an ended start: {pids}", f"make up, or: kill {pids}"
        )
    else:
        yield Finding("stack", "ok", "not running, and nothing of it is left")


def _ports(layout: Layout) -> Iterator[Finding]:
    wanted = (("Airflow UI", layout.port, "SHOTCLOCK_PORT"), ("MLflow UI", layout.mlflow_port, "SHOTCLOCK_MLFLOW_PORT"))
    for service, port, setting in wanted:
        try:
            ports.check_free(service, port, setting)
        except LaunchError as error:
            yield Finding(f"port {port}", "broken", str(error), f"end that process, or set {setting}")
        else:
            yield Finding(f"port {port}", "ok", f"free for the {service}")


def _database(layout: Layout) -> Iterator[Finding]:
    """Airflow's; the MLflow store is everybody's, so the package looks at it."""
    step = next(step for step in preparations(layout) if step.database == layout.database)
    if not step.database.is_file():
        yield Finding(step.name, "ok", "not made yet: the first start makes it")
    elif step.is_done():
        yield Finding(step.name, "ok", f"{step.database}, made ready by {step.version}")
    else:
        found = f"{step.database} was not made ready by {step.version}"
        yield Finding(step.name, "warning", found, "make up migrates it; copy the file first")
