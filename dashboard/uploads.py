"""Reading a picture that somebody hands over: the right colours, the right way up, or one sentence why not.

Nothing of the file but its pixels goes on: no name is ever a path, no position or camera data survives,
and the bytes themselves are never served.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import warnings
from dataclasses import dataclass
from typing import Protocol

from PIL import Image, UnidentifiedImageError

from models.colours import DAMAGE, damaged, over_white, turned
from models.errors import PictureError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
SUFFIXES = {
    "PNG": ("png", "apng"),
    "JPEG": ("jpg", "jpeg", "jpe", "jfif"),
    "MPO": ("jpg", "jpeg", "jpe", "mpo"),
    "WEBP": ("webp",),
    "GIF": ("gif",),
    "BMP": ("bmp", "dib"),
}
MOST_MEGABYTES = 10
MOST_PIXELS = 40_000_000
LEAST_SIDE = 16
LONGEST_NAME = 80
SAVE_AS = "Save it as PNG or JPEG."
SAVE_AGAIN = "Save it again as PNG or JPEG."
#: How files of other kinds begin, to say what was given.
OTHERS = (
    (rb"\s*(<\?xml|<!--|<svg|<!DOCTYPE svg)", "an SVG drawing"),
    (rb"\s*<(!doctype\s+)?html", "a web page"),
    (rb"%PDF", "a PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "an EPS drawing"),
    (rb"SIMPLE  =", "a FITS picture"),
    (rb"II[*+]\x00|MM\x00[*+]", "a TIFF picture"),
    (rb"....ftyp(avif|avis)", "an AVIF picture"),
    (rb"....ftyp", "a HEIC picture or a film"),
    (rb"PK\x03\x04", "a ZIP archive"),
)
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class Upload(Protocol):
    """A file that was handed over."""

    name: str
    size: int

    def getvalue(self) -> bytes:
        """Return its bytes."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that can be shown and explained.

    image: RGB, upright, without metadata. sha256: of the bytes that were given. notes: sentences about
    what was changed on the way. name: safe to show as text, never to be used as a path.
    """

    image: Image.Image
    sha256: str
    notes: tuple[str, ...] = ()
    name: str = ""


def read_picture(data: bytes, name: str) -> Picture:
    """Read a PNG, JPEG, WebP, GIF or BMP picture; whatever else it is, one sentence says why it is refused."""
    notes: list[str] = []
    try:
        image = _opened(data)
        _check_name(image, name)
        image.load()
        if image.format in ("GIF", "WEBP", "PNG") and getattr(image, "is_animated", False):
            notes.append("Only the first frame of the animation is used.")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("many more") from error
    except (*DAMAGE, MemoryError) as error:
        raise damaged() from error
    turn = turned(image)
    rgb, opaque = over_white(image)
    if not opaque:
        notes.append("Transparent parts were laid over white.")
    if turn is not None:
        rgb = rgb.transpose(turn)
    clean = Image.new("RGB", rgb.size)
    clean.paste(rgb)
    return Picture(clean, hashlib.sha256(data).hexdigest(), tuple(notes), safe_name(name))


def read_upload(file: Upload) -> Picture:
    """Read a file that was handed over, and refuse one that is too large before it is looked at.

    The server takes larger ones, for networks; only the browser is told what a picture may have.
    """
    if file.size > MOST_MEGABYTES * 2**20:
        given = f"{file.size / 2**20:.0f} MB"
        raise PictureError(f"A picture may have {MOST_MEGABYTES} MB; this file has {given}.", "Make it smaller.")
    return read_picture(file.getvalue(), file.name)


def safe_name(name: str) -> str:
    """Return what may be shown of a file's name: no folders, no control or direction marks, at most 80 characters."""
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(letter for letter in last if letter == " " or unicodedata.category(letter)[0] not in "CZ")
    seen = " ".join(seen.split()).lstrip(".")
    if len(seen) > LONGEST_NAME:
        seen = seen[: LONGEST_NAME - 9] + "…" + seen[-8:]
    return seen or "picture"


def _opened(data: bytes) -> Image.Image:
    """Read the header only, and refuse by kind and size before any pixel is decoded."""
    if not data:
        raise PictureError("The file is empty.", "Wanted a PNG, JPEG, WebP, GIF or BMP picture.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        kind = next((kind for start, kind in OTHERS if re.match(start, data[:64], re.IGNORECASE | re.DOTALL)), None)
        given = f", not {kind}" if kind else "; this file is none, or is damaged"
        raise PictureError(f"Wanted a PNG, JPEG, WebP, GIF or BMP picture{given}.", SAVE_AS) from error
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise _too_large(f"{width * height / 1e6:.1f} ({width} x {height})")
    if min(width, height) < LEAST_SIDE:
        given = f"This picture is {width} x {height} pixels"
        raise PictureError(f"{given}; each side must have at least {LEAST_SIDE}.", "Use a larger one.")
    return image


def _too_large(given: str) -> PictureError:
    most = MOST_PIXELS // 10**6
    return PictureError(f"A picture may have {most} megapixels; this one has {given}.", "Make it smaller first.")


def _check_name(image: Image.Image, name: str) -> None:
    suffix = re.search(r"\.(\w{1,5})\s*$", name)
    kind = image.format or ""
    if suffix and suffix[1].lower() not in SUFFIXES[kind]:
        shown = "JPEG" if kind == "MPO" else kind
        raise PictureError(
            f"The name says .{suffix[1].lower()}, but the file holds a {shown} picture.",
            f"Let its name end in .{SUFFIXES[kind][0]}.",
        )
