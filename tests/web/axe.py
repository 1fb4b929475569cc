"""What axe-core finds on a page that somebody who does not see it, or not its colours, would stumble over."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_SCRIPT = Path(__file__).resolve().parents[2] / "web/node_modules/axe-core/axe.min.js"
_RUN = """
async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map((found) => ({
  rule: found.id, help: found.help, at: found.nodes.map((node) => `${node.target}: ${node.html}`),
}))
"""


def require_accessible(page: Page) -> None:
    """No rule of axe-core is broken on the page as it stands."""
    # Not by a script tag: the page's own content security policy holds in tests too.
    page.evaluate(_script())
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    assert found == [], f"{page.url}\n" + "\n".join(
        f"{each['rule']}: {each['help']}\n  " + "\n  ".join(each["at"]) for each in found
    )


@cache
def _script() -> str:
    return _SCRIPT.read_text("utf-8") + "\n;undefined"
