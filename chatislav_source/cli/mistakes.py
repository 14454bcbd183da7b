"""Explains errors of dlt, of the operating system and of a client in the words of this package."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from chatislav_source.errors import ChatislavError, ConfigurationError, DiskFullError

UNUSABLE_PATH = {
    errno.EACCES: "this user may not write it",
    errno.EPERM: "this user may not write it",
    errno.EROFS: "it is on a read-only disk",
    errno.ENOENT: "it does not exist",
    errno.ENOTDIR: "a part of its path is a file",
    errno.EISDIR: "it is a folder",
    errno.EEXIST: "it exists as another kind of file",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: "its links lead in a circle",
}


def explained(error: BaseException) -> ChatislavError | None:
    """What the user can do about an error; None for a defect of this package."""
    for cause in causes(error):
        if isinstance(cause, ChatislavError):
            return cause
        if DiskFullError.is_cause(cause):
            return DiskFullError()
    return next(filter(None, map(_mistake, causes(error))), None)


def is_stop(error: BaseException) -> bool:
    """Whether Ctrl-C or SIGTERM is the cause of an error."""
    return any(isinstance(cause, KeyboardInterrupt) for cause in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes, outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _mistake(error: BaseException) -> ConfigurationError | None:
    if isinstance(error, OSError) and error.errno in UNUSABLE_PATH and error.filename:
        return ConfigurationError(
            f"{error.filename} cannot be used: {UNUSABLE_PATH[error.errno]}. Correct its rights or "
            "name, or give another --database or --pipelines-dir."
        )
    return _mistake_in_dlt(error)


def _mistake_in_dlt(error: BaseException) -> ConfigurationError | None:
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.pipeline.exceptions import InvalidPipelineName

    from chatislav_source.configured import configuration_error

    if isinstance(error, InvalidPipelineName):
        return ConfigurationError(
            f"--pipeline-name {error.pipeline_name!r} cannot be the name of a folder. Use letters, "
            "digits and underscores."
        )
    if isinstance(error, ValueError) and str(error).startswith("Unknown level"):
        return ConfigurationError(
            "The log level of dlt is none of Python's. Set RUNTIME__LOG_LEVEL, or log_level in "
            "[runtime] of .dlt/config.toml, to ERROR, WARNING, INFO or DEBUG."
        )
    return configuration_error(error) if isinstance(error, ConfigurationException) else None
