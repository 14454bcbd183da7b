"""Prevents connections to other machines while these tests run."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .servers.bigquery import HOST_VARIABLE

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GRPC_PROXY")
NO_PROXY = "127.0.0.1,localhost,::1"


class OutsideWorldError(RuntimeError):
    """A test tried to connect to another machine.

    Not an `OSError`: clients retry those as network errors.
    """

    def __init__(self, host: object) -> None:
        super().__init__(f"Only this machine may be reached from this test, not {host!r}")


@contextmanager
def only_loopback() -> Iterator[None]:
    """Forbid Python to look up or connect to other machines, and set an unusable proxy.

    Python's own sockets refuse. Native code (the Rust core of the Snowflake connector, gRPC)
    does not see that, but obeys proxies: they point to a port where nobody listens.
    """
    with pytest.MonkeyPatch.context() as patch, _closed_port() as port:
        for name in PROXY_VARIABLES:
            patch.setenv(name, f"http://127.0.0.1:{port}")
            patch.setenv(name.lower(), f"http://127.0.0.1:{port}")
        patch.setenv("NO_PROXY", NO_PROXY)
        patch.setenv("no_proxy", NO_PROXY)
        # until an emulator runs and puts in its own address
        patch.setenv(HOST_VARIABLE, f"http://127.0.0.1:{port}")
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            patch.setattr(socket, name, _refusing_hosts(getattr(socket, name)))
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _refusing_addresses(getattr(socket.socket, name)))
        yield


@contextmanager
def _closed_port() -> Iterator[int]:
    """A loopback port that refuses connections as long as the block lasts."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def _refusing_hosts(lookup: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a look-up of host names."""

    def checked(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check(host)
        return lookup(host, *args, **kwargs)

    return checked


def _refusing_addresses(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of sockets whose last argument is an address."""

    def checked(self: socket.socket, *args: Any) -> Any:
        if self.family != socket.AF_UNIX:
            _check(args[-1][0])
        return method(self, *args)

    return checked


def _check(host: Any) -> None:
    """Refuse every host but this one; no host means this one."""
    name = host.decode() if isinstance(host, bytes) else host
    if not name or name in ("localhost", socket.gethostname()):
        return
    try:
        allowed = ipaddress.ip_address(name).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise OutsideWorldError(host)


def emulator_address() -> str:
    """The address that BigQuery's client uses; it must be on this machine.

    Raises:
        OutsideWorldError: the variable is not set, or leads elsewhere.
    """
    address = os.environ.get(HOST_VARIABLE, "")
    if not address.startswith("http://127.0.0.1:"):
        raise OutsideWorldError(address or "the real BigQuery")
    return address
