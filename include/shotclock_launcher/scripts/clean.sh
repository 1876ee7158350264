#!/usr/bin/env bash
# Removes what running leaves behind: var/, every project's outputs under data/, caches, the environments.
# Raw data stays. Nothing is removed while a stack runs here.
set -euo pipefail
cd "$(dirname "$0")/../../.."

python=.venv/bin/python
[ -x "$python" ] || python=python3
PYTHONPATH=include "$python" -m shotclock_launcher.running.lock var/stack.lock

if [ -d data ]; then
  find data -mindepth 1 -maxdepth 1 ! -name raw ! -name README.md -exec rm -rf {} +
fi
find . -name __pycache__ -type d -not -path './.venv*' -not -path './.git/*' -prune -exec rm -rf {} +
rm -rf var .venv .venv-* .bootstrap include/*.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache .coverage*
echo "removed var/, the outputs under data/, caches and the environments; data/raw is untouched"
