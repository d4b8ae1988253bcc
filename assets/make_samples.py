"""Writes assets/samples: photographs that packages ship, pictures rendered here, one with a tag; and their credits.

python -m assets.make_samples            photographs, the tagged one, and renderings that are not there yet
python -m assets.make_samples orange     only these; the list is written whole
python -m assets.make_samples --all      all renderings too, in about ten minutes
python -m assets.make_samples --report   what each bundled network says of each sample
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

from assets.sample_list import SAMPLES, Box, Photograph, Rendering, Tagging

FOLDER = Path(__file__).parent / "samples"
LIST = FOLDER / "samples.json"
LONGEST, SMALL = 720, 96


def main() -> None:
    """Do what the command line asks."""
    asked = argparse.ArgumentParser(prog="python -m assets.make_samples", description="Make the sample pictures.")
    asked.add_argument("names", nargs="*", choices=[[], *(sample.id for sample in SAMPLES)], metavar="name")
    asked.add_argument("--all", action="store_true", help="render anew what is there")
    asked.add_argument("--report", action="store_true", help="print what each bundled network says of each sample")
    given = asked.parse_args()
    if given.report:
        from assets.report_samples import report

        report()
    else:
        make(given.names or [sample.id for sample in SAMPLES if given.all or _is_quick(sample)])


def _is_quick(sample: Photograph | Rendering | Tagging) -> bool:
    return not isinstance(sample, Rendering) or not (FOLDER / f"{sample.id}.jpg").exists()


def make(names: list[str]) -> None:
    """Write these samples, a small version of each, and the list of what all samples are."""
    (FOLDER / "small").mkdir(parents=True, exist_ok=True)
    known = {entry["id"]: entry for entry in json.loads(LIST.read_text(encoding="utf-8"))} if LIST.exists() else {}
    entries: list[dict[str, Any]] = []
    for sample in SAMPLES:
        if sample.id in names:
            print(sample.id, file=sys.stderr)
            box = _written(sample)
        else:
            box = tuple(known[sample.id]["box"])
        entries.append(_entry(sample, box, entries))
    text = json.dumps(entries, indent=2, ensure_ascii=False)
    LIST.write_text(text + "\n", encoding="utf-8")


def _entry(sample: Photograph | Rendering | Tagging, box: Box, before: list[dict[str, Any]]) -> dict[str, Any]:
    if isinstance(sample, Tagging):
        origin = next(entry for entry in before if entry["id"] == sample.of)
        owed = {key: origin[key] for key in ("credit", "licence", "licence_link", "source")}
        owed["source"] += ", with the tag of models/tag.py"
        meant = {"everyday_class": None, "made_for": sample.made_for}
    else:
        link = sample.licence_link if isinstance(sample, Photograph) else ""
        owed = {"credit": sample.credit, "licence": sample.licence, "licence_link": link, "source": sample.source}
        meant = {"everyday_class": sample.everyday_class, "made_for": None}
    return {
        "id": sample.id,
        "file": f"{sample.id}.jpg",
        "title": sample.title,
        **owed,
        "group": sample.group,
        "alt": sample.alt,
        "box": list(box),
        **meant,
    }


def _written(sample: Photograph | Rendering | Tagging) -> Box:
    """Write a sample and its small version; return its box."""
    if isinstance(sample, Photograph):
        image, box = _upright_srgb(files(sample.package).joinpath(sample.path).read_bytes()), sample.box
        _saved(image, (LONGEST, LONGEST), FOLDER / f"{sample.id}.jpg", quality=92, subsampling=0)
    elif isinstance(sample, Rendering):
        from assets.rendering import picture_of

        image, box = picture_of(sample.id)
        _saved(image, image.size, FOLDER / f"{sample.id}.jpg", quality=88, subsampling=0)
    else:
        image, box = _tagged(_square(Image.open(FOLDER / f"{sample.of}.jpg")))
        _saved(image, image.size, FOLDER / f"{sample.id}.jpg", quality=88, subsampling=0)
    _saved(_square(image), (SMALL, SMALL), FOLDER / "small" / f"{sample.id}.webp", quality=82)
    return box


def _tagged(image: Image.Image) -> tuple[Image.Image, Box]:
    """Put the tag on a square picture; the box surrounds the tag."""
    import numpy as np
    import torch

    from models.tag import BOX, tagged

    pixels = torch.from_numpy(np.asarray(image, np.float32).copy() / 255).permute(2, 0, 1)[None]
    result = (tagged(pixels)[0].permute(1, 2, 0) * 255).round().byte().numpy()
    left, top, right, bottom = (round(share * image.width) for share in BOX)
    return Image.fromarray(result), (left, top, right, bottom)


def _upright_srgb(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    profile = image.info.get("icc_profile")
    if profile is None:
        return image.convert("RGB")
    own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None
    return converted


def _square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, upper = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, upper, left + side, upper + side))


def _saved(image: Image.Image, size: tuple[int, int], path: Path, **options: Any) -> None:
    copy = Image.new("RGB", image.size)
    copy.paste(image)
    copy.thumbnail(size, Image.Resampling.LANCZOS)
    copy.save(path, **options)


if __name__ == "__main__":
    main()
