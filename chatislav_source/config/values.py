"""The checks of single values, each of which names its argument and a value that is usable.

All raise `ConfigurationError`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from chatislav_source.config.arguments import BASE_URL
from chatislav_source.errors import ConfigurationError

MAX_LOOKBACK_DAYS = 3650  # days; longer than the history of the API
MAX_RETENTION_DAYS = 36_500  # a century; some laws ask for ten years and more
MAX_BOT_ID = 2**63 - 1  # the largest value of a bigint column


def bot_ids(value: Any) -> tuple[int, ...]:
    """Whole numbers above 0, each once; one number is a list of one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple) or not value:
        raise ConfigurationError(
            f"bot_ids is {'a ' + type(value).__name__ if value else 'empty'}; give a list of the "
            "ids of the AI agents, as --bot-id 123, bot_ids=[123] or "
            "SOURCES__CHATISLAV__BOT_IDS='[123]'."
        )
    for bot_id in value:
        is_whole = isinstance(bot_id, int) and not isinstance(bot_id, bool)
        if not is_whole or not 0 < bot_id <= MAX_BOT_ID:
            raise ConfigurationError(f"bot_ids has {bot_id!r}; ids are whole numbers like 123.")
    return tuple(dict.fromkeys(value))


def keys(api_key: Any, secondary_api_key: Any) -> tuple[str, ...]:
    """The keys in the order in which they are used; the second may be missing."""
    first, second = _key("api_key", api_key), _key("secondary_api_key", secondary_api_key)
    if not first:
        raise ConfigurationError(
            "There is no API key. Create one in Chatislav under Profile > External API, then set "
            "SOURCES__CHATISLAV__API_KEY or api_key in .dlt/secrets.toml under [sources.chatislav]."
        )
    return tuple(dict.fromkeys(filter(None, (first, second))))


def _key(name: str, value: Any) -> str:
    key = value.strip() if isinstance(value, str) else value
    if not key:
        return ""
    if not (isinstance(key, str) and key.isascii() and key.isprintable() and " " not in key):
        raise ConfigurationError(
            f"{name} is not text, or has spaces or characters that no key has; copy it again "
            "(it is not shown)."
        )
    return key


def base_url(value: Any) -> str:
    """An http(s) address without a slash at its end."""
    url = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # an incomplete IPv6 address, or a port above 65535
        is_address = False
    if not is_address or not url.isprintable() or " " in url:
        shown = "(not shown)" if "@" in str(value) else repr(value)  # it may contain a password
        raise ConfigurationError(f"base_url {shown} is not an http(s) address like {BASE_URL}.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "base_url contains a password, a query or a fragment, which the API does not use; "
            f"write only the address, like {BASE_URL}."
        )
    return url.rstrip("/")


def days(name: str, value: Any) -> int:
    """A number of days, from 0."""
    return whole(name, value, 0, MAX_LOOKBACK_DAYS)


def retention_days(value: Any) -> int | None:
    """A number of days, from 1; None: rows are kept for good."""
    return None if value is None else whole("retention_days", value, 1, MAX_RETENTION_DAYS)


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not low <= value <= high:
        raise ConfigurationError(f"{name} is {value!r}; give a whole number from {low} to {high}.")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """True or false; None is false."""
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"{name} is {value!r}; give true or false.")
    return bool(value)


def rate(value: Any) -> float | None:
    """A number above 0; None: no limit."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ConfigurationError(f"requests_per_second is {value!r}; give a number above 0.")
    return float(value)


def names(name: str, given: Any, known: tuple[str, ...], at_least: int = 0) -> tuple[str, ...]:
    """Known names, each once, at least `at_least` of them; None is no name."""
    value = () if given[name] is None else given[name]
    names = tuple(value) if isinstance(value, list | tuple) else (value,)
    unknown = [each for each in names if each not in known]
    if unknown or len(names) < at_least:
        found = unknown or "nothing"
        raise ConfigurationError(f"{name} has {found}; choose from {', '.join(known)}.")
    return tuple(dict.fromkeys(names))
