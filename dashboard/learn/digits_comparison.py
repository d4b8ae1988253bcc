"""The table of the digits: this network beside others, and beside two that learn without layers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import words
from explain.teaching.digits import comparison

if TYPE_CHECKING:
    from dashboard.learn.desk import Desk

HEADS = ("", "Test digits", "shifted by a pixel", "Test digits", "shifted by a pixel")
GROUPS = ("", "learned from the digits as they are", "learned from shifted copies too")
#: How the table looks; it fits a narrow page.
TABLE = "border-collapse:collapse;table-layout:fixed;width:100%;max-width:54rem;font-size:0.875rem;"
CELL = "padding:0.4rem 0.3rem;text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere;"
HEAD = "padding:0.3rem;text-align:right;font-weight:400;vertical-align:bottom;"
NAME = "padding:0.4rem 0.3rem 0.4rem 0;text-align:left;font-weight:600;vertical-align:top;"
LINE = "border-top:1px solid rgba(128,128,128,0.35);"


def compared(desk: Desk) -> None:
    """Draw the table, and say what it shows."""
    found = comparison()
    rows = found["contestants"]
    st.header("Is it worth the trouble?", anchor=False)
    desk.text(
        f"Five ways to read the same digits, each learning from the same {found['sizes'][0]:,} pictures and asked the "
        f"same {found['sizes'][2]} it never saw; the share named right, with its spread over {len(found['seeds'])} "
        "random beginnings. Then the test digits are shifted by one pixel (the mean over up, down, left and right)."
    )
    st.html(_table(list(rows.values())))
    asked = ("cnn", "unpooled", "connected", "svm")
    cnn, unpooled, connected, svm = (_share(rows[key]["plain"], "shifted") for key in asked)
    taught = _share(rows["cnn"]["shifted"], "shifted")
    more = rows["unpooled"]["plain"]["size"] / rows["cnn"]["plain"]["size"]
    desk.text(
        "**As they are**, all do well: digits so small and so well centred can be read without a single [[kernel]]. "
        "**Shifted by a pixel**, the same strokes reach other inputs, and all fall far. The convolutional network "
        f"still names {cnn} right, the fully connected one {connected}, the support vector machine {svm}: a kernel "
        "finds a stroke wherever it is, and [[pooling]] takes the largest answer of a small region, so that it matters "
        f"less where exactly. Without pooling it is {unpooled}, with {more:.0f} times as many numbers to learn. That "
        "is help, no cure. What cures is to learn from shifted copies, which is called [[augmentation]]: "
        f"{taught} for the same network, and about as much for all the others."
    )
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    with st.expander("How this was measured"):
        networks = found["networks"]
        st.markdown(
            f"The pictures are the 1,797 of scikit-learn, from *Optical Recognition of Handwritten "
            "Digits* by E. Alpaydin and C. Kaynak (UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, "
            f"CC BY 4.0), split once: {' / '.join(f'{size:,}' for size in found['sizes'])} for training, validation "
            "and test. The same 13 people wrote all three parts, so the digit of a stranger, such as yours, is "
            "harder.\n\n"
            f"All networks: {networks['optimiser']}, learning rate up to {networks['rate']}, weight decay "
            f"{networks['weight_decay']}, batches of {networks['batch']}, {networks['epochs']} epochs, batch norm, the "
            "weights of the epoch that is best on the validation part. Support vector machine: radial kernel, C = 10; "
            "it involves no chance, so it has no spread. Random forest: 200 trees. Learning time: seconds of one "
            f"processor, learning from the digits as they are. Measured with {versions}."
        )


def _table(rows: list[dict[str, Any]]) -> str:
    groups = "".join(
        f'<th scope="colgroup" colspan="{1 if not group else 2}" style="{HEAD}">{group}</th>' for group in GROUPS
    )
    heads = "".join(f'<th scope="col" style="{HEAD}">{head}</th>' for head in HEADS)
    lines = "".join(_line(row) for row in rows)
    caption = "Named right, and its spread"
    return (
        f'<table style="{TABLE}"><caption style="text-align:left;font-weight:600;padding-bottom:0.3rem">{caption}'
        f'</caption><colgroup><col style="width:31%"></colgroup><tr>{groups}</tr><tr>{heads}</tr>{lines}</table>'
    )


def _line(row: dict[str, Any]) -> str:
    plain, taught = row["plain"], row["shifted"]
    about = f"{plain['size']:,} {plain['sized']}, learned in {words.duration(float(np.median(plain['seconds'])))}"
    cells = "".join(
        f'<td style="{CELL}{LINE}vertical-align:top">{_spread(kind[name])}</td>'
        for kind in (plain, taught)
        for name in ("accuracy", "shifted")
    )
    small = f'<br><span style="font-weight:400;font-size:0.8125rem">{escape(about)}</span>'
    return f'<tr><th scope="row" style="{NAME}{LINE}">{escape(row["label"])}{small}</th>{cells}</tr>'


def _share(measured: dict[str, Any], name: str) -> str:
    return words.percent(float(np.mean(measured[name])))


def _spread(shares: list[float]) -> str:
    """Write the mean in percent, with the standard deviation over the seeds where there are several."""
    mean = f"{100 * np.mean(shares):.1f}"
    spread = f" ± {100 * np.std(shares, ddof=1):.1f}" if len(shares) > 1 else ""
    return f"{mean}{spread} %".replace(" %", f"{words.UNBROKEN}%")
