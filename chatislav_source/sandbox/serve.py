"""Serves a sandbox until the process receives a signal."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Event
from types import FrameType

from chatislav_source.sandbox.server.sandbox import Sandbox
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.world import World


def serve(
    world: World,
    settings: Settings | None = None,
    port: int = 0,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve until SIGTERM or SIGINT; call `announce` with the base URL once the server listens.

    With `port` 0 the system chooses a port. Only for the main thread, which receives the signals.

    Raises:
        OSError: the port is taken.
    """
    stopping = Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    previous = [signal.signal(number, stop) for number in signals]
    try:
        with Sandbox(world, settings, port=port) as sandbox:
            announce(sandbox.base_url)
            stopping.wait()
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)
