"""Records as no client can load them: without an id, of another bot, too deep, or no JSON."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from chatislav_source.sandbox.rendering.json_bytes import json_bytes

DEEP = b"[" * 1100 + b"]" * 1100
END = b"}"


def _with_field(name: str, value: object) -> Callable[[bytes], bytes]:
    """The record with a field that is changed."""
    return lambda body: json_bytes(orjson.loads(body) | {name: value})


def _without_id(body: bytes) -> bytes:
    row = orjson.loads(body)
    del row["sessionId"]
    return json_bytes(row)


def _other_bot(body: bytes) -> bytes:
    row = orjson.loads(body)
    return json_bytes(row | {"botId": row["botId"] + 1})


def _ending_in(field: bytes) -> Callable[[bytes], bytes]:
    """The record with one more field at its end, as text of JSON."""
    return lambda body: body.removesuffix(END) + b"," + field + END


_BAD: dict[str, Callable[[bytes], bytes]] = {
    "no_id": _without_id,
    "null_id": _with_field("sessionId", None),
    "empty_id": _with_field("sessionId", ""),
    "object_id": _with_field("sessionId", {"id": 1}),
    "other_bot": _other_bot,
    "too_deep": _ending_in(b'"deep":' + DEEP),
    "no_json": _ending_in(b'"broken":'),
    "no_utf8": _ending_in(b'"latin1":"\xe8"'),
    "no_object": lambda body: json_bytes(body.decode()),
    "null": lambda _: b"null",
}

BAD_RECORDS = tuple(_BAD)


def bad_record(kind: str, body: bytes) -> bytes:
    """The JSON of a conversation as a bad record of this kind."""
    return _BAD[kind](body)


def too_deep_analytics(body: bytes) -> bytes:
    """The JSON of a response with analytics that is nested too deep."""
    return _BAD["too_deep"](body)
