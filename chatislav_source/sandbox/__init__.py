"""A local Chatislav API with generated data, for demos and tests without key and network.

It follows the vendor's documentation strictly. A setting chooses each behaviour that is not
documented.
"""

from chatislav_source.sandbox.server.answer import Answer
from chatislav_source.sandbox.server.request_log import RequestRecord
from chatislav_source.sandbox.server.sandbox import SANDBOX_KEY, Sandbox
from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.world import World

__all__ = ["SANDBOX_KEY", "Answer", "RequestRecord", "Sandbox", "Settings", "World"]
