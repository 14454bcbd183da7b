"""The command `forget`: erases persons and conversations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from chatislav_source.cli.exit_status import INCOMPLETE
from chatislav_source.cli.options import (
    option,
    output_options,
    pipeline_config_of,
    pipeline_options,
    set_up_log,
)
from chatislav_source.cli.terminal.encoding import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatislav_source.destinations.target import PipelineConfig
    from chatislav_source.privacy.erasure import Identity
    from chatislav_source.runner.erasure.forget import Match

WHOM = ("session_ids", "phones", "emails", "ips")
NOBODY = "Say whom to erase: --session-id, --phone, --email or --ip."
EMPTY = "A value is empty."


@click.command()
# not from the environment, where a value would erase somebody in every later call
@click.option("--session-id", "session_ids", multiple=True, help="A conversation; repeatable.")
@click.option("--phone", "phones", multiple=True, help="A phone number, in any spelling.")
@click.option("--email", "emails", multiple=True, help="An e-mail address.")
@click.option("--ip", "ips", multiple=True, help="An IP address.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only say what would be deleted.")
@option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")
@pipeline_options
@output_options
def forget(as_json: bool, is_dry_run: bool, is_sure: bool, **given: Any) -> None:
    """Erase persons everywhere, and keep later syncs from loading them again.

    Deletes their conversations and messages, and notes in the table `forgotten` whom to leave out:
    a keyed hash, never the value. Needs key in [sources.chatislav.privacy], here and wherever a
    sync runs. Values may also be hashes, as a table has them. Asks before it deletes anything.
    After an interruption, run it again.

    \b
    chatislav forget --phone '+381 60 123 4567' --dry-run
    chatislav forget --email ana@example.com --ip 203.0.113.7
    """
    from chatislav_source.cli import console
    from chatislav_source.cli.status import looking
    from chatislav_source.configured import configured_privacy
    from chatislav_source.privacy.erasure import required
    from chatislav_source.privacy.hashing import keys_of
    from chatislav_source.runner.erasure.beyond_reach import beyond_reach
    from chatislav_source.runner.erasure.forget import forget as run_forget
    from chatislav_source.runner.erasure.forget import matching
    from chatislav_source.runner.erasure.snapshots import effects_of

    verbosity = set_up_log(given)
    identities = _identities(given)
    config = pipeline_config_of(given)
    privacy = configured_privacy(config.pipeline_name)
    keys = required(keys_of(privacy.get("key"), privacy.get("previous_key")))
    with looking(config) as pipeline:
        found = matching(pipeline, keys, identities)
        effects = effects_of(pipeline)
    if not (as_json or verbosity.quiet):
        _show(found, effects)
    if not (is_dry_run or is_sure or _is_confirmed(found, config)):
        console.error("Nothing was deleted.")
        sys.exit(INCOMPLETE)
    config.check()
    if not is_dry_run:
        found = run_forget(config.pipeline(), keys, identities)
    left = beyond_reach(config.pipeline())
    if as_json:
        done = "would_delete" if is_dry_run else "deleted"
        print_json({done: found.counts, "effects": effects, "beyond_reach": left})
    elif not verbosity.quiet:
        console.done(_result(found, is_dry_run))
        console.beyond_reach(left)


def _identities(given: dict[str, Any]) -> list[Identity]:
    """Whom to erase.

    Raises:
        click.UsageError: nobody is given, or a value is empty.
    """
    from chatislav_source.privacy.erasure import PERSON_KINDS, SESSION, Identity
    from chatislav_source.records.sanitize import session_key

    values = dict(zip((SESSION, *PERSON_KINDS), (given.pop(name) for name in WHOM), strict=True))
    found = [Identity(kind, text.strip()) for kind, texts in values.items() for text in texts]
    if not found or not all(each.value for each in found):
        raise click.UsageError(EMPTY if found else NOBODY)
    return [
        Identity(SESSION, session_key(each.value)) if each.kind == SESSION else each
        for each in dict.fromkeys(found)
    ]


def _show(found: Match, effects: list[str]) -> None:
    from chatislav_source.cli import console

    rows: Sequence[Sequence[Any]] = [[table, count] for table, count in found.counts.items()]
    if rows:
        console.rows("Rows to be deleted", ["table", "rows"], rows)
    console.notes(effects)


def _is_confirmed(found: Match, config: PipelineConfig) -> bool:
    what = f"Delete {_rows(found)} from {config}" if found.counts else "Nothing is found. Go on"
    return click.confirm(f"{what}, and keep later syncs from loading them?", err=True)


def _rows(found: Match) -> str:
    count = sum(found.counts.values())
    return f"{count:,} row{'s' * (count != 1)}"


def _result(found: Match, is_dry_run: bool) -> str:
    if is_dry_run:
        return f"{_rows(found)} would be deleted. Nothing was changed."
    return f"{_rows(found)} deleted. No later sync loads them; the table forgotten has the record."
