"""Every value of a day is stored: in its column, or in `extra` under the API's name."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.records.schema import ANALYTICS
from chatislav_source.records.tolerant_rows import (
    DayTotals,
    analytics_rows,
)
from tests.json_values import ANY_JSON
from tests.records.examples import (
    DOCUMENTED_DAY,
    OWN_DAY,
    READ_AT,
    day,
    extra,
)
from tests.records.lost import PLAUSIBLE, as_sent, lost_of


def test_every_documented_metric_is_in_its_column() -> None:
    row = day(DOCUMENTED_DAY)

    metrics = {name: value for name, value in row.items() if "__" in name}
    sent: dict[str, Any] = DOCUMENTED_DAY["analytics"]
    groups = ("conversations", "resolutions", "usage")
    assert list(metrics.values()) == [value for name in groups for value in sent[name].values()]
    assert {name: value for name, value in row.items() if "__" not in name} == {
        **OWN_DAY,
        "company_id": "123",
        "agent_id": "124",
        "is_voice_bot": False,
        "voice": None,
        "extra": None,
        "synced_at": READ_AT,
        "_dlt_load_id": None,
    }


@pytest.mark.parametrize(
    "totals",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"conversations": None, "usage": None, "voice": None}, id="nulls"),
        pytest.param({"conversations": {}, "resolutions": {}}, id="empty groups"),
    ],
)
def test_a_day_without_groups_has_nulls(totals: dict[str, Any]) -> None:
    row = day({"botId": 123, "analytics": totals})

    assert {value for name, value in row.items() if "__" in name} == {None}
    assert row["extra"] is None


def test_unknown_and_misshapen_totals_are_kept_under_their_own_names() -> None:
    row = day(
        {
            "schema": "chatislav_v2",
            "region": "eu",
            "analytics": {
                "newGroup": {"a": 1},
                "conversations": {"total": "many", "uniqueContacts": 3, "newMetric": 4},
                "resolutions": [1, 2],
                "usage": {"mainLlm": 2**53 + 1},
                "isVoiceBot": "no",
            },
        }
    )

    assert extra(row) == {
        "schema": "chatislav_v2",
        "region": "eu",
        "analytics": {
            "newGroup": {"a": 1},
            "conversations": {"total": "many", "newMetric": 4},
            "resolutions": [1, 2],
            "usage": {"mainLlm": 2**53 + 1},
            "isVoiceBot": "no",
        },
    }
    assert row["conversations__unique_contacts"] == 3


def test_voice_totals_are_stored_as_they_were_sent() -> None:
    row = day({"analytics": {"isVoiceBot": True, "voice": {"minutes": 1.5, "calls": [1]}}})

    assert json.loads(row["voice"]) == {"minutes": 1.5, "calls": [1]}
    assert row["is_voice_bot"] is True


TOTALS = st.fixed_dictionaries(
    {},
    optional={
        "isVoiceBot": PLAUSIBLE | ANY_JSON,
        "conversations": st.dictionaries(
            st.sampled_from(["total", "avgMessagesPerConversation", "new"]), PLAUSIBLE | ANY_JSON
        )
        | ANY_JSON,
        "usage": st.dictionaries(st.sampled_from(["mainLlm", "other"]), ANY_JSON) | ANY_JSON,
        "voice": ANY_JSON,
        "new": ANY_JSON,
    },
)


@given(TOTALS, st.dictionaries(st.sampled_from(["companyId", "agentId", "new"]), ANY_JSON))
def test_any_totals_make_exactly_one_row_without_loss(
    totals: dict[str, Any], envelope: dict[str, Any]
) -> None:
    response = as_sent({**envelope, "botId": 123, "analytics": totals})
    before = deepcopy(response)

    table = analytics_rows([DayTotals(response, OWN_DAY, READ_AT)])

    assert (table.num_rows, table.schema) == (1, ANALYTICS.arrow_schema)
    assert lost_of(response, table.to_pylist()[0], ANALYTICS, {"botId"}) == {}
    assert repr(response) == repr(before)


RESPONSES = st.fixed_dictionaries(
    {"botId": st.just(123), "analytics": TOTALS}, optional={"companyId": ANY_JSON, "new": ANY_JSON}
)


@given(st.lists(st.tuples(RESPONSES, st.datetimes(timezones=st.just(UTC))), max_size=4))
def test_days_make_the_same_rows_together_as_each_alone(
    read: list[tuple[dict[str, Any], datetime]],
) -> None:
    days = [DayTotals(as_sent(response), OWN_DAY, read_at) for response, read_at in read]

    together = analytics_rows(days)

    assert together.schema == ANALYTICS.arrow_schema
    alone = [row for each in days for row in analytics_rows([each]).to_pylist()]
    assert repr(together.to_pylist()) == repr(alone)
