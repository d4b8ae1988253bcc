"""Takes the sample pictures out of the packages that ship them, and writes assets/samples with its credits.

    python -m assets.make_samples
"""

from __future__ import annotations

import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

FOLDER = Path(__file__).parent / "samples"
LONGEST, SMALL = 720, 96
KNOWN, UNKNOWN = "things the networks know", "pictures that no class fits"
CC0, PUBLIC_DOMAIN = "CC0 1.0", "Public domain"

#: `box` is the main object's left, upper, right and lower edge in pixels of the sample, drawn by eye.
SAMPLES: list[dict[str, Any]] = [
    {
        "id": "chelsea",
        "title": "Chelsea the cat",
        "credit": "Stéfan van der Walt",
        "licence": CC0,
        "source": "scikit-image, skimage.data.chelsea",
        "group": KNOWN,
        "alt": "The face of a ginger tabby cat with green eyes, seen from close by.",
        "box": [0, 0, 382, 300],
        "everyday_class": "tabby",
        "from": ("skimage.data", "chelsea.png"),
    },
    {
        "id": "coffee",
        "title": "Coffee",
        "credit": "Rachel Michetti, courtesy of Pikolo Espresso Bar",
        "licence": CC0,
        "source": "scikit-image, skimage.data.coffee",
        "group": KNOWN,
        "alt": "A cup of espresso on a red saucer with a spoon, on a wooden table.",
        "box": [80, 14, 482, 382],
        "everyday_class": "espresso",
        "from": ("skimage.data", "coffee.png"),
    },
    {
        "id": "grace_hopper",
        "title": "Grace Hopper",
        "credit": "James S. Davis, United States Navy",
        "licence": PUBLIC_DOMAIN,
        "source": "matplotlib sample data, from Wikimedia Commons, File:Grace_Hopper.jpg",
        "group": KNOWN,
        "alt": "Portrait of Grace Hopper in a dark navy uniform and cap in front of the flag of the United States.",
        "box": [22, 22, 512, 600],
        "everyday_class": "military uniform",
        "from": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    },
    {
        "id": "astronaut",
        "title": "Eileen Collins",
        "credit": "NASA",
        "licence": PUBLIC_DOMAIN,
        "source": "scikit-image, skimage.data.astronaut",
        "group": UNKNOWN,
        "alt": "Portrait of the astronaut Eileen Collins in an orange space suit, with a model of the space shuttle.",
        "box": [16, 14, 512, 512],
        "everyday_class": None,
        "from": ("skimage.data", "astronaut.png"),
    },
    {
        "id": "rocket",
        "title": "Rocket at dusk",
        "credit": "SpaceX",
        "licence": PUBLIC_DOMAIN,
        "source": "scikit-image, skimage.data.rocket",
        "group": UNKNOWN,
        "alt": "A white rocket stands lit on its launch pad between lattice towers, under a dark blue sky.",
        "box": [304, 126, 344, 412],
        "everyday_class": None,
        "from": ("skimage.data", "rocket.jpg"),
    },
    {
        "id": "temple",
        "title": "Temple by a lake",
        "credit": "danielbuechele on Flickr; compressed again",
        "licence": "CC BY 2.0, https://creativecommons.org/licenses/by/2.0/",
        "source": "scikit-learn, sklearn.datasets.load_sample_image; https://www.flickr.com/photos/danielbuechele/6061409035/",
        "group": UNKNOWN,
        "alt": "A red and green temple tower with several roofs above trees, with a wide lake behind it.",
        "box": [62, 30, 366, 396],
        "everyday_class": None,
        "from": ("sklearn.datasets.images", "china.jpg"),
    },
]


def main() -> None:
    """Write every sample, a small version of it, and the list of what they are."""
    (FOLDER / "small").mkdir(parents=True, exist_ok=True)
    entries = []
    for sample in SAMPLES:
        entry = dict(sample)
        package, name = entry.pop("from")
        image = _upright_srgb(files(package).joinpath(name).read_bytes())
        _saved(image, (LONGEST, LONGEST), FOLDER / f"{entry['id']}.jpg", quality=92, subsampling=0)
        _saved(_square(image), (SMALL, SMALL), FOLDER / "small" / f"{entry['id']}.webp", quality=82)
        entries.append({"id": entry.pop("id"), "file": f"{sample['id']}.jpg", **entry})
    text = json.dumps(entries, indent=2, ensure_ascii=False)
    (FOLDER / "samples.json").write_text(text + "\n", encoding="utf-8")


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


def _saved(image: Image.Image, size: tuple[int, int], path: Path, **options: int) -> None:
    copy = Image.new("RGB", image.size)
    copy.paste(image)
    copy.thumbnail(size, Image.Resampling.LANCZOS)
    copy.save(path, **options)


if __name__ == "__main__":
    main()
