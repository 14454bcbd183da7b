"""The tables match the public contract, and every column has a description."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from chatislav_source.records.schema import (
    ANALYTICS,
    CONVERSATIONS,
    DELETED,
    MESSAGES,
    TABLES,
    Table,
    row_version,
    snake_case,
)

CONTRACT = {
    "conversations": """
        bot_id bigint, session_id text, company_id text, created_at timestamp,
        last_activity timestamp, channel text, resolution_status text, human_takeover bool,
        helpful bigint, feedback_comment text, summary json, summary__sentiment text,
        summary__resolution_status text, user_form json, contact__ip_address text,
        contact__phone_number text, message_count bigint, guardrail_flagged bool, extra json,
        synced_at timestamp, _version text, _dlt_load_id text
    """,
    "conversations__messages": """
        bot_id bigint, session_id text, message_index bigint, id text, created_at timestamp,
        role text, content text, extra json, synced_at timestamp, _dlt_load_id text,
        _deleted bool
    """,
    "analytics": """
        bot_id bigint, date date, channel text, timezone text, company_id text, agent_id text,
        is_voice_bot bool, conversations__total bigint, conversations__unique_contacts bigint,
        conversations__new_users bigint, conversations__returning_users bigint,
        conversations__lead_collected_users bigint, conversations__total_messages bigint,
        conversations__assistant_messages bigint, conversations__user_messages bigint,
        conversations__starter_question_turns bigint, conversations__human_takeovers bigint,
        conversations__avg_messages_per_conversation double,
        conversations__median_duration_seconds double,
        conversations__tool_assisted_conversations bigint,
        conversations__guardrail_interventions bigint, conversations__feedback_comments bigint,
        resolutions__confirmed bigint, resolutions__assumed bigint,
        resolutions__unresolved bigint, resolutions__unclear bigint,
        usage__total_credits double, usage__messages_with_credit_usage bigint,
        usage__main_llm double, usage__agent_router double, usage__agent_inner_loop double,
        usage__guardrails double, usage__conversation_summary double,
        usage__followup_questions double, usage__starter_questions double,
        usage__prompt_assistant double, usage__image_features double, usage__other double,
        voice json, extra json, is_final bool, synced_at timestamp, _version text,
        _dlt_load_id text
    """,
}
every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@every_table
def test_columns_are_those_of_the_contract_in_its_order(table: Table) -> None:
    columns = [f"{column.name} {column.data_type}" for column in table.columns]

    assert columns == " ".join(CONTRACT[table.name].split()).split(", ")


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        (CONVERSATIONS, ["bot_id", "session_id"]),
        (MESSAGES, ["bot_id", "session_id"]),
        (ANALYTICS, ["bot_id", "date", "channel", "timezone"]),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else "",
)
def test_keys_identify_a_row_and_are_never_null(table: Table, keys: list[str]) -> None:
    nullable = {field.name: field.nullable for field in table.arrow_schema}

    assert table.keys == keys
    assert [name for name, may_be_null in nullable.items() if not may_be_null] == keys


@every_table
def test_every_table_and_column_has_a_description_that_is_a_sentence(table: Table) -> None:
    meanings = [table.description, *(column.description for column in table.columns)]

    assert [text for text in meanings if not text.endswith(".") or text != text.strip()] == []


@every_table
def test_names_are_normalized_as_dlt_does(table: Table) -> None:
    names = [column.name for column in table.columns if column.name != DELETED]

    assert [name for name in names if not name.replace("_", "a").isalnum()] == []
    assert names == [name.lower() for name in names]
    assert len(set(names)) == len(names)


def test_instants_have_a_zone_and_microseconds() -> None:
    field = CONVERSATIONS.arrow_schema.field("created_at")

    assert field.type == pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("total", "total"),
        ("mainLlm", "main_llm"),
        ("avgMessagesPerConversation", "avg_messages_per_conversation"),
    ],
)
def test_a_documented_name_becomes_snake_case(name: str, column: str) -> None:
    assert snake_case(name) == column


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Belgrade")], ids=str)
def test_a_version_is_16_hex_digits_and_differs_by_content_and_zone(zone: tzinfo) -> None:
    version = row_version(b"one", zone)

    assert len(version) == len(bytes.fromhex(version).hex()) == 16
    assert version == row_version(b"one", zone)
    assert version not in (row_version(b"other", zone), row_version(b"one", ZoneInfo("Asia/Tokyo")))
