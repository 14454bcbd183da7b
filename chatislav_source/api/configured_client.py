"""The client that a configuration describes."""

from __future__ import annotations

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.config import SyncConfig


def client_of(config: SyncConfig, max_concurrency: int | None = None) -> ChatislavClient:
    """A client with the keys, the address and the limits of a configuration.

    `max_concurrency` None is that of the configuration.
    """
    limiter = RateLimiter(
        max_concurrency or config.max_concurrency, requests_per_second=config.requests_per_second
    )
    return ChatislavClient(config.base_url, config.keys, limiter)
