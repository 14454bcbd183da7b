"""Neither the key nor message texts are in logs, errors, output or state."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import dlt
import duckdb
import pytest

from chatislav_source import ChatislavError, chatislav
from chatislav_source.sandbox import SANDBOX_KEY, World
from tests.default_suite import mostly_slow
from tests.exactness.truth import DATASET, TODAY, Bench, bench, days_ago

WORDS = "Tajna reč 7781"
ROWS = (".parquet", ".jsonl", ".insert_values", ".gz", ".typed-jsonl")  # load data


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bench]:
    """A bot whose messages all have the text that must not leak."""
    world = World.generate((101, 102), conversations=8, days=3, last_day=TODAY, messages=2)
    for row in world.conversations(101):
        messages = [message | {"content": WORDS} for message in row["messages"]]
        world.change(101, row["sessionId"], messages=messages, feedbackComment=WORDS)
    with bench(tmp_path, world, start_date=days_ago(3)) as each:
        yield each


@pytest.fixture(autouse=True)
def loud(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log everything."""
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.002)
    # dlt's handler of an earlier test may be closed; Python would print what it could not log
    monkeypatch.setattr(logging, "raiseExceptions", False)
    caplog.set_level(logging.DEBUG)
    for name in ("dlt", "httpx", "httpcore", "urllib3", "chatislav_source"):
        caplog.set_level(logging.DEBUG, logger=name)


def break_load(made: Bench) -> None:
    """Make the next load fail in the merge."""
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(f"ALTER TABLE {DATASET}.conversations RENAME COLUMN bot_id TO bot")
    made.world.change(101, str(made.world.conversations(101)[-1]["sessionId"]), helpful=1)


def break_rows(made: Bench) -> None:
    """Make the next load fail at values, which the warehouse may quote."""
    with duckdb.connect(str(made.database)) as connection:
        connection.execute(
            f"ALTER TABLE {DATASET}.conversations__messages ALTER content"
            " TYPE BIGINT USING length(content)"
        )
    row = made.world.conversations(101)[-1]
    made.world.add_message(101, row["sessionId"], WORDS)


FAILURES = {
    "server errors": lambda made: made.api.configure(faults={"500": 1.0}),
    "wrong shapes": lambda made: made.api.configure(faults={"wrong_shape": 1.0}),
    "truncated responses": lambda made: made.api.configure(faults={"truncated": 1.0}),
    "refused key": lambda made: made.api.configure(revoked_keys={SANDBOX_KEY}),
    "refused bot": lambda made: made.api.configure(bot_status={101: 403}),
    "odd request": lambda made: made.api.configure(bot_status={101: 422}),
    "load": break_load,
    "rows": break_rows,
}


@pytest.mark.parametrize(
    ("how", "failure"),
    mostly_slow(
        [
            *(("sync", failure) for failure in FAILURES),
            *(("plain", failure) for failure in ("server errors", "refused key", "rows")),
        ],
        ("sync", "rows"),
        ("plain", "rows"),
    ),
)
def test_neither_key_nor_message_texts_are_in_logs_errors_output_or_state(
    made: Bench,
    failure: str,
    how: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    made.sync()
    FAILURES[failure](made)
    said = ""

    try:
        if how == "sync":
            said = str(made.sync().as_dict())
        else:
            made.pipeline().run(chatislav(**made.arguments()))
    except ChatislavError:
        said = traceback.format_exc()
    except Exception as error:
        # the errors and trace that dlt itself keeps of a failed plain run are not changed
        said = traceback.format_exc() if failure != "rows" else type(error).__name__

    output = capfd.readouterr()
    everything = said + caplog.text + output.out + output.err
    is_ours = how == "sync" or failure != "rows"
    for secret in (SANDBOX_KEY, WORDS):
        assert secret not in everything
        found = [path for path in files(made) if secret.encode() in path.read_bytes()]
        assert found == [] or (secret is WORDS and not is_ours)


def files(made: Bench) -> Iterator[Path]:
    """Every file of the pipelines that is not load data: state, traces, schemas, errors."""
    for path in (made.folder / "pipelines").rglob("*"):
        if path.is_file() and not path.name.endswith(ROWS):
            yield path


def test_a_key_from_the_config_is_not_stored_either(
    made: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)
    monkeypatch.setenv("SOURCES__CHATISLAV__SECONDARY_API_KEY", "chsk_live_other")
    pipeline: dlt.Pipeline = made.pipeline()

    made.sync(api_key=None)

    for secret in (SANDBOX_KEY, "chsk_live_other"):
        assert secret not in caplog.text
        assert secret not in repr(pipeline.last_trace)
        assert [path for path in files(made) if secret.encode() in path.read_bytes()] == []
