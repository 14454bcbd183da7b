"""Ends the command on Ctrl-C or SIGTERM, at the latest after `GRACE_SECONDS`.

The first signal interrupts the main thread, which closes what is open. What cannot be interrupted,
such as a statement of the warehouse, is ended together with the process: loads are committed whole.
A second signal ends the process at once.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_SECONDS = 6.0  # less than the 10 s that container runtimes give
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(status: int, last_words: Callable[[], None]) -> Iterator[None]:
    """A signal raises `KeyboardInterrupt` in the main thread, within the block or after it.

    If the main thread does not end in time, call `last_words` and end the process with `status`.
    """
    receiver, sender = socket.socketpair()  # `set_wakeup_fd` takes no pipe on Windows
    sender.setblocking(False)
    stopped = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        stopped.set()
        raise KeyboardInterrupt

    previous = [signal.signal(number, interrupt) for number in SIGNALS]
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    # the thread keeps the sender, which would be closed with this frame
    pair = (receiver, sender)
    threading.Thread(target=_watch, args=(pair, status, last_words), daemon=True).start()
    try:
        yield
    finally:
        if not stopped.is_set():  # else the watch goes on until the process has ended
            signal.set_wakeup_fd(-1)
            for number, handler in zip(SIGNALS, previous, strict=True):
                signal.signal(number, handler)
            sender.close()


def _watch(
    pair: tuple[socket.socket, socket.socket], status: int, last_words: Callable[[], None]
) -> None:
    """End the process some time after the first signal, or at the second one."""
    with pair[0] as receiver:
        if not _is_signalled(receiver):
            return
        receiver.settimeout(GRACE_SECONDS)
        with suppress(TimeoutError):
            if not _is_signalled(receiver):
                return
        try:
            last_words()
            sys.stdout.flush()
        finally:
            os._exit(status)


def _is_signalled(receiver: socket.socket) -> bool:
    """Wait for a signal; False if the command has ended before."""
    while received := receiver.recv(1):
        if received[0] in SIGNALS:
            return True
    return False
