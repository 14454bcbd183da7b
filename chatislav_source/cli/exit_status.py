"""The exit status and the output of the command line for each kind of error."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
import warnings

import click

from chatislav_source.cli.mistakes import explained, is_stop
from chatislav_source.cli.terminal.encoding import json_text, make_printable
from chatislav_source.cli.terminal.stopping import interruptible
from chatislav_source.errors import (
    AuthenticationError,
    ConfigurationError,
    PipelineLockedError,
)

COMPLETE = 0
"""All requested data is loaded."""
INCOMPLETE = 1
"""Some data could not be loaded."""
UNUSABLE = 2
"""Wrong usage, configuration or key."""
BUSY = 75
"""Another run or program holds the pipeline or the database; EX_TEMPFAIL of sysexits.h."""
STOPPED = 130
"""Stopped by Ctrl-C or SIGTERM."""

STOPPED_TEXT = "Stopped. Completed loads are kept; run again to continue from there."

SETTINGS_OF_DLT = {
    # dlt sends telemetry to its vendor by default; here the user must enable it
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # dlt would delay Ctrl-C until it asks for it; see `interruptible`
    "RUNTIME__INTERCEPT_SIGNALS": "false",
}

logger = logging.getLogger(__name__)


def run(command: click.Command) -> None:
    """Run a command and exit; an error becomes a few lines on stderr and an exit status."""
    make_printable()
    for name, value in SETTINGS_OF_DLT.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions and not is_given("debug"):
        warnings.simplefilter("ignore")  # of the warehouses' clients, about their own code
    sys.exit(status_of(command))


def status_of(command: click.Command) -> int:
    """Run a command; returns its exit status, after an error was printed."""
    say_stopped = StoppedMessage()
    try:
        with interruptible(STOPPED, say_stopped):
            command(standalone_mode=False)
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        say_json("UsageError", error.format_message())
        return UNUSABLE
    except (click.Abort, KeyboardInterrupt):
        say_stopped()
        return STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone
        return INCOMPLETE
    except Exception as error:
        if is_stop(error):
            say_stopped()
            return STOPPED
        return _report(error)
    return COMPLETE


def is_given(flag: str) -> bool:
    """Whether a flag is on the command line or in the environment, whatever click thinks of it."""
    value = os.environ.get(f"CHATISLAV_{flag.upper()}", "")
    return f"--{flag}" in sys.argv or value.lower() in {"1", "true", "t", "yes", "y", "on"}


class StoppedMessage:
    """Prints once that the command was stopped, from whichever thread."""

    def __init__(self) -> None:
        self._unsaid = threading.Lock()

    def __call__(self) -> None:
        if self._unsaid.acquire(blocking=False):
            click.echo(STOPPED_TEXT, err=True)
            say_json("Stopped", STOPPED_TEXT)


def say_json(kind: str, message: str) -> None:
    """Print an error as the JSON document, if one was asked for."""
    if is_given("json"):
        click.echo(json_text({"error": {"kind": kind, "message": message}}))


def _report(error: Exception) -> int:
    """Print the error and return its exit status."""
    from chatislav_source.cli import console

    if is_given("debug"):
        logger.debug("Traceback", exc_info=error)
        traceback.print_exception(error)
    known = explained(error)
    message = str(known) if known else console.UNEXPECTED.format(kind=type(error).__name__)
    console.error(message)
    say_json(type(known or error).__name__, message)
    return status_of_kind(type(known))


def status_of_kind(kind: type[object]) -> int:
    """The exit status after an error of this class."""
    if issubclass(kind, (ConfigurationError, AuthenticationError)):
        return UNUSABLE
    return BUSY if issubclass(kind, PipelineLockedError) else INCOMPLETE
