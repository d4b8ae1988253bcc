"""How the pages write numbers: three digits that count, a real minus sign, no computer's exponents."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dashboard import lens
from dashboard.layers.numbers import short, signed

SCRIPT = Path(lens.__file__).with_name("lens") / "numbers.js"
WRITTEN = [
    (0.0, "0"),
    (0.03456, "0.0346"),
    (-8.6249, "\N{MINUS SIGN}8.62"),
    (999.4, "999"),
    (12345.6, "12,346"),
    (4.13e-5, "4.1·10⁻⁵"),
    (-2.5e12, "\N{MINUS SIGN}2.5·10¹²"),
]


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_a_number_is_written_for_people(value: float, text: str) -> None:
    assert short(value) == text


def test_a_signed_number_has_its_sign_in_any_case() -> None:
    assert [signed(value) for value in (0.5, -0.5, 0.0)] == ["+0.5", "\N{MINUS SIGN}0.5", "0"]


def test_more_digits_are_written_where_they_are_asked_for() -> None:
    assert short(5.131634, 6) == "5.13163"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_browser_writes_numbers_in_the_same_way() -> None:
    asked = json.dumps([value for value, _ in WRITTEN])
    script = f"{SCRIPT.read_text(encoding='utf-8')}\nconsole.log(JSON.stringify({asked}.map((one) => short(one, 3))));"
    found = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == [text for _, text in WRITTEN]


def test_a_list_of_bars_can_be_sent_whatever_its_numbers_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = {}
    monkeypatch.setattr(lens, "_picker", lambda **given: sent.update(given))
    lens.picker([lens.Option("1", "one", share=np.float32(0.5), quiet=np.bool_(True))], key="bars", label="Bars")
    assert json.loads(json.dumps(sent["data"]))["options"][0] == {
        **{"id": "1", "name": "one", "figure": "", "share": 0.5, "quiet": True},
        **{"picture": "", "heading": "", "note": ""},
    }
