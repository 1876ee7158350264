"""YAML files in, validated models out; what is wrong is told with line, field, what was found and what is allowed."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from shotclock.config.limits import refuse_excess, text_of
from shotclock.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # nine times as fast, where PyYAML was built with it
_MOST_TOLD = 100  # faults of one file: more are one mistake, and looking them up takes a time
_LONGEST = 200  # characters of a value that is refused


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Read a YAML file as the pydantic `model` describes it.

    Raises:
        ConfigError: the file is missing, is not YAML, or a key or value in it is refused; the message names file, line,
            field, what was found and what is allowed.
    """
    return YamlFile.read(path).validated(model)


@dataclass(frozen=True)
class YamlFile:
    """What a file holds, and the tree of nodes that knows the lines."""

    path: Path
    content: Any
    tree: Any

    @classmethod
    def read(cls, path: Path) -> Self:
        """The content is not validated yet. Raises ConfigError where the file cannot be read, is too large, or is not YAML."""
        try:
            text = text_of(path)
            refuse_excess(path, text, _LOADER)
            tree: Any = yaml.compose(text, Loader=_LOADER)
            _refuse_repeated_keys(path, tree)
            return cls(path, yaml.load(text, Loader=_LOADER), tree)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}); allowed: {_siblings(path)}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: not text in UTF-8 ({error}); save it as UTF-8") from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{path}, line {mark.line + 1}" if mark else f"{path}"
            raise ConfigError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error
        except (ValueError, RecursionError) as error:  # such as 2026-13-45, which is written like a date
            raise ConfigError(f"{path}: holds a value that YAML cannot read ({error}); put it in quotes") from error

    def validated(self, model: type[Model]) -> Model:
        """The content as `model` describes it. Raises ConfigError, with a line for each fault."""
        if not isinstance(self.content, dict):
            found = "an empty file" if self.content is None else f"a {type(self.content).__name__}"
            keys = ", ".join(_keys(model))
            raise ConfigError(f"{self.path}, line 1: found {found}, allowed: a mapping with the keys {keys}")
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            told = [self._told(_place(item), _explain(model, item)) for item in _innermost(error)]
            more = (
                [f"{self.path}: and more, {error.error_count():,} in all"] if error.error_count() > _MOST_TOLD else []
            )
            raise ConfigError("\n".join([*told, *more])) from error

    def fault(self, loc: list[Any], message: str) -> ConfigError:
        """That something is wrong with the field at `loc`."""
        return ConfigError(self._told(loc, message))

    def _told(self, loc: list[Any], message: str) -> str:
        field = ".".join(str(part) for part in loc)
        return (
            f"{self.path}, line {_line(self.tree, loc)}: "
            + (f"field '{field}'" if field else "the whole file")
            + f": {message}"
        )


def _innermost(error: ValidationError) -> list[Any]:
    """The errors, without those of a container whose only fault is a wrong item, which is reported itself."""
    items = error.errors()[:_MOST_TOLD]
    return [item for item in items if not any(_lies_inside(other["loc"], item["loc"]) for other in items)]


def _lies_inside(loc: tuple[Any, ...], container: tuple[Any, ...]) -> bool:
    return len(loc) > len(container) > 0 and loc[: len(container)] == container


def _siblings(path: Path) -> str:
    names = sorted(found.name for found in path.parent.glob("*.yaml") if found.is_file())
    return ", ".join(names) if names else f"a YAML file in a folder that exists, and {path.parent} holds none"


def _refuse_repeated_keys(path: Path, node: yaml.Node, loc: tuple[str, ...] = ()) -> None:
    """YAML readers silently keep the last of two equal keys: a project file must not depend on that."""
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(path, child, loc)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            where = f"{path}, line {line}: field '{'.'.join((*loc, name))}'"
            raise ConfigError(f"{where}: found a second time (first in line {lines[name]}), allowed: once")
        lines[name] = line
        _refuse_repeated_keys(path, value, (*loc, name))


def _place(item: Any) -> list[Any]:
    return [part for part in item["loc"] if part != "[key]"]


def _explain(model: type[BaseModel], item: Any) -> str:
    loc = _place(item)
    if item["type"] == "extra_forbidden":
        allowed = _keys(_section(model, loc[:-1]))
        guess = difflib.get_close_matches(str(loc[-1]), allowed, n=1)
        hint = f"; did you mean '{guess[0]}'?" if guess else ""
        return f"unknown key; allowed: {', '.join(allowed)}{hint}"
    if item["type"] == "missing":
        return "missing; it is required"
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if message.startswith("found "):  # from a validator of ours, about several fields at once
        return str(message)
    if item["type"] == "model_type":
        keys = ", ".join(_keys(_section(model, loc)))
        return f"found {_shown(item['input'])}, allowed: a mapping with the keys {keys}"
    allowed_text = message.replace("String should match pattern", "text like")
    return f"found {_shown(item['input'])}, allowed: {allowed_text}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _section(model: type[BaseModel], loc: list[Any]) -> type[BaseModel]:
    """The model class that validates the mapping at `loc`."""
    section = model
    for part in loc:
        field = section.model_fields.get(str(part))
        if field is None:  # a free key, as under columns.features
            continue
        section = next((kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)), section)
    return section


def _kinds(annotation: Any) -> list[type]:
    """The classes that an annotation names, inside containers and unions too."""
    inner = [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation, *inner] if isinstance(annotation, type) else inner


def _keys(section: type[BaseModel]) -> list[str]:
    return list(section.model_fields)


def _line(node: Any, loc: list[Any]) -> int:
    """The line in the YAML text of the field at `loc`, or of its nearest parent."""
    line = int(node.start_mark.line) + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
