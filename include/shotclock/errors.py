"""What can go wrong. Every message names the file, column or setting, what was found, what was expected, what to do.

`may_pass` says whether trying again can help: a store may be back in a moment, a wrong column stays wrong.
"""


class ShotclockError(Exception):
    """Base of every error that Shotclock raises on purpose."""

    may_pass: bool = False


class ConfigError(ShotclockError):
    """A project file or setting that cannot be used."""


class SourceError(ShotclockError):
    """Input data that is missing, truncated or not the file that it should be."""


class SourceAwayError(SourceError):
    """Input data that cannot be had just now: a server gives no answer, or a file is being replaced."""

    may_pass = True


class ContractError(ShotclockError):
    """Data that is readable but breaks what the project promised about its rows or columns."""


class SearchError(ShotclockError):
    """The process that searches for settings failed, took too long, or gave no answer."""


class SearchBrokenOffError(SearchError):
    """It was killed from outside, as when memory runs out."""

    may_pass = True


class HandoffError(ShotclockError):
    """What one step handed to the next is not what that one asks for."""


class StoreError(ShotclockError):
    """The MLflow store or an artefact in it is missing, or is not what was registered."""

    may_pass = True


class ConflictError(ShotclockError):
    """Someone else changed the champion first."""
