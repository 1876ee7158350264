#!/usr/bin/env bash
# Makes .venv from requirements.txt, with uv, or finds that it stands already (then it costs nothing). Likewise .venv-pycaret from
# requirements-pycaret.txt, where a project file asks for `backend: pycaret` and no other Python is named for it.
# An installation that was cut off is begun anew: what had been downloaded is still in uv's cache. Of two at once, one waits.
set -euo pipefail
cd "$(dirname "$0")/../../.."
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH # compiled modules load three times as fast

supported='3.13 3.12 3.11' # as pyproject.toml says
wanted=${supported%% *}     # where none of them is here
started=$SECONDS
stamp=.venv/.installed
unfinished=.bootstrap/unfinished
log=.bootstrap/install.log

say() { printf '%5d s  %s\n' "$((SECONDS - started))" "$*" >&2; }
fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

fits() { "$1" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] not in '$2'.split())" >/dev/null 2>&1; }

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# What the environment depends on: the lock, the package's own description, and where the environment lies.
digest() { { pwd && cat requirements.txt pyproject.toml include/shotclock_launcher/scripts/bootstrap.sh; } | sha256 | cut -d' ' -f1; }

# run "what is done" command...: a line with the seconds every 15 s, so that it is never silent; its output if it fails
run() {
  local what=$1 next
  shift
  say "$what"
  "$@" >>"$log" 2>&1 </dev/null &
  local job=$!
  trap 'kill "$job" 2>/dev/null; exit 130' INT TERM
  next=$((SECONDS + 15))
  while kill -0 "$job" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS >= next)); then
      say "  still at it"
      next=$((SECONDS + 15))
    fi
  done
  trap - INT TERM
  wait "$job" || {
    tail -n 25 "$log" >&2
    fail "failed: $what. All of its output: $log"
  }
}

# find_python "versions": the one that is meant, named or what python3 is here; else the first of the versions that is here.
find_python() {
  local candidate
  # shellcheck disable=SC2046,SC2086 # each a word
  for candidate in "${PYTHON:-}" python3 $(printf 'python%s ' $1) python; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && fits "$candidate" "$1"; then
      echo "$candidate"
      return
    fi
  done
}

# None that fits: any Python 3 will do to get uv, which then fetches one into .bootstrap/.
fetch_python() {
  local uv
  uv=$(command -v uv || true)
  if [ -z "$uv" ]; then
    command -v python3 >/dev/null || fail "Python 3.11 to $wanted is needed, and there is no Python 3 here at all. Install Python $wanted."
    run "no Python 3.11 to $wanted here: getting uv, which fetches one" python3 -m venv .bootstrap/venv
    run "getting uv" .bootstrap/venv/bin/python -m pip install --progress-bar off uv
    uv=.bootstrap/venv/bin/uv
  fi
  export UV_PYTHON_INSTALL_DIR=$PWD/.bootstrap/python
  say "fetching Python $wanted"
  "$uv" venv --quiet --seed --python "$wanted" .venv >>"$log" 2>&1 </dev/null || {
    tail -n 10 "$log" >&2
    fail "Python 3.11 to $wanted is needed. This machine has none and uv could not fetch one (see above).
Install it (Debian, Ubuntu: apt install python$wanted python$wanted-venv; macOS: brew install python@$wanted), or name one:
  PYTHON=/path/to/python$wanted make env"
  }
  run "getting uv into the environment" "$uv" pip install --python .venv/bin/python uv
}

make_venv() {
  local python
  python=$(find_python "$supported")
  if [ -z "$python" ]; then
    fetch_python
    return
  fi
  say "making .venv with $("$python" -c 'import platform, sys; print("Python", platform.python_version(), sys.executable)')"
  "$python" -m venv .venv >>"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    fail "$python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv"
  }
  run "getting uv" .venv/bin/python -m pip install --progress-bar off uv
}

# A setting of the environment or, for want of it, of .env.
setting() {
  [ -n "${!1:-}" ] && echo "${!1}" || sed -n "s/^ *$1 *= *//p" .env 2>/dev/null | tail -n 1
}

wants_pycaret() {
  local projects
  [ -z "$(setting SHOTCLOCK_PYCARET_PYTHON)" ] || return 1
  projects=$(setting SHOTCLOCK_PROJECTS)
  grep -qsE "^[^#]*backend[\"']?: *[\"']?pycaret" "${projects:-include/projects}"/*.yaml
}

stands() { [ -x "$1/bin/python" ] && [ "$(cat "$1/.installed" 2>/dev/null)" = "$2" ]; }

all_stands() { stands .venv "$key" && { ! wants_pycaret || stands "$pycaret" "$pycaret_key"; }; }

packages() { grep -cE '^[a-zA-Z0-9._-]+==' "$1"; }

make_pycaret() {
  local python
  python=$(find_python 3.11)
  export UV_PYTHON_INSTALL_DIR=$PWD/.bootstrap/python
  rm -rf "$pycaret"
  run "making $pycaret, for PyCaret alone" .venv/bin/uv venv --python "${python:-3.11}" "$pycaret"
  local sync=(.venv/bin/uv pip sync --python "$pycaret/bin/python" --require-hashes requirements-pycaret.txt)
  run "installing $(packages requirements-pycaret.txt) packages from its lock, hashes checked" "${sync[@]}"
  run "compiling them" "${sync[@]}" --compile-bytecode
  printf '%s' "$pycaret_key" >"$pycaret/.installed"
}

key=$(digest)
pycaret=.venv-pycaret
pycaret_key=$({ pwd && cat requirements-pycaret.txt; } | sha256 | cut -d' ' -f1)
if all_stands; then
  exit 0
fi

mkdir -p .bootstrap
exec 9>.bootstrap/lock
if command -v flock >/dev/null && ! flock --nonblock 9; then
  say "another one is making the environment: waiting for it"
  flock 9
fi
if all_stands; then
  exit 0
fi
: >"$log"
if stands .venv "$key"; then
  make_pycaret
  say "PyCaret's environment is ready"
  exit 0
fi
if [ -f "$unfinished" ] || [ ! -x .venv/bin/uv ] || ! fits .venv/bin/python "$supported"; then
  touch "$unfinished"
  if [ -e .venv ]; then
    say "removing .venv: it is unfinished, or of another Python"
    rm -rf .venv
  fi
  make_venv
fi
rm -f "$stamp"
touch "$unfinished"
sync=(.venv/bin/uv pip sync --python .venv/bin/python --require-hashes requirements.txt)
run "installing $(packages requirements.txt) packages from the lock, hashes checked" "${sync[@]}"
run "compiling them" "${sync[@]}" --compile-bytecode
run "installing Shotclock itself" \
  .venv/bin/uv pip install --python .venv/bin/python --no-deps --no-build-isolation --editable .
printf '%s' "$key" >"$stamp"
rm -f "$unfinished"
if wants_pycaret && ! stands "$pycaret" "$pycaret_key"; then
  make_pycaret
fi
say "the environment is ready"
