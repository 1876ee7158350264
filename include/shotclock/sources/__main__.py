"""`python -m shotclock.sources`: bring the raw files in place."""

from typing import Annotated

import typer

from shotclock.sources.fetch import fetch

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    project: Annotated[str | None, typer.Option(metavar="NAME", help="only this project's files")] = None,
) -> None:
    """Bring the raw files to data/raw. Ends with 0 when every file is in place, else with 1."""
    raise typer.Exit(0 if fetch(project) else 1)


if __name__ == "__main__":
    app()
