"""Pictures from anywhere: right colours and the right way up, or one sentence why not."""

from __future__ import annotations

import io
import resource
import struct
import time
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps

from dashboard.uploads import LEAST_SIDE, Picture, read_picture, read_upload, safe_name
from explain.tracing import pixels_of
from models.errors import PictureError
from toy import Linear, loaded

RED, BLUE = (255, 0, 0), (0, 0, 255)


def quarters(size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Four colours, so that every turn and mirroring looks different."""
    image = Image.new("RGB", size, "white")
    half = (size[0] // 2, size[1] // 2)
    image.paste(RED, (0, 0, *half))
    image.paste((0, 160, 0), (half[0], 0, size[0], half[1]))
    image.paste(BLUE, (0, half[1], half[0], size[1]))
    return image


def written(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(data: bytes, name: str = "picture") -> np.ndarray:
    picture = read_picture(data, name)
    assert picture.image.mode == "RGB"
    return np.asarray(picture.image).astype(int)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def icc_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...]) -> bytes:
    """A matrix profile with the given primaries (XYZ) and a linear curve."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1) + struct.pack(">H", round(2.2 * 256)) + b"\0\0"
    white = (0.9642, 1.0, 0.8249)
    tags = {b"desc": text, b"wtpt": xyz(white), b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue)}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += b"".join(struct.pack(">i", round(value * 65536)) for value in white)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))


def without_adobe_marker(jpeg: bytes) -> bytes:
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_every_accepted_format_shows_its_colours(kind: str) -> None:
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    found = read(written(quarters(), kind, **lossless.get(kind, {})))
    assert np.abs(found - np.asarray(quarters())).max() <= 3


def test_a_grey_jpeg_and_a_one_bit_picture_become_rgb() -> None:
    grey = Image.linear_gradient("L")
    assert np.abs(read(written(grey, "JPEG", quality=100)) - np.asarray(grey)[..., None]).max() <= 2
    bits = Image.fromarray(np.indices((20, 20)).sum(0) % 2 == 0)
    assert (read(written(bits)) == np.asarray(bits.convert("L"))[..., None]).all()


