"""`python -m shotclock_deployment.worker_health`: ends with 0 if the Celery worker of this machine answers a ping.

Celery alone, with the broker's address of the environment: Airflow's app would be imported for seconds of processor time, which
is all that a container's check has while several workers start.
"""

import os
import socket
import sys

from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

_TIMEOUT = 10.0


def main(broker: str, name: str) -> int:
    app = Celery(broker=broker)
    app.conf.update(broker_connection_retry=False, broker_connection_timeout=_TIMEOUT)
    try:
        answers = app.control.ping(destination=[name], timeout=_TIMEOUT)
    except (KombuError, RedisError, OSError) as error:  # the broker is away, or refuses the password
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    if not answers:
        sys.stderr.write(f"{name}: no answer in {_TIMEOUT:.0f} s\n")
    return 0 if answers else 1


if __name__ == "__main__":
    sys.exit(main(os.environ["AIRFLOW__CELERY__BROKER_URL"], f"celery@{socket.gethostname()}"))
