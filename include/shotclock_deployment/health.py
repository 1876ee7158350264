"""`python -m shotclock_deployment.health URL`: ends with 0 if the address answers with 200. The image has no curl.

The standard library alone: every service runs this every few seconds, and httpx takes three times the processor time of it all.
"""

import os
import sys
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

_TIMEOUT = 10.0


def as_tasks_ask(url: str, base_url: str) -> str:
    """The address below which the API server answers tasks, `…/execution/…`, where Airflow's own has the path of `base_url`.

    Behind a path of a reverse proxy it answers 404 to tasks that leave the path out, though all else is there without it.
    """
    parts, path = urlsplit(url), urlsplit(base_url).path.rstrip("/")
    return parts._replace(path=path + parts.path).geturl() if parts.path.startswith("/execution/") else url


def main(url: str) -> int:
    url = as_tasks_ask(url, os.environ.get("AIRFLOW__API__BASE_URL", ""))
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:  # also an answer that tells of an error
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
