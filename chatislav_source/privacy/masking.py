"""Masks: what is left of an address or a phone number tells a region, not a person."""

from __future__ import annotations

import ipaddress

from chatislav_source.privacy.hashing import canonical_ip, e164, kind_of

IPV4_PREFIX, IPV6_PREFIX = 24, 48  # bits
LAST_DIGITS = 2  # of a phone number


def masked_ip(text: str) -> str | None:
    """The network of an IP address, as 203.0.113.0/24 or 2001:db8::/48; None if it is none."""
    address = canonical_ip(text)
    if address is None:
        return None
    prefix = IPV6_PREFIX if ":" in address else IPV4_PREFIX
    # without the zone of a link-local address, which names a device of the machine
    return str(ipaddress.ip_network((address.partition("%")[0], prefix), strict=False))


def masked_phone(text: str) -> str | None:
    """Country and last two digits of a phone number, as +381*******67; None if it is none."""
    import phonenumbers  # here, as `chatislav --help` imports this module

    number = e164(text)
    if number is None:
        return None
    country = f"+{phonenumbers.parse(number).country_code}"
    hidden = len(number) - len(country) - LAST_DIGITS
    return f"{country}{'*' * hidden}{number[-LAST_DIGITS:]}"


def masked(text: str) -> str | None:
    """The mask of a value of unknown meaning; None if it is no IP address or phone number."""
    kind = kind_of(text)
    if kind == "ip":
        return masked_ip(text)
    return masked_phone(text) if kind == "phone" else None
