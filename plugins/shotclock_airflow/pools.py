"""The pool that trainings share, made by the scheduler when it starts: nobody has to set it up.

Training is what takes long. With slots of its own it never takes all of the executor's, however many candidates however many
projects have, so a batch is scored and judged at once. A pool that is there stays as it is: its size is the operator's.
"""

from shotclock_airflow import internals

TRAINING = "training"
CANDIDATES_AT_ONCE = 4  # of one run: a project with many leaves slots of the pool to the others
_DESCRIPTION = "Shotclock: training of candidates; the executor's other slots stay free for scoring and monitoring"


def make() -> None:
    """Make the pool where it is missing: three quarters of the tasks that may run at once."""
    from airflow.configuration import conf

    internals.make_pool(TRAINING, slots(conf.getint("core", "parallelism")), _DESCRIPTION)


def slots(parallel: int) -> int:
    """The slots of the pool where so many tasks may run at once; 0 means that there is no limit."""
    return max(1, parallel - max(1, parallel // 4)) if parallel else 24
