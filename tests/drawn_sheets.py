"""What a page without a browser would have sent to the browser as sheets of numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest


def drawn(app: AppTest, key: str) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the header that the browser gets, and the numbers of the sheets."""
    (element,) = [each for each in app.main if key in str(each.key)]
    data = element.proto.bytes
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    place, found = 4 + size + 768 * len(header["sheets"]), []
    for sheet in header["sheets"]:
        count = sheet["rows"] * sheet["columns"]
        numbers = np.frombuffer(data, "<f4", count, place)
        found.append(numbers.reshape(sheet["rows"], sheet["columns"]))
        place += 4 * count
    return header, found
