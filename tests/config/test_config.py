"""The checks of the arguments; each error names the argument."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.config import Arguments, SyncConfig, checked, day_of
from chatislav_source.errors import ChatislavError, ConfigurationError

KEY = "chsk_live_the_first_key"
OTHER_KEY = "chsk_live_the_other_key"
NOW = datetime(2026, 6, 23, 12, tzinfo=UTC)
GIVEN: dict[str, Any] = {"bot_ids": [123], "api_key": KEY, "now": NOW}


def config_of(**changed: Any) -> SyncConfig:
    """The configuration from valid arguments, with changes."""
    return checked(**GIVEN | changed)


def test_defaults_are_those_of_the_contract() -> None:
    plain = config_of()

    assert plain.start_date == date(2026, 3, 25)  # 90 days before today
    assert (plain.start_date_given, plain.end_date, plain.is_backfill) == (False, None, False)
    assert plain.keys == (KEY,)
    assert plain.api_zone is UTC
    assert (plain.base_url, plain.timezone) == ("https://chatislav.ai/api/v1", None)
    assert (plain.lookback_days, plain.analytics_lookback_days) == (None, 7)
    assert (plain.analytics_channels, plain.max_concurrency) == (("all",), 8)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        pytest.param("bot_ids", [], "--bot-id 123", id="no bot"),
        pytest.param("bot_ids", None, "--bot-id 123", id="bots not given"),
        pytest.param("bot_ids", "123", "a list", id="bots as text"),
        pytest.param("bot_ids", {"a": 1}, "a list", id="bots as object"),
        pytest.param("bot_ids", ["123"], "whole numbers", id="bot id as text"),
        pytest.param("bot_ids", [1.5], "whole numbers", id="bot id as float"),
        pytest.param("bot_ids", [True], "whole numbers", id="bot id true"),
        pytest.param("bot_ids", [0], "whole numbers", id="bot id zero"),
        pytest.param("bot_ids", [-1], "whole numbers", id="bot id negative"),
        pytest.param("bot_ids", [2**63], "whole numbers", id="bot id beyond a bigint"),
        pytest.param("bot_ids", [[1]], "whole numbers", id="bot id as list"),
        pytest.param("base_url", "chatislav.ai/api/v1", "http", id="address without scheme"),
        pytest.param("base_url", "ftp://chatislav.ai", "http", id="another scheme"),
        pytest.param("base_url", "https://", "http", id="address without host"),
        pytest.param("base_url", "https://[::1", "http", id="incomplete IPv6 address"),
        pytest.param("base_url", "https://a:99999", "http", id="port too high"),
        pytest.param("base_url", "https://a:x", "http", id="port not a number"),
        pytest.param("base_url", "https://a b/api", "http", id="address with a space"),
        pytest.param("base_url", "https://a\n/api", "http", id="address with a newline"),
        pytest.param("base_url", "https://a/api?x=1", "query", id="address with a query"),
        pytest.param("base_url", "https://a/api#x", "fragment", id="address with a fragment"),
        pytest.param("base_url", None, "http", id="no address"),
        pytest.param("base_url", 5, "http", id="address as number"),
        pytest.param("start_date", "01.06.2026", "2026-06-01", id="another date format"),
        pytest.param("start_date", "2026-02-30", "2026-06-01", id="no such day"),
        pytest.param("start_date", "yesterday", "2026-06-01", id="date in words"),
        pytest.param("start_date", "2026-06-01T10:00:00", "2026-06-01", id="date with a time"),
        pytest.param("start_date", "2026-06", "2026-06-01", id="a month"),
        pytest.param("start_date", "2026", "2026-06-01", id="a year"),
        pytest.param("start_date", "2026-W23", "2026-06-01", id="a week"),
        pytest.param("start_date", "now", "2026-06-01", id="now"),
        pytest.param("start_date", 20260601, "2026-06-01", id="date as number"),
        pytest.param("start_date", "2026-06-25", "today", id="start in the future"),
        pytest.param("start_date", "0026-06-01", "between", id="start too early"),
        pytest.param("end_date", "2026-06-32", "2026-06-01", id="no such end"),
        pytest.param("end_date", "2026-06-01", "start_date", id="end without start"),
        pytest.param("timezone", "Europe/Belgrad", "Europe/Belgrade", id="unknown zone"),
        pytest.param("timezone", "", "Europe/Belgrade", id="empty zone"),
        pytest.param("timezone", 2, "Europe/Belgrade", id="zone as number"),
        pytest.param("timezone", "Europe", "Europe/Belgrade", id="a folder of zones"),
        pytest.param("timezone", "../../etc/passwd", "Europe/Belgrade", id="a path"),
        pytest.param("timezone", "a\0b", "Europe/Belgrade", id="a zone with NUL"),
        pytest.param("api_timezone", "+02:00", "Europe/Belgrade", id="an offset"),
        pytest.param("lookback_days", -1, "whole number from 0", id="lookback negative"),
        pytest.param("lookback_days", 1.5, "whole number from 0", id="lookback as float"),
        pytest.param("lookback_days", "7", "whole number from 0", id="lookback as text"),
        pytest.param("lookback_days", 10**9, "to 3650", id="lookback too long"),
        pytest.param("analytics_lookback_days", None, "whole number from 0", id="no lookback"),
        pytest.param("analytics_lookback_days", True, "whole number from 0", id="lookback true"),
        pytest.param("analytics_channels", ["sms"], "widget", id="unknown channel"),
        pytest.param("analytics_channels", ["Widget"], "widget", id="channel in capitals"),
        pytest.param("analytics_channels", [], "widget", id="no channel"),
        pytest.param("analytics_channels", [["all"]], "widget", id="channel as list"),
        pytest.param("analytics_channels", 5, "widget", id="channel as number"),
        pytest.param("analytics_periods", ["year"], "quarter", id="unknown period"),
        pytest.param("analytics_periods", False, "quarter", id="periods as flag"),
        pytest.param("guardrail_flags", "yes", "true or false", id="flags as text"),
        pytest.param("history", "yes", "true or false", id="history as text"),
        pytest.param("max_concurrency", 0, "from 1", id="concurrency zero"),
        pytest.param("max_concurrency", 1000, "to 64", id="concurrency too large"),
        pytest.param("max_concurrency", "8", "from 1", id="concurrency as text"),
        pytest.param("requests_per_second", 0, "above 0", id="rate zero"),
        pytest.param("requests_per_second", float("nan"), "above 0", id="rate not a number"),
        pytest.param("requests_per_second", True, "above 0", id="rate true"),
        pytest.param("requests_per_second", "5", "above 0", id="rate as text"),
        pytest.param("retention_days", 0, "whole number from 1", id="retention of no day"),
        pytest.param("retention_days", -30, "whole number from 1", id="retention negative"),
        pytest.param("retention_days", "30 days", "whole number from 1", id="retention as text"),
        pytest.param("retention_days", 10**9, "to 36500", id="retention too long"),
    ],
)
def test_the_error_for_an_unusable_value_names_it_and_a_usable_value(
    name: str, value: Any, text: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config_of(**{name: value})

    assert name in str(raised.value)
    assert text in str(raised.value)
    assert KEY not in str(raised.value)


def test_the_error_for_an_end_before_the_start_names_both() -> None:
    with pytest.raises(ConfigurationError, match="end_date 2026-05-31 is before start_date 2026-0"):
        config_of(start_date="2026-06-01", end_date="2026-05-31")


@pytest.mark.parametrize("key", [None, "", "   ", "\n"])
@pytest.mark.parametrize("second", [None, OTHER_KEY])
def test_the_error_for_a_missing_key_names_where_to_set_it(
    key: str | None, second: str | None
) -> None:
    with pytest.raises(ConfigurationError, match="SOURCES__CHATISLAV__API_KEY"):
        config_of(api_key=key, secondary_api_key=second)


@pytest.mark.parametrize("name", ["api_key", "secondary_api_key"])
@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\nb", "a\0b", 12345678, ["secret"]])
def test_an_invalid_key_is_rejected_and_not_shown(name: str, key: Any) -> None:
    with pytest.raises(ConfigurationError, match=name) as raised:
        config_of(**{name: key})

    assert str(key) not in str(raised.value)


def test_a_password_in_the_base_url_is_rejected_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="base_url") as raised:
        config_of(base_url="https://ana:tajna@chatislav.ai/api/v1")

    assert "tajna" not in str(raised.value)


def test_a_password_in_an_invalid_base_url_is_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="base_url") as raised:
        config_of(base_url="https://ana:tajna@chatislav.ai:port/api/v1")

    assert "tajna" not in str(raised.value)


def test_keys_are_not_in_a_repr() -> None:
    both = config_of(secondary_api_key=OTHER_KEY)

    assert KEY not in repr(both)
    assert OTHER_KEY not in repr(both)
    assert both.keys == (KEY, OTHER_KEY)


def test_keys_are_trimmed_and_the_same_key_twice_is_one() -> None:
    assert config_of(api_key=f" {KEY}\n", secondary_api_key=KEY).keys == (KEY,)


def test_repeated_bots_and_channels_are_read_once() -> None:
    both = config_of(bot_ids=[7, 5, 7], analytics_channels=("viber", "all", "viber"))

    assert both.bot_ids == (7, 5)
    assert both.analytics_channels == ("viber", "all")


def test_one_bot_and_one_channel_need_no_list() -> None:
    both = config_of(bot_ids=7, analytics_channels="viber")

    assert (both.bot_ids, both.analytics_channels) == ((7,), ("viber",))


def test_every_documented_channel_is_accepted() -> None:
    documented = [
        "all",
        "widget",
        "whatsapp",
        "facebook",
        "instagram",
        "viber",
        "telegram",
        "outlook",
        "zendesk",
    ]

    assert config_of(analytics_channels=documented).analytics_channels == tuple(documented)


def test_a_slash_at_the_end_of_the_base_url_is_ignored() -> None:
    assert config_of(base_url="http://127.0.0.1:8000/api/v1/").base_url.endswith(":8000/api/v1")


def test_start_and_end_make_a_backfill_with_both_days() -> None:
    backfill = config_of(start_date="2026-06-01", end_date=date(2026, 6, 1))

    assert backfill.is_backfill
    assert backfill.backfill_range == "2026-06-01/2026-06-01"


def test_a_backfill_may_end_in_the_future() -> None:
    assert config_of(start_date="2026-06-01", end_date="2026-12-31").end_date == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("zone", "today"),
    [("UTC", "2026-06-23"), ("Pacific/Kiritimati", "2026-06-24"), ("Pacific/Pago_Pago", None)],
)
def test_today_is_the_day_in_the_zone_of_the_analytics(zone: str, today: str | None) -> None:
    late = config_of(timezone=zone, now=datetime(2026, 6, 23, 10, 30, tzinfo=UTC))

    assert str(late.today) == (today or "2026-06-22")


def test_now_is_kept_in_utc() -> None:
    plus_two = timezone(timedelta(hours=2))

    noon = config_of(now=datetime(2026, 6, 23, 12, tzinfo=plus_two)).now

    assert (noon.hour, noon.tzinfo) == (10, UTC)


@pytest.mark.parametrize(
    "value", [date(2026, 6, 1), datetime(2026, 6, 1, 23, 59), "2026-06-01", "20260601"]
)
def test_a_day_can_be_given_as_date_date_time_or_text(value: Any) -> None:
    day = day_of("start_date", value)

    assert (type(day), day) == (date, date(2026, 6, 1))


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.lists(st.integers() | st.text(), max_size=3)
    | st.dictionaries(st.text(), st.integers(), max_size=2)
)


@given(st.sampled_from(sorted(Arguments.__annotations__)), ANYTHING)
def test_any_value_is_accepted_or_a_configuration_error(name: str, value: Any) -> None:
    try:
        result: SyncConfig | ChatislavError = config_of(**{name: value})
    except ConfigurationError as error:
        result = error

    assert isinstance(result, SyncConfig | ConfigurationError)
    if isinstance(result, SyncConfig):
        assert_usable(result.bot_ids, result.start_date, result.end_date)


def assert_usable(bot_ids: Sequence[int], start: date, end: date | None) -> None:
    """Check that no later step can overflow or be empty."""
    assert bot_ids
    assert start - timedelta(days=5000)
    assert end is None or start <= end
