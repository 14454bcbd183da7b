"""Keyed hashes of personal values, which are the same for every spelling of a value."""

from __future__ import annotations

import hmac
import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from chatislav_source.errors import ConfigurationError

Kind = Literal["phone", "email", "ip", "session_id", "text"]
"""What a value is; it decides how the value is normalised."""

MIN_KEY_BYTES = 32  # of UTF-8; the size of a SHA-256 digest, as RFC 2104 asks of a key
KEY_ID_DIGITS = 8  # hex digits; tells keys apart
HASH_DIGITS = 24  # hex digits, 96 bits
KEY_ID_MESSAGE = b"chatislav key id"
HASH = re.compile(rf"h[0-9a-f]{{{KEY_ID_DIGITS}}}_[0-9a-f]{{{HASH_DIGITS}}}")
"""A keyed hash, as tables hold it."""

REGION = "RS"  # of phone numbers that are written without a country
SERBIAN = re.compile(r"\+381[1-9][0-9]{7,8}")  # in E.164 already, if it is a number at all
SEPARATORS = re.compile(r"[\s()/.\-]+")  # in phone numbers
WITHOUT_PLUS = re.compile(r"[1-9]\d{9,14}")
EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
PHONE = re.compile(r"\+?[\d\s()/.\-]{6,30}")


@dataclass(frozen=True)
class Key:
    """A secret key of hashes; the secret is not part of its `repr`."""

    secret: bytes = field(repr=False)

    @cached_property
    def id(self) -> str:
        """Hex digits that tell this key from others; the secret cannot be computed from them."""
        return hmac.digest(self.secret, KEY_ID_MESSAGE, "sha256").hex()[:KEY_ID_DIGITS]


@dataclass(frozen=True)
class Keys:
    """The key of new hashes, and the key before it while it is being changed."""

    key: Key
    previous_key: Key | None = None

    @property
    def known(self) -> tuple[Key, ...]:
        """The keys of the hashes that tables may hold, the newest first."""
        return (self.key, self.previous_key) if self.previous_key else (self.key,)

    def hashes(self, kind: Kind, text: str) -> tuple[str, ...]:
        """The hashes that tables may hold for a value: the newest first."""
        value = normalised(kind, text)
        return tuple(keyed_hash(key, value) for key in self.known)


def key_of(name: str, value: Any) -> Key | None:
    """The key in a configured value, spaces around it removed; None if there is no value.

    Raises:
        ConfigurationError: it is not text of at least 32 bytes; the value is not shown.
    """
    text = value.strip() if isinstance(value, str) else value
    if text is None or text == "":
        return None
    secret = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""
    if len(secret) < MIN_KEY_BYTES:
        raise ConfigurationError(
            f"{name} of [sources.chatislav.privacy] is not text of at least {MIN_KEY_BYTES} bytes "
            "(it is not shown). Make one with `openssl rand -hex 32`, and keep it as a secret."
        )
    return Key(secret)


def keys_of(key: Any, previous_key: Any) -> Keys | None:
    """The keys in configured values; None if there is no key.

    Raises:
        ConfigurationError: as `key_of`; or there is only a previous key.
    """
    current, previous = key_of("key", key), key_of("previous_key", previous_key)
    if current is None and previous is not None:
        raise ConfigurationError(
            "[sources.chatislav.privacy] has a previous_key, but no key. Set key to the new key; "
            "previous_key is the one that it replaces."
        )
    return Keys(current, previous) if current else None


def keyed_hash(key: Key, value: str) -> str:
    """HMAC-SHA256 of a normalised value, as `h<key id>_<24 hex digits>`."""
    digest = hmac.digest(key.secret, value.encode("utf-8", "surrogatepass"), "sha256")
    return f"h{key.id}_{digest.hex()[:HASH_DIGITS]}"


def normalised(kind: Kind, text: str) -> str:
    """`text` in the one spelling of its kind, so that equal values have equal hashes.

    Phones become E.164, those without a country read as Serbian; addresses of e-mail become lower
    case, IP addresses canonical. What is no phone number or IP address loses only spaces and
    separators around and in it. Session ids and other texts stay as they are.
    """
    if kind == "phone":
        if SERBIAN.fullmatch(text):
            return text  # most are, and their check would take longer than the hash
        return e164(text) or SEPARATORS.sub("", text)
    if kind == "email":
        return text.strip().lower()
    if kind == "ip":
        return canonical_ip(text) or text.strip().lower()
    return text


def e164(text: str) -> str | None:
    """A phone number in E.164, such as +381601234567; None if it is none.

    Numbers without a country are Serbian. Ten digits or more that do not begin with 0 begin with
    their country, as messengers write them without the plus.
    """
    import phonenumbers  # here, as `chatislav --help` imports this module

    digits = text.strip()
    candidates = [f"+{digits}", text] if WITHOUT_PLUS.fullmatch(digits) else [text]
    for candidate in candidates:
        with suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(candidate, REGION)
            if phonenumbers.is_valid_number(number):
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def canonical_ip(text: str) -> str | None:
    """An IP address in canonical form, IPv4 within IPv6 as IPv4; None if it is none."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def kind_of(text: str) -> Kind:
    """What a value of unknown meaning is, such as one of a form."""
    stripped = text.strip()
    if EMAIL.fullmatch(stripped):
        return "email"
    if canonical_ip(stripped):
        return "ip"
    return "phone" if PHONE.fullmatch(stripped) and e164(stripped) else "text"
