"""Reading a picture that somebody hands over: the right colours, the right way up, or one sentence why not.

Nothing of the file but its pixels goes on: no name is ever a path, no position or camera data survives,
and the bytes themselves are never served.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import unicodedata
import warnings
import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageChops, ImageCms, UnidentifiedImageError

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
MOST_PROFILE_BYTES = 4 * 2**20
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
#: What decoders raise on damaged files; each trips over garbage in its own way.
DAMAGE = (OSError, SyntaxError, ValueError, LookupError, EOFError, OverflowError, TypeError, struct.error, zlib.error)
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

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
        raise PictureError("This picture is damaged or cut off and cannot be read.", SAVE_AGAIN) from error
    turn = UPRIGHT.get(_orientation(image))
    rgb, opaque = _colours(image)
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
        raise _too_large(f"{width * height / 1e6:.0f} ({width} x {height})")
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


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except DAMAGE:
        return 1


def _colours(image: Image.Image) -> tuple[Image.Image, bool]:
    """Turn any mode into sRGB over white; also tell whether the picture was opaque."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        if image.mode in ("1", "P"):
            image = image.convert("RGB")
        elif image.mode == "CMYK" and "adobe" not in image.info:
            # Pillow takes every CMYK picture for one of Adobe's, which are stored inverted.
            image = ImageChops.invert(image)
        return _in_srgb(image, profile), True
    image = _with_alpha(image)
    alpha = image.getchannel("A")
    white = Image.new("RGB", image.size, "white")
    white.paste(_in_srgb(image.convert("RGB"), profile), mask=alpha)
    return white, alpha.getextrema()[0] == 255


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits, where Pillow would clip it; its one transparent value becomes alpha."""
    values = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _with_alpha(image: Image.Image) -> Image.Image:
    try:
        return image.convert("RGBA")
    except DAMAGE:
        # A transparent colour that this mode cannot hold, such as a 16-bit one: no pixel has it.
        image.info.pop("transparency", None)
        return image.convert("RGBA")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply a colour profile; one that is damaged or made for another mode is passed over."""
    if profile and len(profile) <= MOST_PROFILE_BYTES:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, *DAMAGE):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")