def test_a_palette_shows_its_colours() -> None:
    assert (read(written(quarters().quantize(8))) == np.asarray(quarters().quantize(8).convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_laid_over_white_and_that_is_said(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 16, 32))
    if mode != "P":
        image.paste((0, 0, 0, 51), (0, 0, 16, 8))
    picture = read_picture(written(image.convert(mode)), "p.png")
    found = np.asarray(picture.image)
    assert (found[:, 16:] == 255).all()
    assert (found[8:, :16] == 0).all()
    assert mode == "P" or (found[:8, :16] == 204).all()
    assert picture.notes == ("Transparent parts were laid over white.",)


def test_an_opaque_alpha_channel_is_not_worth_a_word() -> None:
    assert read_picture(written(quarters().convert("RGBA")), "p.png").notes == ()


def test_a_transparent_colour_of_a_picture_without_alpha_is_laid_over_white() -> None:
    assert tuple(read(written(quarters(), transparency=RED))[0, 0]) == (255, 255, 255)
    values = np.repeat((np.arange(20) * 3000).astype(">u2")[None], 20, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    sixteen = read(raw_png(20, 20, 16, 0, rows, chunk(b"tRNS", struct.pack(">H", 3000))))
    assert (sixteen[:, 1] == 255).all()
    assert (sixteen[:, 2] == round(6000 / 257)).all()


def test_a_sixteen_bit_transparent_colour_does_no_harm() -> None:
    rows = b"".join(b"\0" + np.full((20, 3), 65535, ">u2").tobytes() for _ in range(20))
    data = raw_png(20, 20, 16, 2, rows, chunk(b"tRNS", struct.pack(">HHH", 65535, 1, 2)))
    assert (read(data) == 255).all()


def test_cmyk_is_not_inverted_whether_adobe_wrote_it_or_not() -> None:
    ink = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    adobes = written(ink, "JPEG", quality=100)
    others = without_adobe_marker(written(ImageChops.invert(ink), "JPEG", quality=100))
    assert b"Adobe" in adobes
    assert b"Adobe" not in others
    for data in (adobes, others):
        assert np.abs(read(data) - RED).max() <= 4


def test_a_colour_profile_is_applied() -> None:
    swapped = icc_profile(SRGB[2], SRGB[1], SRGB[0])
    found = read(written(Image.new("RGB", (32, 32), RED), icc_profile=swapped))
    assert np.abs(found - BLUE).max() <= 3
    opaque = Image.new("RGBA", (32, 32), (*RED, 128))
    assert np.abs(read(written(opaque, icc_profile=swapped)) - (127, 127, 255)).max() <= 3


def test_the_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(read(written(quarters(), icc_profile=profile)) - np.asarray(quarters())).max() <= 1


@pytest.mark.parametrize("profile", [b"", b"nonsense", b"\0" * 200, icc_profile(*SRGB)[:150]])
def test_a_damaged_colour_profile_is_passed_over(profile: bytes) -> None:
    assert (read(written(quarters(), icc_profile=profile)) == np.asarray(quarters())).all()


def test_a_profile_for_another_mode_is_passed_over() -> None:
    grey = Image.linear_gradient("L")
    assert (read(written(grey, icc_profile=icc_profile(*SRGB))) == np.asarray(grey)[..., None]).all()


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 2400).astype(np.uint16).reshape(24, 100)
    found = read(written(Image.fromarray(values)))
    assert np.abs(found[..., 0] - values / 257).max() <= 0.5
    assert len(np.unique(found)) == 256


def test_sixteen_bit_colour_is_scaled() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (20, 20, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    assert np.abs(read(raw_png(20, 20, 16, 2, rows)) - values.astype(int) / 257).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_same_upright_picture(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    backwards = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    turned = Image.Exif()
    turned[0x0112] = backwards
    stored = ImageOps.exif_transpose(Image.open(io.BytesIO(written(quarters(), "PNG", exif=turned))))
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    plain = Image.fromarray(np.asarray(stored))
    found = read(written(plain, kind, exif=exif, **options))
    assert found.shape == (32, 48, 3)
    assert np.abs(found - np.asarray(quarters())).max() <= 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning", "ignore:Metadata Warning:UserWarning")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_corrupt_exif_is_ignored(exif: bytes) -> None:
    found = read(written(quarters(), "JPEG", exif=exif, quality=100, subsampling=0))
    assert np.abs(found - np.asarray(quarters())).max() <= 3


def test_an_orientation_that_does_not_exist_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert read(written(quarters(), "PNG", exif=exif)).shape == (32, 48, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame_and_says_so(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), BLUE), Image.new("RGB", (32, 32), "white")]
    options = {"lossless": True} if kind == "WEBP" else {}
    first = Image.new("RGB", (32, 32), RED)
    picture = read_picture(written(first, kind, save_all=True, append_images=frames, **options), "moving")
    assert picture.image.getpixel((5, 5)) == RED
    assert picture.notes == ("Only the first frame of the animation is used.",)


OTHERS = {
    "SVG": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "web page": b"<!DOCTYPE html><html><body>hello</body></html>",
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
    "FITS": b"SIMPLE  =                    T" + b" " * 2850,
    "TIFF": written(quarters(), "TIFF"),
    "AVIF": written(quarters(), "AVIF"),
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    "ZIP": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture", "x.svg"])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_are_refused_under_any_name(kind: str, name: str) -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(OTHERS[kind], name)
    assert kind in caught.value.message
    assert caught.value.hint == "Save it as PNG or JPEG."


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PCX", "JPEG2000", "ICNS"])
def test_formats_that_pillow_could_read_are_refused_too(kind: str) -> None:
    with pytest.raises(PictureError, match="Wanted a PNG"):
        read_picture(written(quarters((64, 64)), kind), "picture.png")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(PictureError, match="empty"):
        read_picture(b"", "picture.png")


def test_text_is_refused() -> None:
    with pytest.raises(PictureError, match="this file is none, or is damaged"):
        read_picture(b"just some words" * 100, "picture.png")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_picture_that_is_cut_off_is_refused(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    data = written(noise, kind)
    with pytest.raises(PictureError):
        read_picture(data[: int(len(data) * share)], "picture")


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "cat.png"), ("PNG", "cat.JPG"), ("GIF", "cat.tiff")])
def test_a_name_that_says_another_kind_is_refused(kind: str, name: str) -> None:
    with pytest.raises(PictureError, match=rf"The name says \.{name[4:].lower()}, but the file holds a {kind} picture"):
        read_picture(written(quarters(), kind), name)


@pytest.mark.parametrize("name", ["cat.jpg", "cat.JPEG", "cat", "my.holiday pictures", "cat.jfif"])
def test_a_name_that_fits_or_says_nothing_is_accepted(name: str) -> None:
    assert read_picture(written(quarters(), "JPEG"), name).image.size == quarters().size


SEEDS = {kind: written(quarters(), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP")}


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=6),
)
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_bytes_give_a_picture_or_a_refusal_and_nothing_else(kind: str, places: list[tuple[int, int]]) -> None:
    data = bytearray(SEEDS[kind])
    for place, value in places:
        data[place % len(data)] = value
    try:
        assert isinstance(read_picture(bytes(data), "picture"), Picture)
    except PictureError as error:
        assert error.message.endswith(".")


def bomb_png() -> bytes:
    return raw_png(20_000, 20_000, 1, 0, bytes(100))


def bomb_gif() -> bytes:
    return b"GIF89a" + struct.pack("<HH", 20_000, 20_000) + bytes(3) + b"," + struct.pack("<HHHH", 0, 0, 20_000, 20_000)


def bomb_webp() -> bytes:
    side = (16_383).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + side + side
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bomb_bmp() -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, 20_000, 20_000, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head + bytes(100)


def bomb_jpeg() -> bytes:
    data = written(quarters(), "JPEG")
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", 20_000, 20_000) + data[start + 4 :]


@pytest.mark.parametrize("bomb", [bomb_png, bomb_gif, bomb_webp, bomb_bmp, bomb_jpeg])
def test_a_decompression_bomb_is_refused_at_once_without_memory(bomb: Callable[[], bytes]) -> None:
    data = bomb()
    read_picture(written(quarters(), "PNG"), "warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with pytest.raises(PictureError):
        read_picture(data, "picture")
    assert time.process_time() - began < 0.05
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


@pytest.mark.parametrize("size", [(6325, 6325), (8000, 8000), (10_000, 10_000), (20_000, 20_000)])
def test_more_than_forty_megapixels_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="40 megapixels"):
        read_picture(raw_png(*size, 1, 0, bytes(100)), "picture.png")


def test_forty_megapixels_are_read() -> None:
    width, height = 8000, 5000
    rows = (b"\0" + bytes(width // 8)) * height
    assert read_picture(raw_png(width, height, 1, 0, rows), "picture.png").image.size == (width, height)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (LEAST_SIDE, LEAST_SIDE - 1)])
def test_a_tiny_picture_is_refused_with_the_minimum(size: tuple[int, int]) -> None:
    given = f"{size[0]} x {size[1]} pixels; each side must have at least {LEAST_SIDE}"
    with pytest.raises(PictureError, match=given):
        read_picture(written(Image.new("L", size)), "picture.png")


def test_the_smallest_accepted_picture_is_read() -> None:
    assert read(written(Image.new("RGB", (LEAST_SIDE, LEAST_SIDE)))).shape == (LEAST_SIDE, LEAST_SIDE, 3)


def test_a_constant_picture_is_read() -> None:
    assert (read(written(Image.new("RGB", (40, 30), (7, 8, 9)))) == (7, 8, 9)).all()


def test_of_a_jpeg_with_a_zip_behind_it_only_the_pixels_go_on() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("secret.txt", "secret words")
    picture = read_picture(written(quarters(), "JPEG", quality=100, subsampling=0) + archive.getvalue(), "cat.jpg")
    assert picture.image.size == (48, 32)
    assert not any(isinstance(value, bytes) for value in vars(picture).values())
    assert b"PK" not in written(picture.image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_position_and_camera_data_do_not_survive(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0110] = "A camera of mine"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)
    data = written(quarters(), kind, exif=exif)
    assert b"camera of mine" in data
    picture = read_picture(data, "picture")
    assert picture.image.info == {}
    for out in ("PNG", "JPEG", "WEBP"):
        assert b"camera" not in written(picture.image, out)
        assert not Image.open(io.BytesIO(written(picture.image, out))).getexif()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/cat.png", "cat.png"),
        ("..\\..\\cat.png", "cat.png"),
        ("/", "picture"),
        ("..", "picture"),
        ("**bold** [x](y)<script>.png", "**bold** [x](y)<script>.png"),
        ("invoice\u202egnp.exe.png", "invoicegnp.exe.png"),
        ("a\x00b\x1b[31m\nc.png", "ab[31mc.png"),
        ("x" * 300 + ".png", "x" * 71 + "…" + "xxxx.png"),
    ],
)
def test_a_name_is_text_and_never_a_path(name: str, shown: str) -> None:
    assert safe_name(name) == shown
    assert len(shown) <= 80
    assert read_picture(written(quarters()), name if name.endswith("png") else name + ".png").name


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_name_keeps_a_folder_or_a_direction_mark(name: str) -> None:
    shown = safe_name(name)
    assert 0 < len(shown) <= 80
    assert not set(shown) & set("/\\\u202e\u200f\u2066\0\n")
    assert shown not in (".", "..")


