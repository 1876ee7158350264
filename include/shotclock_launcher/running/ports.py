"""Ports: is one free, and who holds it."""

import errno
import socket

import psutil

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import LOOPBACK


def check_free(service: str, port: int, setting: str) -> None:
    """Make sure that `service` can listen on `port`.

    Raises:
        LaunchError: somebody else does; the message names port, service, the other process and the remedy.
    """
    if _is_free(port):
        return
    raise LaunchError(
        f"port {port}, which the {service} needs, is in use by {_holder(port)}; "
        f"end that process, or choose another port with {setting}=…"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex((LOOPBACK, port)) == 0:  # some systems let two listen on one port
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise LaunchError(f"port {port} on {LOOPBACK} cannot be used: {error.strerror}") from error
    return True


def _holder(port: int) -> str:
    try:
        listening = [c for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN and c.pid]
        pid = next((c.pid for c in listening if c.laddr and c.laddr.port == port), None)
        return f"{psutil.Process(pid).name()} (pid {pid})" if pid else "another program"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return "another program"
