"""Metrics named after columns, in the letters that MLflow allows: letters, digits, `_ - . : /` and space.

    >>> written("drift_score_Amount (EUR)")
    'drift_score_Amount :u28:EUR:u29:'
    >>> read("drift_score_Amount :u28:EUR:u29:")
    'drift_score_Amount (EUR)'

No two names become one, and each is read back as it was. A name in plain letters stays as it is.
"""

import re

LONGEST = 200  # letters, as written: MLflow takes 250
_STRANGE = re.compile(
    r"(?:[^A-Za-z0-9_\-.: ]|^[. ]+|[. ]+$)+|:(?=u[0-9a-f])"
)  # a path must be plain, so `/` is strange too
_SPELT = re.compile(r":u([0-9a-f]+(?:\.[0-9a-f]+)*):")


def written(name: str) -> str:
    """The name as a metric's: characters that MLflow refuses as their numbers in Unicode, in hex."""
    return _STRANGE.sub(lambda found: f":u{'.'.join(f'{ord(letter):x}' for letter in found[0])}:", name)


def is_short(name: str) -> bool:
    """Whether MLflow takes a column's name, with what stands before it in the names of metrics."""
    return len(written(name)) <= LONGEST


def read(metric: str) -> str:
    """The name that was written so."""
    return _SPELT.sub(lambda found: "".join(chr(int(number, 16)) for number in found[1].split(".")), metric)
