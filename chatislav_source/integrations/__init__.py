"""Airflow and Dagster: ready definitions that only use the public names of the package."""

from __future__ import annotations


def explained(error: ModuleNotFoundError, library: str) -> ImportError:
    """The error to raise for a failed import: if `library` is missing, one that names its extra."""
    if (error.name or "").partition(".")[0] != library:
        return error
    return ImportError(
        f"The library {library} is not installed, which chatislav_source.integrations.{library} "
        f"needs. Install the extra of that name: pip install 'chatislav-source[{library}]'."
    )
