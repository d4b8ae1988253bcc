"""The colours of a picture as people see it: upright, in sRGB, over white, whatever its file holds."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageChops, ImageCms

from models.errors import PictureError

MOST_PROFILE_BYTES = 4 * 2**20
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


def as_shown(image: Image.Image) -> Image.Image:
    """Return a picture as people see it, RGB; the same one where nothing is to be done.

    16-bit grey is scaled, not clipped; transparent parts are laid over white; a camera's orientation and a colour
    profile are obeyed. Raises PictureError where the file turns out to be damaged, or its numbers have no known range.
    """
    try:
        image.load()
    except DAMAGE as error:
        raise damaged() from error
    if image.mode in ("I", "F"):
        kind = "whole numbers of 32 bits" if image.mode == "I" else "fractions"
        raise PictureError(f"This picture holds {kind}, whose white is not known.", "Make it one of 8 or 16 bits.")
    turn = turned(image)
    if turn is None and image.mode == "RGB" and not {"icc_profile", "transparency"} & set(image.info):
        return image
    rgb, _ = over_white(image)
    return rgb if turn is None else rgb.transpose(turn)


def damaged() -> PictureError:
    """Say that a picture cannot be read."""
    return PictureError("This picture is damaged or cut off and cannot be read.", "Save it again as PNG or JPEG.")


def turned(image: Image.Image) -> Image.Transpose | None:
    """Say how a picture has to be turned to stand upright, None = it does."""
    try:
        return UPRIGHT.get(int(image.getexif().get(ORIENTATION, 1)))
    except DAMAGE:
        return None


def over_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """Turn any mode into sRGB over white; also tell whether the picture was opaque."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        if image.mode in ("1", "P"):
            image = image.convert("RGB")
        elif image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
            # Pillow takes every CMYK file for one of Adobe's, which are stored inverted.
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
