#!/usr/bin/env bash
# Makes .venv-notebook from requirements-notebook.txt, or finds that it stands: JupyterLab, on the Python of .venv, and by one line in
# a .pth file whatever is installed there. So a notebook runs the very code that the command line runs.
set -euo pipefail
cd "$(dirname "$0")/../../.."

place() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

[ -x .venv-notebook/bin/jupyter-lab ] || echo "getting JupyterLab, into .venv-notebook" >&2
.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venv-notebook
.venv/bin/uv pip sync --quiet --python .venv-notebook --require-hashes requirements-notebook.txt
.venv/bin/python -c 'import sys; print("import site; site.addsitedir(%r)" % sys.argv[1])' "$(place .venv)" \
  >"$(place .venv-notebook)/shotclock.pth"
