"""The control endpoints of the sandbox, and its command."""

from __future__ import annotations

import ast
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sandbox_caller import Caller

import chatislav_source.sandbox
from chatislav_source.sandbox import SANDBOX_KEY, Answer, Sandbox, Settings, World
from chatislav_source.sandbox.server.http_server import Connection

DAY = {"from": "2026-06-20", "to": "2026-06-20"}


def control(call: Caller, method: str, path: str, body: Any = None) -> httpx.Response:
    """Send a request to a control endpoint, which needs no key."""
    url = call.api.base_url.replace("/api/v1", "/sandbox") + path
    return httpx.request(method, url, json=body)


def test_the_health_endpoint_responds(call: Caller) -> None:
    assert control(call, "GET", "/health").json() == {"status": "ok"}


def test_settings_are_shown_and_changed_over_http(call: Caller) -> None:
    changes = {"bot_status": {"101": 503}, "revoked_keys": ["old"], "fault_bots": [101, 102]}

    shown = control(call, "PATCH", "/settings", changes).json()

    assert shown == control(call, "GET", "/settings").json()
    assert shown == shown | changes
    assert call.api.settings == Settings(
        bot_status={101: 503}, revoked_keys={"old"}, fault_bots={101, 102}
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"page_order": "upwards"}, "'newest_activity'"),
        ({"colour": "red"}, "no setting is named 'colour'"),
        ([], "JSON object"),
    ],
)
def test_the_error_for_an_invalid_change_has_a_reason(call: Caller, body: Any, reason: str) -> None:
    answer = control(call, "PATCH", "/settings", body)

    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert call.api.settings == Settings()


def test_requests_are_counted_by_path_and_bot(call: Caller) -> None:
    for bot_id in (101, 101, 102):
        call.post(bot_id=bot_id)
    call.post("/analytics", bot_id=101, **DAY)

    assert call.api.count() == 4
    assert call.api.count("/conversations") == 3
    assert call.api.count(bot_id=101) == 3
    assert call.api.count("/conversations", 102) == 1


def test_a_record_has_the_request_and_its_result(call: Caller) -> None:
    call.post(bot_id=101, limit=1)
    call.post(bot_id=999)

    first, second = call.api.requests

    assert (first.number, first.path, first.bot_id) == (1, "/conversations", 101)
    assert first.body == {"bot_id": 101, "limit": 1}
    assert (first.status, second.status) == (200, 404)
    assert first.started_at <= second.started_at
    assert SANDBOX_KEY.startswith(first.key_prefix or "-")
    assert first.key_prefix != SANDBOX_KEY


def test_only_the_latest_requests_are_kept_but_all_are_counted(call: Caller) -> None:
    call.api.configure(max_request_log=2)

    for limit in (1, 2, 3):
        call.post(bot_id=101, limit=limit)

    assert [record.number for record in call.api.requests] == [2, 3]
    assert call.api.count() == 3


def test_counts_are_shown_and_reset_over_http(call: Caller) -> None:
    call.post(bot_id=101)
    call.post("/analytics", bot_id=102, **DAY)

    shown = control(call, "GET", "/requests").json()
    after = control(call, "DELETE", "/requests").json()

    assert shown["by_path"] == {"/conversations": 1, "/analytics": 1}
    assert shown["by_bot"] == {"101": 1, "102": 1}
    assert shown["by_status"] == {"200": 2}
    assert [record["path"] for record in shown["last"]] == ["/conversations", "/analytics"]
    assert (after["total"], after["last"]) == (0, [])
    assert call.api.count() == 0


def test_requests_in_flight_are_counted_at_once(call: Caller) -> None:
    call.api.configure(latency_seconds=0.2)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: call.post(bot_id=101, limit=1), range(4)))

    assert call.api.max_in_flight == 4
    assert sorted(record.in_flight for record in call.api.requests) == [1, 2, 3, 4]


