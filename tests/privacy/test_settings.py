"""The privacy settings, from dlt's config to the rules of columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatislav_source.configured import sync_config
from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.actions import PROFILES
from chatislav_source.privacy.settings import PrivacySettings
from chatislav_source.records.private.policy import policy_of
from chatislav_source.records.schema import ANALYTICS

SECRET = "a made-up secret of 32 bytes, ok"
OTHER = "another made-up secret, 32 bytes"
SECTION = "SOURCES__CHATISLAV__PRIVACY__"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An API key, which no error may show either."""
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", "chsk_of_api")
    return


def settings_of(privacy: Any = None) -> PrivacySettings:
    """The settings of a sync with this argument."""
    return sync_config("test", bot_ids=[7], privacy=privacy).privacy


@pytest.mark.parametrize(
    ("privacy", "problem"),
    [
        ({"profile": "secret"}, "choose from keep, pseudonymous, minimal"),
        ({"profile": ["keep"]}, "choose from keep"),
        ({"profile": "pseudonymous"}, "contact__ip_address.*has no key"),
        ({"profile": "minimal", "key": "too short"}, "at least 32 bytes"),
        ({"previous_key": SECRET}, "no key"),
        ({"key": SECRET, "columns": {"phone": "hash"}}, "has 'phone'; choose from agent_id"),
        ({"columns": {"user_form.mail": "hash"}}, "hashes user_form.mail, but has no key"),
        ({"columns": {"content": "blur"}}, "choose from keep, scrub, mask, hash, drop"),
        ({"columns": {"content": "mask"}}, "cannot mask content"),
        ({"key": SECRET, "columns": {"human_takeover": "hash"}}, "choose from keep, drop"),
        ({"columns": {"session_id": "drop"}}, "found and merged"),
        ({"columns": {"content.words": "drop"}}, "no JSON column"),
        ({"columns": "drop"}, "columns of .* is a str"),
        ({"profle": "minimal"}, "no setting profle"),
        ("minimal", "privacy is a str"),
    ],
)
def test_what_cannot_be_honoured_is_refused_without_showing_a_key(
    privacy: Any, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        settings_of(privacy)

    assert not any(text in str(refused.value) for text in (SECRET, "too short", "chsk_of_api"))


def test_settings_are_read_from_dlt_and_an_argument_has_priority(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"{SECTION}PROFILE", "pseudonymous")
    monkeypatch.setenv(f"{SECTION}COLUMNS", '{"user_form": "keep"}')
    monkeypatch.setenv(f"{SECTION}KEY", SECRET)

    configured, given = settings_of(), settings_of({"profile": "minimal"})

    assert (configured.profile, configured.columns) == ("pseudonymous", (("user_form", "keep"),))
    assert (given.profile, given.columns) == ("minimal", (("user_form", "keep"),))
    assert configured.keys == given.keys


def test_the_environment_may_have_all_settings_in_one_json_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"{SECTION}KEY", SECRET)
    monkeypatch.setenv(SECTION.strip("_"), '{"profile": "minimal"}')

    assert settings_of().profile == "minimal"
    assert settings_of({"profile": "pseudonymous"}).profile == "pseudonymous"
    monkeypatch.setenv(SECTION.strip("_"), "minimal")
    with pytest.raises(ConfigurationError, match="privacy is a str"):
        settings_of()


def test_a_misspelt_setting_in_the_config_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{SECTION}PROFLE", "minimal")

    with pytest.raises(ConfigurationError, match="no setting profle"):
        settings_of()


def test_no_secret_is_in_the_repr_of_the_config() -> None:
    config = sync_config("test", bot_ids=[7], privacy={"profile": "minimal", "key": SECRET})

    assert not any(text in repr(config) for text in (SECRET, "chsk_of_api"))
    assert repr(config.privacy.secret) not in repr(config)


def test_settings_that_keep_everything_have_no_rules_and_no_id() -> None:
    for privacy in (None, {"profile": "keep", "key": SECRET}, {"columns": {"content": "keep"}}):
        settings = settings_of(privacy)

        assert (settings.id, policy_of(settings).rules) == ("", {})


def test_another_profile_column_or_key_is_another_id() -> None:
    variants = [
        {"profile": "pseudonymous", "key": SECRET},
        {"profile": "pseudonymous", "key": OTHER},
        {"profile": "minimal", "key": SECRET},
        {"profile": "minimal", "key": SECRET, "columns": {"role": "drop"}},
        {"columns": {"role": "drop"}},
    ]

    assert len({settings_of(each).id for each in variants}) == len(variants)


def test_the_version_of_a_row_cannot_be_computed_without_the_key() -> None:
    one, other = (settings_of({"profile": "minimal", "key": key}) for key in (SECRET, OTHER))
    without = settings_of({"columns": {"content": "drop"}})

    sealed = {each.sealed("0123456789abcdef")[:16] for each in (one, other, without)}
    assert len(sealed | {"0123456789abcdef"}) == 4


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "keep"])
def test_the_profiles_leave_totals_alone(profile: str) -> None:
    policy = policy_of(settings_of({"profile": profile, "key": SECRET}))

    assert policy.of(ANALYTICS) == {}
    assert policy.sealing(ANALYTICS)("digest") == "digest"
