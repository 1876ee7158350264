"""What can go wrong while starting and following Airflow."""

from shotclock.errors import ShotclockError


class LaunchError(ShotclockError):
    """Something that the user can put right: a port in use, a second start, a service that died."""