def test_a_request_ends_before_its_response_is_sent(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_flight_when_sent = []

    def send(connection: Connection, answer: Answer) -> None:
        in_flight_when_sent.append(call.api.log.summary(0)["in_flight"])
        send_really(connection, answer)

    send_really = Connection.send
    monkeypatch.setattr(Connection, "send", send)

    call.post(bot_id=101, limit=1)

    assert in_flight_when_sent == [0]


def test_all_conversations_are_returned_over_http(call: Caller, world: World) -> None:
    rows = control(call, "GET", "/conversations/101").json()

    expected = world.conversations(101)
    assert [row["sessionId"] for row in rows] == [row["sessionId"] for row in expected]
    assert rows[0]["createdAt"] == f"{expected[0]['createdAt']:%Y-%m-%dT%H:%M:%SZ}"
    assert control(call, "GET", "/conversations/999").status_code == 404


def test_the_world_is_changed_over_http(call: Caller, world: World) -> None:
    order = {"kind": "new_conversation", "count": 3, "seed": 7}

    changed = control(call, "POST", "/mutate", order).json()["changed"]

    known = {row["sessionId"] for bot in (101, 102) for row in world.conversations(bot)}
    assert len(changed) == 3
    assert known >= set(changed)
    assert control(call, "POST", "/mutate", {"kind": "explosion"}).status_code == 400


def test_an_unknown_endpoint_of_the_sandbox_is_not_found(call: Caller) -> None:
    assert control(call, "POST", "/settings").status_code == 404


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_it_listens_on_loopback_only(api: Sandbox) -> None:
    port = int(api.base_url.split(":")[2].split("/")[0])
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))  # would be taken if the sandbox listened on all addresses

    assert api.base_url == f"http://127.0.0.1:{port}/api/v1"


def test_it_can_be_stopped_and_started_on_the_same_port(world: World) -> None:
    api = Sandbox(world).start()
    before = api.base_url
    api.stop()
    with pytest.raises(RuntimeError, match="not started"):
        api.base_url  # noqa: B018 - raising is what it does

    with api:
        assert api.base_url == before
        assert httpx.post(f"{before}/analytics").status_code == 401


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_address_and_ends_cleanly(number: signal.Signals) -> None:
    arguments = ["--bot-id=7", "--bot-id=8", "--conversations=5", "--set=page_order=session_id"]
    arguments += ["--last-day=2026-06-30", "--days=2", "--messages=3", "--set=prerender=true"]
    command = [sys.executable, "-m", "chatislav_source", "sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
        url = said[1].partition("BASE_URL=")[2].strip()
        page = httpx.post(
            f"{url}/conversations", json={"bot_id": 8}, headers={"X-API-Key": SANDBOX_KEY}
        ).json()
        process.send_signal(number)
        rest = process.stdout.read()

    ids = [row["sessionId"] for row in page["conversations"]]
    assert url.startswith("http://127.0.0.1:")
    assert len(ids) == 5
    assert ids == sorted(ids)
    assert {row["createdAt"][:10] for row in page["conversations"]} <= {"2026-06-29", "2026-06-30"}
    assert {len(row["messages"]) for row in page["conversations"]} == {3}
    assert (rest, process.returncode) == ("", 0)


def test_the_command_rejects_an_invalid_setting_with_a_clear_error() -> None:
    command = [sys.executable, "-m", "chatislav_source", "sandbox", "--set", "page_order=upwards"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2  # as for every wrong use of the command line
    assert done.stderr.startswith("Error: --set: page_order cannot be 'upwards'")


def test_the_sandbox_needs_only_the_standard_library_and_orjson() -> None:
    folder = Path(chatislav_source.sandbox.__file__).parent
    imported = {
        name
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for name in _imports(node)
    }

    own = {name for name in imported if f"{name}.".startswith("chatislav_source.sandbox.")}
    others = {name.split(".")[0] for name in imported - own}
    assert others - set(sys.stdlib_module_names) == {"orjson"}


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["a relative import"] if node.level else [node.module or ""]
    return []
