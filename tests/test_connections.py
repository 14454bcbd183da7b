"""Connections can be cut from another thread, also those that are made too late."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from chatislav_source.connections import Connections

OPENED = "connection.connect_tcp.complete"


class Stream:
    """A connection as httpcore shows it."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened

    def get_extra_info(self, name: str) -> Any:
        return self._socket if name == "socket" else None


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(20)
        yield ours, theirs


def test_a_connection_that_is_cut_gives_an_end_to_who_reads(pair: tuple[Any, Any]) -> None:
    connections = Connections()
    connections.trace(OPENED, {"return_value": Stream(pair[0])})

    connections.cut()

    assert pair[0].recv(1) == b""


def test_a_connection_that_is_made_after_the_cut_is_cut_at_once(pair: tuple[Any, Any]) -> None:
    connections = Connections()
    connections.cut()

    connections.trace("connection.start_tls.complete", {"return_value": Stream(pair[0])})

    assert pair[0].recv(1) == b""


def test_other_events_and_closed_connections_are_passed_over(pair: tuple[Any, Any]) -> None:
    connections = Connections()
    connections.trace("http11.send_request_headers.complete", {"return_value": None})
    connections.trace(OPENED, {"return_value": Stream(pair[0])})
    pair[0].close()

    connections.cut()

    assert pair[1].recv(1) == b""
