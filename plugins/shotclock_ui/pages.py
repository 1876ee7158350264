"""Summaries as HTML pages. Values in, text out: no request, no database.

Whatever a summary holds is text: Markdown is rendered with HTML disabled, the rest is escaped by the template, and the
page's policy allows no script but its own, named by its digest.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "parts/page.css").read_text(encoding="utf-8")
_SCRIPT = (_TEMPLATES / "parts/page.js").read_text(encoding="utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; script-src 'sha256-{_DIGEST}'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Part:
    """One task's place on the page. Without a `markdown` the `note` says why there is none."""

    heading: str
    state: str
    markdown: str = ""
    note: str = ""
    links: tuple[tuple[str, str], ...] = ()

    @property
    def html(self) -> Markup:
        return Markup(_markdown.render(self.markdown))


def page(title: str, parts: list[Part], *, note: str = "", refresh: bool = False) -> str:
    """A whole page. `note` stands where there are no parts; `refresh` loads the page again every few seconds."""
    return _template.render(
        title=title, parts=parts, note=note, refresh=refresh, style=Markup(_STYLE), script=Markup(_SCRIPT)
    )


def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("js-default", {"html": False, "linkify": False})
    renderer.add_render_rule("link_open", _link_open)
    renderer.add_render_rule("table_open", _table_open)
    renderer.add_render_rule("table_close", _table_close)
    return renderer


def _link_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer")
    return str(self.renderToken(tokens, index, options, env))


def _table_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="wide" tabindex="0">' + str(self.renderToken(tokens, index, options, env))


def _table_close(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return str(self.renderToken(tokens, index, options, env)) + "</div>"


_markdown = _renderer()
_template = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
).get_template("parts/page.html")
