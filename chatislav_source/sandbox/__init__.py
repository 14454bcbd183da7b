"""A local Chatislav API with made-up data, for demos and tests: no key, no network.

It follows the vendor's documentation strictly, and can be switched wherever that is silent.
"""

from .faults import Answer
from .log import RequestRecord
from .server import SANDBOX_KEY, Sandbox
from .settings import Settings
from .world import World

__all__ = ["SANDBOX_KEY", "Answer", "RequestRecord", "Sandbox", "Settings", "World"]
