"""Sentences and tables as plain text of 80 columns: what a terminal shows whole."""

import io
import textwrap
from collections.abc import Sequence

WIDTH = 80


def wrapped(text: str, first: str = "", rest: str | None = None) -> str:
    """The text in lines of at most `WIDTH`; what has no spaces (an address) stays whole.

    Args:
        first: what the first line begins with; `rest`: the others, by default as many spaces.
    """
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Columns side by side; a cell that has no room goes on in the next line."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="")
    for name in header:
        drawn.add_column(name, overflow="fold", vertical="bottom")
    for row in rows:
        drawn.add_row(*row)
    console = Console(file=io.StringIO(), width=WIDTH - len(indent), color_system=None, markup=False, emoji=False)
    with console.capture() as printed:
        console.print(drawn)
    return "\n".join(f"{indent}{line}".rstrip() for line in printed.get().splitlines())
