"""What changes inside the network while it trains: its first filters, and what it says to chosen pictures."""

from __future__ import annotations

import base64
import html
import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from dashboard.layers.numbers import short
from explain.pictures import colour_table
from explain.teaching.digits import digits
from explain.teaching.training import untrained, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from explain.teaching.training_record import Record, Settings

#: Pictures that are shown at a time.
SHOWN = 10
#: Bars at most in the small history of a picture.
BARS = 31
STYLE = """<style>
.watch { display: flex; flex-wrap: wrap; gap: 0.6rem; }
.watch.filters { max-width: 27rem; }
.watch.decisions { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.4rem, 1fr)); }
.watch figure { margin: 0; font-size: 0.8125rem; line-height: 1.35; font-variant-numeric: tabular-nums; }
.watch img { image-rendering: pixelated; display: block; border-radius: 0.25rem; border: 1px solid var(--watch-line); }
.watch { --watch-line: rgba(128, 128, 128, 0.45); }
.watch .pair { display: flex; gap: 3px; }
.decision { padding: 0.4rem; border: 1px solid rgba(128, 128, 128, 0.45); border-radius: 0.5rem; }
.decision .said { display: flex; gap: 0.35rem; align-items: center; }
.decision .sure { display: flex; align-items: flex-end; height: 30px; margin-top: 0.4rem; }
.decision .sure { border-bottom: 1px solid rgba(128, 128, 128, 0.6); }
.decision .sure i { background: currentColor; opacity: 0.62; }
</style>"""


def filters(settings: Settings, record: Record | None) -> None:
    """Draw the filters of the first layer: each before training, and as it is now."""
    before = untrained(settings)[0]
    now = before if record is None else record.final.filters
    both = np.abs([before, now])
    most = float(both[np.isfinite(both)].max(initial=1e-12))
    tiles = []
    for number, (old, new) in enumerate(zip(before, now, strict=True)):
        moved = _moved(old, new)
        alt = html.escape(f"Filter {number}, before and now: {moved}.")
        pair = f'<img src="{_signed(old, most)}" width="44" height="44" alt="">'
        pair += f'<img src="{_signed(new, most)}" width="44" height="44" alt="{alt}">'
        tiles.append(f'<figure><div class="pair">{pair}</div><figcaption>{number}: {moved}</figcaption></figure>')
    st.html(f'{STYLE}<div class="watch filters">{"".join(tiles)}</div>')
    st.caption(f"Left before training, right now. Blue is negative, orange positive; full colour is {_short(most)}.")


def _moved(old: NDArray[np.floating], new: NDArray[np.floating]) -> str:
    """Say how far a filter's weights have moved at most."""
    if not np.isfinite(new).all():
        return "no numbers any more"
    return f"moved {_short(float(np.abs(new - old).max()))}"


def _short(number: float) -> str:
    """Write a number with two decimals; a large one, as in a training that diverges, with three digits that count."""
    return f"{number:.2f}" if number < 10 else short(number)


def decisions(settings: Settings, record: Record | None, hard: bool) -> None:
    """Draw what the network says to ten validation pictures now, and how sure it was of the right digit all along."""
    part, places = digits().validation, watched()
    chosen = range(SHOWN, 2 * SHOWN) if hard else range(SHOWN)
    history = [untrained(settings)[1]] if record is None else [epoch.decisions for epoch in record.epochs]
    now = history[-1] if record is None else record.final.decisions
    every = -(-(settings.epochs + 1) // BARS)
    longest = -(-(settings.epochs + 1) // every)
    cards = []
    for row in chosen:
        label = int(part.labels[places[row]])
        shares = now[row]
        finite = bool(np.isfinite(shares).all())
        said = int(shares.argmax()) if finite else None
        mark = "right" if said == label else f"it is a {label}"
        words = f"<b>{said}</b>, {100 * shares[said]:.0f} %<br>{mark}" if finite else "no number<br>any more"
        sure = [float(epoch[row, label]) if np.isfinite(epoch[row, label]) else 0.0 for epoch in history]
        wide = 100 / longest
        bars = "".join(f'<i style="width:{wide:.2f}%;height:{100 * share:.0f}%"></i>' for share in sure[::every])
        alt = html.escape(f"The probability of {label}, epoch by epoch: first {sure[0]:.2f}, now {sure[-1]:.2f}.")
        cards.append(
            f'<figure class="decision"><div class="said"><img src="{inline_digit(places[row])}" width="40" height="40" '
            f'alt="A handwritten {label}"><span>{words}</span></div>'
            f'<div class="sure" role="img" aria-label="{alt}">{bars}</div></figure>'
        )
    st.html(f'<div class="watch decisions">{"".join(cards)}</div>')
    st.caption("The bars are the probability of the right digit, from epoch 0 on; full height is 100 %.")


def inline_map(values: NDArray[np.floating]) -> str:
    """Return a picture of signed numbers, blue below zero and orange above, as an address."""
    return _signed(values, max(float(np.abs(values).max()), 1e-12))


def _signed(values: NDArray[np.floating], most: float) -> str:
    levels = np.rint(128 + 127 * np.clip(np.nan_to_num(values) / most, -1, 1)).astype(int)
    return _address(colour_table("blue-orange")[levels])


@cache
def inline_digit(place: int) -> str:
    """Return a picture of the validation part, dark ink on white, as an address."""
    grey = 255 - np.rint(digits().validation.pixels[place] * (255 / 16)).astype(np.uint8)
    return _address(grey)


def _address(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
