"""The exit status and the output of the command line for each kind of error."""

from __future__ import annotations

import logging
import os
import sys
import traceback

import click

from chatislav_source.errors import AuthenticationError, ChatislavError, ConfigurationError

COMPLETE = 0
"""All requested data is loaded."""
INCOMPLETE = 1
"""Some data could not be loaded."""
UNUSABLE = 2
"""Wrong usage, configuration or key."""

logger = logging.getLogger(__name__)


def run(command: click.Command) -> None:
    """Run a command and exit; an error becomes a few lines on stderr and an exit status."""
    # dlt sends telemetry to its vendor by default; here the user must enable it
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    try:
        command(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(UNUSABLE)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "Cancelled. Completed loads are kept; run again to continue from there.", err=True
        )
        sys.exit(INCOMPLETE)
    except Exception as error:
        sys.exit(_report(error, debug="--debug" in sys.argv))


def _report(error: Exception, debug: bool) -> int:
    """Print the error and return its exit status."""
    from chatislav_source.cli import console

    if debug:
        logger.debug("Traceback", exc_info=error)
        traceback.print_exception(error)
    if not isinstance(error, ChatislavError):
        console.unexpected(error)
        return INCOMPLETE
    console.error(error)
    is_usage = isinstance(error, ConfigurationError | AuthenticationError)
    return UNUSABLE if is_usage else INCOMPLETE
