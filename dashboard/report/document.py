"""A whole HTML file that asks nobody for anything: no script, and no style but the one whose checksum it names."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.report.markup import Markup, joined, tag
from dashboard.report.matrix import matrix_style

if TYPE_CHECKING:
    from dashboard.report.markup import Inside

STYLE = Path(__file__).parent / "report.css"


def document(title: str, *body: Inside) -> bytes:
    """Put a page together."""
    style = _style()
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style)),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        # A file of ours; inside <style>, nothing is escaped.
        tag("style", Markup(style)),
    )
    page = tag("html", tag("head", *head), "\n", tag("body", tag("main", *body)), lang="en")
    return joined((Markup("<!DOCTYPE html>\n"), page, "\n")).html.encode()


def _policy(style: str) -> str:
    """Allow pictures that are in the file, and this one style; nothing else is ever loaded or run."""
    checksum = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{checksum}'; base-uri 'none'; form-action 'none'"


@cache
def _style() -> str:
    return STYLE.read_text(encoding="utf-8") + matrix_style()
