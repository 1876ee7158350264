"""`notebook`: JupyterLab on the example notebook, in place of this process."""

import os
from typing import NoReturn

from shotclock_launcher.console import say
from shotclock_launcher.layout import CHECKOUT, LOOPBACK, Layout
from shotclock_launcher.running import environment

_PYTHON = CHECKOUT / ".venv-notebook" / "bin" / "python"  # scripts/notebook.sh makes it
_EXAMPLE = "notebooks/kobe_shots.ipynb"
_OPTIONS = {
    "ServerApp.ip": LOOPBACK,  # whose token, made anew at each start, JupyterLab asks for by itself
    "ServerApp.root_dir": str(CHECKOUT),  # so that links to docs/ lead there
    "ServerApp.answer_yes": "True",  # to Ctrl-C
    "LabApp.default_url": f"/lab/tree/{_EXAMPLE}",
    "LabApp.extension_manager": "readonly",  # nothing is installed beside the lock
    "KernelManager.transport_encryption": "required",  # or every user of this machine could read what cells print
}


def notebook(layout: Layout) -> NoReturn:
    """Become JupyterLab, so that signals and the exit code are its own. Kernels see the store that every command here sees."""
    layout.make_folders()
    env = os.environ | environment.package_settings(layout) | _places(layout)
    options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
    root = ["--allow-root"] if os.geteuid() == 0 else []  # as everything else here may be started
    say(f"JupyterLab on {_EXAMPLE}, until Ctrl-C")
    os.execve(_PYTHON, [str(_PYTHON), "-m", "jupyterlab", *options, *root], env)


def _places(layout: Layout) -> dict[str, str]:
    """Where Jupyter and IPython keep what they keep: below `var/`, apart from what another Jupyter of the user's is told.

    `config/jupyter` has it look for no news and updates, which it would ask other hosts for.
    """
    var = layout.var / "jupyter"
    folders = {f"JUPYTER_{kind}_DIR": str(var / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    folders |= {"JUPYTER_CONFIG_PATH": str(layout.config / "jupyter"), "IPYTHONDIR": str(var / "ipython")}
    return folders | {"SHOTCLOCK_SERVING_PORT": str(layout.serving_port)}
