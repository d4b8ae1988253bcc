"""Boxes around the objects in pictures, from a list that lies beside them: CSV, or JSON records."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from explain.label_lists import NAME_COLUMNS, OTHERWISE, as_text
from explain.sources import Source, lists_in

if TYPE_CHECKING:
    from PIL import Image

    from explain.boxes import Edges
    from models.pixels import Box, PixelSpace

#: What a list calls the edges of a box: left, top, right, bottom.
EDGES = (("x0", "y0", "x1", "y1"), ("left", "top", "right", "bottom"), ("xmin", "ymin", "xmax", "ymax"))
#: What JSON records call the list of a picture's boxes.
SEVERAL = ("boxes", "boxes_xyxy", "boxes_xyxy_224", "bboxes")


def read_boxes(path: Path, sources: Sequence[Source]) -> dict[str, tuple[Box, ...]]:
    """Read where the objects lie in the pictures of a folder or zip: a picture's name -> its boxes, in its pixels.

    From CSV files with a column for the file and four for the edges (x0, y0, x1, y1), one row for each box, or JSON
    records with the file and its `boxes`. Pictures that no list names are not there.
    """
    names = {source.name for source in sources}
    count = Counter(PurePosixPath(name).name for name in names)
    alone = {PurePosixPath(name).name: name for name in names if count[PurePosixPath(name).name] == 1}
    found: dict[str, list[Box]] = {}
    for place, data in lists_in(path):
        for name, box in _boxes_in(place, data):
            beside = (PurePosixPath(place).parent / name).as_posix()
            known = beside if beside in names else alone.get(PurePosixPath(name).name)
            if known is not None:
                found.setdefault(known, []).append(box)
    return {name: tuple(boxes) for name, boxes in found.items()}


def in_crop(space: PixelSpace, image: Image.Image, box: Box) -> Edges | None:
    """Lay a box of the original picture into the crop that a network sees; None where hardly anything of it is left."""
    (left, top), (right, bottom) = space.to_crop(image, *box[:2]), space.to_crop(image, *box[2:])
    left, top, right, bottom = (min(max(round(edge), 0), space.side) for edge in (left, top, right, bottom))
    return (left, top, right, bottom) if right > left and bottom > top else None


def _boxes_in(place: str, data: bytes) -> Iterator[tuple[str, Box]]:
    """Read a list, as far as it is one of boxes."""
    try:
        text = data.decode("utf-8-sig")
        records = json.loads(text) if place.lower().endswith(".json") else list(csv.DictReader(io.StringIO(text)))
        yield from [(name, box) for record in records for name, box in _boxes_of(record)]
    except OTHERWISE:
        return


def _boxes_of(record: dict[str, Any]) -> Iterator[tuple[str, Box]]:
    name = as_text(next((str(record[column]) for column in NAME_COLUMNS if record.get(column)), ""))
    several = next((record[key] for key in SEVERAL if key in record), None)
    columns = next((edges for edges in EDGES if all(edge in record for edge in edges)), None)
    if several is None and columns is not None:
        several = [[record[edge] for edge in columns]]
    for edges in several or ():
        left, top, right, bottom = (float(edge) for edge in edges)
        if all(map(math.isfinite, (left, top, right, bottom))):
            yield name, (left, top, right, bottom)
