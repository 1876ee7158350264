"""How large a YAML file may be. It is looked at before it is read: every DAG file reads every project file again and again."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from shotclock.errors import ConfigError

MOST_BYTES = 2**20
MOST_DEPTH = 50
"""Sections in sections: readers call themselves for each, and the one in C ends the process when its stack is full."""
MOST_VALUES = 50_000
"""Keys and values, once aliases are followed: a thousand features have some 10,000; twenty lines of aliases make millions."""
MOST_TEXT = 3000
"""Characters of one key or value. Below it, Python can write any number out again."""


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: it is larger than MOST_BYTES.
        OSError, UnicodeDecodeError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path}: found more than {MOST_BYTES:,} bytes, allowed are {MOST_BYTES:,}")
    return content.decode("utf-8")


def refuse_excess(path: Path, text: str, loader: type) -> None:
    """Go through a YAML text as far as it keeps within the limits, without holding any of it.

    Raises:
        ConfigError: it is too deep, holds too many values, or one that is too long; the message names the line.
        YAMLError: it is no YAML.
    """
    begun: list[tuple[str | None, int]] = []  # the sections that are open: anchor, and how many values came before
    sizes: dict[str, int] = {}
    values = 0
    for event in _events(path, text, loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = begun.pop()
            sizes |= {anchor: values - before} if anchor else {}
        elif isinstance(event, yaml.NodeEvent):
            values += sizes.get(str(event.anchor), 1) if isinstance(event, yaml.AliasEvent) else 1
            if isinstance(event, yaml.CollectionStartEvent):
                begun.append((event.anchor, values - 1))
                sizes |= {event.anchor: MOST_VALUES} if event.anchor else {}  # an alias in it to itself has no end
            _refuse(path, event, len(begun), values)


def _events(path: Path, text: str, loader: type) -> Iterator[yaml.Event]:
    """The events of a YAML text. PyYAML from 6.0.4 on looks ahead, and refuses what is too deep at a limit of its own."""
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        if "maximum nesting depth" not in str(error):
            raise
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(_excess(path, line, MOST_DEPTH, "sections in one another")) from error


def _refuse(path: Path, event: yaml.NodeEvent, depth: int, values: int) -> None:
    length = len(event.value) if isinstance(event, yaml.ScalarEvent) else 0
    for found, most, what in (
        (depth, MOST_DEPTH, "sections in one another"),
        (values, MOST_VALUES, "keys and values, aliases followed"),
        (length, MOST_TEXT, "characters in one value"),
    ):
        if found > most:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise ConfigError(_excess(path, line, most, what))


def _excess(path: Path, line: int, most: int, what: str) -> str:
    return f"{path}, line {line}: found more than {most:,} {what}, allowed are {most:,}"
