"""The whole environment of an Airflow process on one machine, made in one place."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from shotclock_launcher.layout import LOOPBACK, Layout
from shotclock_launcher.running import credentials

CHAIN_PAUSE = 0.03  # of a stack that runs for one chain and is then stopped
RESTING_PAUSE = 0.1  # of one that is kept: idle, it takes a tenth of a core, and a third of one at 0.03

_DROPPED = {"AIRFLOW_HOME", "AIRFLOW_CONFIG", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME"}


def airflow_environment(
    layout: Layout,
    keys: credentials.Keys,
    base: Mapping[str, str] | None = None,
    *,
    only: str | None = None,
    pause: float = CHAIN_PAUSE,
) -> dict[str, str]:
    """What every Airflow process of this stack gets, on top of `base` (by default the launcher's own environment).

    What does not depend on the machine comes from `config/common.env`.

    Settings of another Airflow in `base` (`AIRFLOW_HOME`, `AIRFLOW__…`) are dropped: they could name its database.
    Connections and variables (`AIRFLOW_CONN_…`, `AIRFLOW_VAR_…`) are kept.

    Args:
        only: the one project that gets DAGs; without it, all.
        pause: seconds that an idle scheduler sleeps before it looks again.
    """
    env = _cleaned(os.environ if base is None else base)
    env.update(common(layout.config))
    env.update(_process(env, layout))
    env.update(package_settings(layout))
    env["SHOTCLOCK_ONLY"] = only or ""
    env["AIRFLOW_HOME"] = str(layout.airflow)
    for section, options in _airflow(layout, keys, pause).items():
        env.update({f"AIRFLOW__{section}__{name}".upper(): str(value) for name, value in options.items()})
    return env


def common(config: Path) -> dict[str, str]:
    """What holds on one machine as on many."""
    return {name: value or "" for name, value in dotenv_values(config / "common.env", interpolate=False).items()}


def task_slots() -> int:
    """How many tasks may run at once: one a core, since each is one busy thread, and three more, so that the sensors of a
    monitoring start together while the task before them is still being put away. Each slot is a process: 16 are enough."""
    return min(_cores() + 3, 16)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _cleaned(base: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in base.items() if name not in _DROPPED and not name.startswith("AIRFLOW__")}


def _process(env: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """What a Python process needs on this machine: programs and modules, a UTF-8 locale, no proxy to itself."""
    local = [LOOPBACK, "localhost"]
    proxied = [host for host in env.get("NO_PROXY", env.get("no_proxy", "")).split(",") if host]
    no_proxy = ",".join([*proxied, *(host for host in local if host not in proxied)])
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(layout.config), env.get("PYTHONPATH")])),
        **_utf8_locale(env),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "SPT_NOENV": "1",  # or setproctitle overwrites the environment by which we find our processes
    }


def _utf8_locale(env: Mapping[str, str]) -> dict[str, str]:
    """Airflow refuses to start where the locale is not UTF-8, as in a bare container."""
    asked = next((env[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(name)), "")
    return {} if "utf" in asked.lower() else {"LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"}


def package_settings(layout: Layout) -> dict[str, str]:
    """The settings of the package as this stack has them, in whatever folder a process stands."""
    settings = layout.settings
    found = {
        "SHOTCLOCK_HOME": str(settings.home),
        "SHOTCLOCK_MLFLOW_UI": layout.mlflow_address,
        "SHOTCLOCK_DATA": str(settings.data.resolve()),
        "SHOTCLOCK_PROJECTS": str(settings.projects.resolve()),
        "SHOTCLOCK_ARTIFACTS": settings.artifacts,
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
    }
    return found | ({"SHOTCLOCK_DATA_DIR": str(settings.data_source)} if settings.data_source else {})


def _airflow(layout: Layout, keys: credentials.Keys, pause: float) -> dict[str, dict[str, object]]:
    """Airflow's settings by section, on top of `config/common.env`; where one is not plain wiring, why."""
    return {
        "core": {
            "dags_folder": layout.dags,
            "plugins_folder": layout.plugins,
            "executor": "LocalExecutor",
            "parallelism": task_slots(),
            "default_task_retries": 1,
            "default_task_retry_delay": 5,
            "fernet_key": keys.fernet,
            "execution_api_server_url": f"{layout.address}/execution/",
            "simple_auth_manager_users": f"{credentials.USER}:admin",
            "simple_auth_manager_passwords_file": credentials.passwords_file(layout.airflow),
            "simple_auth_manager_all_admins": False,
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{layout.database}",
        },
        "api": {
            "host": LOOPBACK,
            "port": layout.port,
            "base_url": layout.address,
            "secret_key": keys.api,
        },
        "api_auth": {"jwt_secret": keys.jwt},
        "scheduler": {
            "scheduler_idle_sleep_time": pause,  # the gap between two tasks; at the default of 1 s it is most of a chain
            "enable_health_check": False,  # it would listen on every interface
        },
        "dag_processor": {
            "parsing_processes": min(_cores(), 4),
        },
        "logging": {
            "base_log_folder": layout.task_logs,
            "dag_processor_child_process_log_directory": layout.logs / "dag_processor",
            # Nobody serves logs over the network here (see stack.services): all processes share the folder
            "worker_log_server_port": 1,
            "trigger_log_server_port": 1,
        },
    }
