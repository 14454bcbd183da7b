"""Leaves out what was erased, or is older than `retention_days`, before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import compress

import pyarrow.compute as pc

from chatislav_source.privacy.erasure import SESSION, Erased, Identity, stored_hash, texts_in
from chatislav_source.privacy.hashing import Kind
from chatislav_source.records.record_batch import RecordBatch, kept_rows
from chatislav_source.records.rejected.record import RejectedRecord
from chatislav_source.records.schema import DELETED
from chatislav_source.runner.erasure.aged import is_aged_record, without_aged
from chatislav_source.runner.erasure.table import Forgotten

COLUMN_OF: dict[Kind, str] = {"phone": "contact__phone_number", "ip": "contact__ip_address"}
"""The column of a conversation that has a value of this kind."""

DOCUMENTS = ("user_form", "extra", "summary")
"""The JSON columns of a conversation, in which any value may be one of a person."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LeftOut:
    """Leaves out conversations of erased persons, and those last active before `kept_from`.

    `new` are those of erased persons that are not in the table `forgotten`. `aged` are bots whose
    tables have conversations from before `kept_from`; `unnoted` those of them whose stored state
    does not say yet that they are deleted.
    """

    def __init__(
        self,
        erased: Erased | None,
        kept_from: date | None = None,
        zone: tzinfo = UTC,
        aged: Iterable[int] = (),
    ) -> None:
        self.new: dict[tuple[str, int], Forgotten] = {}
        self.aged = set(aged)
        self.unnoted = set(aged)
        self._erased = erased
        self._kept_from = kept_from
        self._zone = zone

    def kept_rejected(
        self, bot_id: int, records: Sequence[RejectedRecord]
    ) -> Sequence[RejectedRecord]:
        """The records of `records`, all of `bot_id`, that are of nobody erased and not too old."""
        erased, kept_from = self._erased, self._kept_from
        if kept_from is not None:
            records = [
                each
                for each in records
                if not is_aged_record(each.raw, kept_from, self._zone, seen_at=None)
            ]
        if erased is None:
            return records
        return [each for each in records if not is_rejected(erased, bot_id, each)]

    def kept(self, batch: RecordBatch) -> RecordBatch:
        """The rows of `batch` that are of nobody erased and not too old."""
        erased = self._erased
        if self._kept_from is not None and batch.session_ids:
            batch = without_aged(batch, self._kept_from)
        if erased is None or not batch.session_ids:
            return batch
        bot_id = batch.bot_id
        sessions = [erased.has_session(bot_id, each) for each in batch.session_ids]
        persons = list(_persons(erased, batch)) if erased.kinds else [False] * len(sessions)
        is_left_out = [any(each) for each in zip(sessions, persons, strict=True)]
        for row in compress(range(len(is_left_out)), is_left_out):
            self._note(erased, bot_id, batch, row)
        return kept_rows(batch, [not each for each in is_left_out]) if any(is_left_out) else batch

    def _note(self, erased: Erased, bot_id: int, batch: RecordBatch, row: int) -> None:
        """Note a conversation, which `verify` then does not miss."""
        value_hash = stored_hash(erased.keys, Identity(SESSION, batch.session_ids[row]))
        if (SESSION, bot_id, value_hash) in erased.hashes:
            return
        times = [each for each in (batch.created[row], batch.active[row]) if each is not None]
        days = [(EPOCH + timedelta(microseconds=each)).date() for each in times]
        is_of_row = pc.and_(pc.equal(batch.parents, row), pc.is_null(batch.messages[DELETED]))
        new = Forgotten(
            value_hash,
            bot_id,
            SESSION,
            datetime.now(UTC),
            min(days, default=None),
            max(days, default=None),
            conversations=1,
            messages=int(pc.sum(is_of_row).as_py() or 0),
        )
        self.new[new.key] = new


def _persons(erased: Erased, batch: RecordBatch) -> Iterator[bool]:
    """For each conversation, whether it is of an erased person."""
    table = batch.conversations
    kinds: list[Kind] = [kind for kind in COLUMN_OF if kind in erased.kinds]
    contacts = [table[COLUMN_OF[kind]].to_pylist() for kind in kinds]
    documents = [table[name].to_pylist() for name in DOCUMENTS]
    for row in range(table.num_rows):
        yield is_person(
            erased,
            {kind: values[row] for kind, values in zip(kinds, contacts, strict=True)},
            [values[row] for values in documents],
        )


def is_person(
    erased: Erased, contact: dict[Kind, str | None], documents: list[object | None]
) -> bool:
    """Whether the contact of a conversation, or a value in one of its documents, was erased."""
    if any(erased.has(kind, value) for kind, value in contact.items()):
        return True
    return any(erased.has_any(texts_in(each)) for each in documents if each is not None)


def is_rejected(erased: Erased, bot_id: int, record: RejectedRecord) -> bool:
    """Whether a record that cannot be loaded is of an erased person or conversation."""
    return is_raw(erased, bot_id, record.key.get("session_id"), record.raw)


def is_raw(erased: Erased, bot_id: int, session_id: str | None, raw: object) -> bool:
    """Whether a record as the API sent it is of an erased person or conversation."""
    texts = list(texts_in(raw))
    sessions = [session_id, *texts] if session_id else texts
    return erased.has_any(texts) or any(erased.has_session(bot_id, each) for each in sessions)
