"""The sandbox as a command: `python -m chatislav_source.sandbox --port 8080`."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Event
from types import FrameType
from typing import Any

import orjson

from . import Sandbox, Settings, World


def serve(
    world: World,
    settings: Settings | None = None,
    port: int = 0,
    announce: Callable[[str], None] = print,
    prerender: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; `announce` gets the base URL as soon as requests are taken.

    `prerender` writes every row before the first request, for benchmarks.

    Must be called from the main thread, which receives the signals.

    Raises:
        OSError: the port is taken.
    """
    stopping = Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop) for number in signals]
    try:
        with Sandbox(world, settings, port=port, prerender=prerender) as sandbox:
            announce(sandbox.base_url)
            stopping.wait()
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def main() -> None:
    """Read the arguments, make a world and serve it."""
    arguments = _arguments()
    settings = Settings()
    try:
        settings.configure(**dict(arguments.set))
    except (AttributeError, ValueError) as problem:
        sys.exit(f"--set: {problem}")
    world = World.generate(
        bot_ids=arguments.bots,
        conversations=arguments.conversations,
        days=arguments.days,
        last_day=arguments.last_day or datetime.now(UTC).date(),
        seed=arguments.seed,
        messages=arguments.messages,
    )
    serve(world, settings, arguments.port, _say, arguments.prerender)


def _say(base_url: str) -> None:
    sys.stdout.write(f"listening on {base_url}\n")
    sys.stdout.flush()


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m chatislav_source.sandbox", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="0: one that is free (default)")
    add("--bots", type=_bot_ids, default=(101, 102, 103), help="ids; of several the last speaks")
    add("--conversations", type=int, default=200, help="per bot (default 200)")
    add("--days", type=int, default=60, help="over which they spread (default 60)")
    add("--last-day", type=date.fromisoformat, help="ISO date, UTC (default today)")
    add("--seed", type=int, default=1)
    add("--messages", type=int, help="in each conversation (default 0 to 40)")
    add("--prerender", action="store_true", help="write all rows first, for benchmarks")
    add("--set", type=_setting, action="append", default=[], metavar="NAME=JSON")
    return parser.parse_args()


def _bot_ids(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _setting(text: str) -> tuple[str, Any]:
    """A name and its JSON value; what is not JSON is taken as text."""
    name, separator, value = text.partition("=")
    if not separator:
        raise ArgumentTypeError("must be NAME=JSON")
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value


if __name__ == "__main__":
    main()
