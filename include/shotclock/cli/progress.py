"""What is seen of a flow while it runs: a line for each step that has ended; on a terminal, a bar for the one at work."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from shotclock.cli.common import console, line, plain

if TYPE_CHECKING:
    from rich.progress import Progress

    from shotclock.handoff import Result


class Watch:
    """`note` and `progress` are what the flows call. Lines go to standard error where standard output is for JSON.

    There is a bar only where both outputs are a terminal and nobody asked for JSON: a pipe or a log gets lines alone.
    """

    def __init__(self, as_json: bool) -> None:
        self._console = console(err=as_json)
        self._bars = None if as_json or not _on_a_terminal() else self._made()

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bars:
            self._bars.stop()

    def note(self, step: str, result: "Result") -> None:
        from shotclock.handoff import Checked, Sensed

        said = plain(result.summary or result.skip or "done")
        alarming = (isinstance(result, Checked) and result.verdict == "alert") or (
            isinstance(result, Sensed) and result.fires
        )
        line(self._console, f"{step:<32}", said, "red" if alarming else "bold")

    def progress(self, step: str, done: int, total: int) -> None:
        if self._bars:
            task = self._bars.task_ids[0]
            self._bars.update(task, description=step, completed=done, total=total, visible=done < total)

    def _made(self) -> "Progress":
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        bars = Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)
        bars.add_task("", visible=False)
        return bars


def _on_a_terminal() -> bool:
    return console().is_terminal and console(err=True).is_terminal
