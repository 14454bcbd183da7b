"""Parses the messages of decoded conversations from raw JSON to Arrow columns.

Arrow parses them in its own threads if every column of the schema is a top-level field and none is
a JSON column, as its reader has no type for JSON text. Otherwise msgspec parses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import accumulate, chain

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as json
from msgspec import Raw, Struct

from chatislav_source.records.columns import instants
from chatislav_source.records.schema import EXACT_IN_DOUBLE, MESSAGES, DataType
from chatislav_source.records.structs import ObjectColumns, struct_of

READER_TYPES: dict[DataType, pa.DataType] = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "timestamp": pa.string(),
    "bool": pa.bool_(),
    "double": pa.float64(),
}
"""The type that Arrow's reader uses for a column."""

COLUMNS = MESSAGES.json_paths
CAN_USE_ARROW = all(
    len(path) == 1 and column.data_type in READER_TYPES for path, column in COLUMNS.items()
)
LINE_START, LINE_END = b'{"messages":', b"}\n"
BETWEEN_LINES = LINE_END + LINE_START
BLOCK_BYTES = 1024 * 1024  # of JSON that one of Arrow's threads parses at a time


@dataclass(frozen=True)
class Messages:
    """Messages of several conversations: a list for each in `lists`, their values in `columns`."""

    lists: pa.ListArray
    columns: dict[str, pa.Array]


class ArrowReader:
    """Reads messages with Arrow's reader of JSON lines."""

    def __init__(self) -> None:
        types = [(path[-1], READER_TYPES[column.data_type]) for path, column in COLUMNS.items()]
        self._type = pa.list_(pa.struct(types))
        self._as_documented = json.ParseOptions(
            explicit_schema=pa.schema([("messages", self._type)]),
            unexpected_field_behavior="error",
        )

    def read(self, texts: Sequence[Raw], longest: int) -> Messages:
        """See `read_messages`."""
        lists = self._lists(texts, longest) if texts else pa.array([], self._type)
        if len(lists) != len(texts) or lists.null_count or lists.values.null_count:
            raise ValueError("messages that are missing or null")
        values = zip(COLUMNS.values(), lists.values.flatten(), strict=True)
        return Messages(lists, {c.name: _as_column(read, c.data_type) for c, read in values})

    def _lists(self, texts: Sequence[Raw], longest: int) -> pa.ListArray:
        # an empty text at each end adds the separators there without another copy
        joined = BETWEEN_LINES.join([b"", *texts, b""])
        lines = pa.py_buffer(joined)[len(LINE_END) : -len(LINE_START)]
        options = json.ReadOptions(block_size=max(BLOCK_BYTES, longest))
        read = json.read_json(pa.BufferReader(lines), options, self._as_documented)
        return read["messages"].combine_chunks()


def _as_column(read: pa.Array, data_type: DataType) -> pa.Array:
    if data_type == "timestamp":
        return instants(read, UTC)
    if data_type == "double":
        largest = pc.max(pc.abs(read)).as_py()
        if largest is not None and largest >= EXACT_IN_DOUBLE:
            raise ValueError("a double that may be an integer with lost digits")
    return read


class StructReader:
    """Reads messages with msgspec, which keeps JSON columns as text and decodes nested objects."""

    def __init__(self) -> None:
        message: type[Struct] = struct_of(COLUMNS)
        self._decoder = msgspec.json.Decoder(list[list[message]])  # type: ignore[valid-type]
        self._columns = ObjectColumns(COLUMNS)

    def read(self, texts: Sequence[Raw], longest: int) -> Messages:
        """See `read_messages`."""
        del longest  # msgspec does not parse in blocks
        lists = self._decoder.decode(b"[" + b",".join(texts) + b"]")
        messages = list(chain.from_iterable(lists))
        offsets = pa.array(list(accumulate(map(len, lists), initial=0)), pa.int32())
        places = pa.ListArray.from_arrays(offsets, pa.nulls(len(messages)))
        return Messages(places, self._columns.arrays(messages))


READER = ArrowReader() if CAN_USE_ARROW else StructReader()


def read_messages(texts: Sequence[Raw], longest: int) -> Messages:
    """The messages of each conversation, given as JSON lists of at most `longest` bytes.

    Raises:
        msgspec.MsgspecError, ValueError, OverflowError: they are not as documented.
    """
    return READER.read(texts, longest)
