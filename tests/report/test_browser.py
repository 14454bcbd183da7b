"""The page in a real browser that cannot resolve any name: nothing requested, no console error."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatislav_source.report.facts import Facts
from chatislav_source.report.page import page
from tests.report.conftest import MADE_AT, Ask

pytestmark = pytest.mark.slow

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
WIDTHS = (360, 900, 1600)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a network; a machine without it skips, where that is allowed."""
    if CHROMIUM is None and not os.environ.get("CHATISLAV_TEST_REQUIRE_ALL"):
        pytest.skip("Chromium is not installed: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--host-resolver-rules=MAP * ~NOTFOUND", "--no-sandbox"],
        )
        yield started
        started.close()


def opened(browser: Any, file: Path, width: int, scheme: str, seen: list[str]) -> Any:
    """The page, drawn; `seen` gets what it requests beside its file, and console messages."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.on("request", lambda request: request.url == file.as_uri() or seen.append(request.url))
    tab.on("console", lambda message: seen.append(message.text))
    tab.on("pageerror", lambda error: seen.append(str(error)))
    tab.goto(file.as_uri())
    if "static" not in file.name:
        tab.wait_for_selector("html[data-drawn]", timeout=20_000)
    return tab


@pytest.mark.parametrize("name", ["static", "interactive"])
def test_the_page_requests_nothing_and_fits_every_screen_in_light_and_dark(
    browser: Any, facts: Facts, tmp_path: Path, name: str
) -> None:
    file = tmp_path / f"{name}.html"
    file.write_text(page(facts, MADE_AT, is_static=name == "static"), "utf-8")
    seen: list[str] = []
    colours = set()

    for scheme in ("light", "dark"):
        for width in WIDTHS:
            tab = opened(browser, file, width, scheme, seen)
            assert tab.evaluate("document.documentElement.scrollWidth") == width
            shown = tab.locator(".chart:visible")
            assert shown.count() == 9
            for number in range(9):
                assert shown.nth(number).locator("svg path").count() > 0
            colours.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
            tab.context.close()

    assert seen == []
    assert len(colours) == 2


def test_what_the_browser_draws_is_what_sql_says(
    browser: Any, facts: Facts, tmp_path: Path, ask: Ask
) -> None:
    file = tmp_path / "interactive.html"
    file.write_text(page(facts, MADE_AT, is_static=False), "utf-8")
    ((csat,),) = ask(
        "SELECT 100.0 * sum(is_helpful) / sum(is_rated) FROM chatislav__conversations "
        "WHERE day BETWEEN DATE '2026-11-08' AND DATE '2026-11-14'"
    )
    tab = opened(browser, file, 1600, "light", seen := [])

    assert tab.locator('[data-value="csat"]').inner_text() == f"{csat:.1f} %"
    labels = tab.locator("#volume .chart path[aria-label]").evaluate_all(
        "all => all.map(each => each.getAttribute('aria-label'))"
    )
    bars = [
        re.search(r"Day: \w+ (\d+ \w+ \d+); Channel: widget; Conversations: (\d+)", text)
        for text in labels
    ]
    drawn = {bar[1]: int(bar[2]) for bar in bars if bar}
    counted = ask(
        "SELECT strftime(day, '%-d %b %Y'), sum(conversations) FROM chatislav__daily "
        "WHERE channel = 'widget' GROUP BY day"
    )
    assert drawn
    assert drawn.items() <= dict(counted).items()
    tab.locator("#csat summary", has_text="Table").click()
    assert tab.locator("#csat table").is_visible()
    specs = json.loads(tab.locator("#specs").inner_text())
    assert len(specs) == 9
    assert seen == []
