#!/usr/bin/env bash
# Makes requirements.txt anew from pyproject.toml, for each Python that is named there: every package with its hashes, for uv and
# for plain pip; and the locks of the two environments beside it, each from its own page. No host is named: they install from
# wherever packages come from.
# pip takes `celery` and `celery[redis]` for two packages and wants both in a lock with hashes; uv writes one of them.
set -euo pipefail
cd "$(dirname "$0")/../../.."

lock() {
  .venv/bin/uv pip compile --python-version 3.11 --generate-hashes --no-strip-extras --no-header --no-emit-index-url --quiet "$@"
}

lock requirements-pycaret.in --output-file requirements-pycaret.txt "$@"
lock pyproject.toml --all-extras --group development --universal --output-file requirements.txt "$@"

awk '
  /^[a-z0-9]/ {  # a package; what follows it, up to the next one, are its hashes and who needs it
    printf "%s", bare
    bare = ""
    if ($0 ~ /^[^=]*\[/) {
      print
      sub(/\[[^]]*\]/, "")
      bare = $0 "\n"
      next
    }
  }
  { print; if (bare) bare = bare $0 "\n" }
  END { printf "%s", bare }
' requirements.txt >requirements.txt.partial
mv requirements.txt.partial requirements.txt

# What sees the packages of the other environment holds those that both have at the same version.
lock requirements-notebook.in --constraints requirements.txt --universal --output-file requirements-notebook.txt "$@"
