"""Analytics are totals of the conversations created in the range, in documented types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sandbox_caller import Caller

from chatislav_source.sandbox import World

DOCUMENTED = {
    "conversations": [
        "total",
        "uniqueContacts",
        "newUsers",
        "returningUsers",
        "leadCollectedUsers",
        "totalMessages",
        "assistantMessages",
        "userMessages",
        "starterQuestionTurns",
        "humanTakeovers",
        "avgMessagesPerConversation",
        "medianDurationSeconds",
        "toolAssistedConversations",
        "guardrailInterventions",
        "feedbackComments",
    ],
    "resolutions": ["confirmed", "assumed", "unresolved", "unclear"],
    "usage": [
        "totalCredits",
        "messagesWithCreditUsage",
        "mainLlm",
        "agentRouter",
        "agentInnerLoop",
        "guardrails",
        "conversationSummary",
        "followupQuestions",
        "starterQuestions",
        "promptAssistant",
        "imageFeatures",
        "other",
    ],
}
ALL_DAYS = {"from_": "2026-06-01", "to": "2026-06-30"}


def totals(call: Caller, bot_id: int = 101, **fields: Any) -> dict[str, Any]:
    answer = call.post("/analytics", bot_id=bot_id, **(ALL_DAYS | fields)).raise_for_status()
    return dict(answer.json()["analytics"])


def test_every_documented_metric_is_there_as_a_number(call: Caller) -> None:
    analytics = totals(call)

    assert {group: list(analytics[group]) for group in DOCUMENTED} == DOCUMENTED
    values = [value for group in DOCUMENTED for value in analytics[group].values()]
    assert all(type(value) in (int, float) for value in values)


def test_an_empty_range_has_all_metrics_too(call: Caller) -> None:
    analytics = totals(call, from_="2020-01-01", to="2020-01-01")

    assert all(value == 0 for group in DOCUMENTED for value in analytics[group].values())


def test_the_envelope_echoes_the_request(call: Caller) -> None:
    answer = call.post("/analytics", bot_id=101, **ALL_DAYS).json()

    del answer["analytics"]
    assert answer == {
        "schema": "chatislav_v1",
        "botId": 101,
        "companyId": "101",
        "agentId": "101",
        "from": "2026-06-01",
        "to": "2026-06-30",
    }


@pytest.mark.parametrize(("wrong", "key"), [("from", "from"), ("to", "to"), ("bot_id", "botId")])
def test_the_echo_can_be_wrong(call: Caller, wrong: str, key: str) -> None:
    right = call.post("/analytics", bot_id=101, **ALL_DAYS).json()
    call.api.configure(analytics_echo_wrong=wrong)

    answer = call.post("/analytics", bot_id=101, **ALL_DAYS).json()

    assert [name for name in right if right[name] != answer[name]] == [key]


def test_totals_are_those_of_the_conversations(call: Caller, world: World) -> None:
    rows = world.conversations(101)
    roles = [message["role"] for row in rows for message in row["messages"]]

    analytics = totals(call)

    conversations = analytics["conversations"]
    assert conversations["total"] == len(rows)
    assert conversations["totalMessages"] == len(roles)
    assert conversations["userMessages"] == roles.count("user")
    assert conversations["assistantMessages"] == roles.count("assistant")
    assert conversations["humanTakeovers"] == sum(row["humanTakeover"] for row in rows)
    assert conversations["feedbackComments"] == sum(r["feedbackComment"] is not None for r in rows)
    unique = conversations["newUsers"] + conversations["returningUsers"]
    assert conversations["uniqueContacts"] == unique
    assert sum(analytics["resolutions"].values()) == len(rows)


def test_a_conversation_that_was_put_counts_like_a_generated_one(
    call: Caller, world: World
) -> None:
    before = totals(call)
    for row in world.conversations(101):
        world.put(101, row)

    after = totals(call)

    for metric in ("total", "totalMessages", "userMessages", "assistantMessages"):
        assert after["conversations"][metric] == before["conversations"][metric]
    assert after["resolutions"] == before["resolutions"]


def test_days_add_up_to_the_range(call: Caller) -> None:
    days = [f"2026-06-{day:02d}" for day in range(1, 31)]

    by_day = [totals(call, from_=day, to=day)["conversations"]["total"] for day in days]

    assert sum(by_day) == totals(call)["conversations"]["total"] == 60


def test_channels_add_up_to_all(call: Caller) -> None:
    channels = [
        "widget",
        "whatsapp",
        "facebook",
        "instagram",
        "viber",
        "telegram",
        "outlook",
        "zendesk",
    ]

    by_channel = [totals(call, channel=name)["conversations"]["total"] for name in channels]

    assert sum(by_channel) == 60
    assert by_channel[0] > by_channel[-1]


def test_a_day_is_one_of_the_timezone(call: Caller, world: World) -> None:
    began = datetime(2026, 7, 10, 22, 30, tzinfo=UTC)
    world.put(101, world.conversations(101)[0] | {"sessionId": "late", "createdAt": began})
    next_day = {"from_": "2026-07-11", "to": "2026-07-11"}

    assert totals(call, **next_day)["conversations"]["total"] == 0
    in_belgrade = totals(call, **next_day, timezone="Europe/Belgrade")
    assert in_belgrade["conversations"]["total"] == 1


def test_totals_change_with_the_conversations(call: Caller, world: World) -> None:
    before = totals(call)
    row = next(row for row in world.conversations(101) if row["resolutionStatus"] == "unresolved")

    world.change(101, row["sessionId"], resolutionStatus="resolved", helpful=1)
    world.add_message(101, row["sessionId"], role="assistant")
    after = totals(call)

    assert after["resolutions"]["confirmed"] == before["resolutions"]["confirmed"] + 1
    assert after["resolutions"]["unresolved"] == before["resolutions"]["unresolved"] - 1
    assert after["usage"]["totalCredits"] > before["usage"]["totalCredits"]


def test_durations_are_in_seconds(call: Caller, world: World) -> None:
    began = datetime(2026, 8, 1, tzinfo=UTC)
    for number, seconds in enumerate((10, 20, 90)):
        dates = {"createdAt": began, "lastActivity": began + timedelta(seconds=seconds)}
        world.put(101, world.conversations(101)[0] | {"sessionId": str(number)} | dates)

    day = totals(call, from_="2026-08-01", to="2026-08-01")

    assert day["conversations"]["medianDurationSeconds"] == 20


def test_only_the_last_bot_is_a_voice_bot(call: Caller) -> None:
    plain, voice = totals(call, 101), totals(call, 102)

    assert (plain["isVoiceBot"], plain["voice"]) == (False, None)
    assert voice["isVoiceBot"] is True
    assert voice["voice"]["conversations"]["total"] == 60


@pytest.mark.parametrize("kind", ["new", "changing_types", "colliding"])
def test_unknown_metrics_appear_beside_the_documented_ones(call: Caller, kind: str) -> None:
    plain = totals(call)
    call.api.configure(extra_fields=kind)

    extended = totals(call)

    for group in DOCUMENTED:
        assert set(extended[group]) > set(plain[group])
        assert plain[group].items() <= extended[group].items()
