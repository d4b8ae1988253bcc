"""Shares as bars: in the page, and as a picture to take along."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st
from PIL import Image, ImageDraw, ImageFont

from dashboard import words

LINE, WIDE, NAME, SIZE = 44, 720, 330, 18
NAMED = "text-align:left;font-weight:400;padding:0.2rem 0.8rem 0.2rem 0;overflow-wrap:anywhere;"
NOTED = "opacity:0.85;white-space:nowrap;"
TRACK = "height:0.85rem;border-radius:0.25rem;background:rgba(128,128,128,0.2);"
FILLED = "height:100%;border-radius:0.25rem;background:#1f9a73;"
FIGURE = "text-align:right;padding:0.2rem 0 0.2rem 0.6rem;white-space:nowrap;font-variant-numeric:tabular-nums;"
INK, PAPER, FILL = (20, 20, 20), (255, 255, 255), (11, 110, 79)


@dataclass(frozen=True)
class Bar:
    """A share of 0 to 1 with its name, and a note beside the name."""

    name: str
    note: str
    share: float


def draw(title: str, bars: Sequence[Bar]) -> None:
    """Draw bars as a table: the name with its note, the share as a bar and in figures."""
    lines = "".join(
        f'<tr><th scope="row" style="{NAMED}">{escape(bar.name)} <small style="{NOTED}">{escape(bar.note)}</small></th>'
        f'<td style="width:50%;padding:0.2rem 0"><div style="{TRACK}">'
        f'<div style="{FILLED}width:{max(0.3, 100 * bar.share):.2f}%"></div></div></td>'
        f'<td style="{FIGURE}">{words.percent(bar.share)}</td></tr>'
        for bar in bars
    )
    caption = f'<caption style="text-align:left;font-weight:600;padding-bottom:0.3rem">{escape(title)}</caption>'
    st.html(f'<table style="width:100%;border-collapse:collapse;font-size:0.9375rem">{caption}{lines}</table>')


def png(title: str, bars: Sequence[Bar]) -> bytes:
    """Write bars as PNG."""
    image = Image.new("RGB", (WIDE, LINE * (len(bars) + 1) + LINE // 2), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(SIZE)
    pen.text((LINE // 2, LINE // 3), title, INK, font)
    room = WIDE - NAME - 110
    for place, bar in enumerate(bars, 1):
        top = place * LINE + LINE // 4
        pen.text((LINE // 2, top), f"{bar.name}  {bar.note}".replace("\N{MINUS SIGN}", "-"), INK, font)
        pen.rectangle((NAME, top, NAME + max(1, round(room * bar.share)), top + LINE // 2), FILL)
        share = words.percent(bar.share).replace(words.UNBROKEN, " ")
        pen.text((WIDE - LINE // 2, top), share, INK, font, anchor="ra")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