def test_the_checksum_is_that_of_the_bytes() -> None:
    first, second = written(quarters()), written(Image.eval(quarters(), lambda value: max(value, 1)))
    assert len(read_picture(first, "a").sha256) == 64
    assert read_picture(first, "a").sha256 == read_picture(first, "b").sha256 != read_picture(second, "a").sha256


def test_a_file_that_is_too_large_is_refused_before_it_is_looked_at() -> None:
    class Huge:
        name, size = "holiday.png", 11 * 2**20

        def getvalue(self) -> bytes:
            raise AssertionError("it was read")

    with pytest.raises(PictureError, match="10 MB; this file has 11 MB"):
        read_upload(Huge())


def _turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(out, "JPEG", exif=exif)
    return out.getvalue()


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _see_through() -> bytes:
    image = Image.linear_gradient("L").convert("RGB")
    image.putalpha(Image.radial_gradient("L"))
    return _png(image)


HELD_OPEN: dict[str, Callable[[], bytes]] = {
    "16 bits": lambda: _png(Image.fromarray(np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64))),
    "transparent": _see_through,
    "turned": _turned_jpeg,
    "palette": lambda: _png(Image.linear_gradient("L").convert("RGB").quantize(16)),
}


@pytest.mark.parametrize("content", HELD_OPEN.values(), ids=HELD_OPEN)
def test_a_program_that_opens_a_picture_by_itself_sees_what_the_page_sees(content: Callable[[], bytes]) -> None:
    model, data = loaded(Linear(), classes=3), content()
    assert torch.equal(pixels_of(model, Image.open(io.BytesIO(data))), model.crop(read_picture(data, "a").image))


def test_a_program_gets_a_sentence_for_a_picture_that_is_cut_off_or_has_no_known_white() -> None:
    model = loaded(Linear(), classes=3)
    with pytest.raises(PictureError, match="damaged or cut off"):
        pixels_of(model, Image.open(io.BytesIO(_turned_jpeg()[:-200])))
    for mode, kind in (("I", "whole numbers of 32 bits"), ("F", "fractions")):
        with pytest.raises(PictureError, match=f"holds {kind}, whose white is not known"):
            pixels_of(model, Image.new(mode, (64, 64)))


def test_a_cmyk_picture_that_came_from_no_file_is_not_inverted() -> None:
    red = Image.new("RGB", (64, 64), (250, 10, 10))
    pixels = pixels_of(loaded(Linear(), classes=3), red.convert("CMYK"))
    assert pixels[0, 0].min() > 0.9 and pixels[0, 1:].max() < 0.1
