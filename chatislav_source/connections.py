"""The connections of a client, so that a thread that waits for an answer can be let go at once."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

OPENED = ("connect_tcp.complete", "start_tls.complete")


class Connections:
    """Knows each open socket from what httpcore traces, and can cut them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._is_cut = False

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Note a connection that was made; to be given as the request's `trace` extension."""
        if not event.endswith(OPENED):
            return
        opened = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(opened)
            is_cut = self._is_cut
        if is_cut:
            _cut(opened)

    def cut(self) -> None:
        """End every connection, also those still being made; whoever waits on one gets an error."""
        with self._lock:
            self._is_cut = True
            sockets = list(self._sockets)
        for opened in sockets:
            _cut(opened)


def _cut(opened: socket.socket) -> None:
    # closing it from another thread would not wake the one that reads; and the base class's
    # method is called as that of a TLS socket would first let go of its TLS state
    with suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
