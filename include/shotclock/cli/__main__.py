"""`python -m shotclock.cli`."""

from shotclock.cli import app

app(prog_name="shotclock")
