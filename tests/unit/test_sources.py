"""Which pictures a folder or zip holds, and which class each is of."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.uploads import read_picture
from explain import sources
from explain.sources import Source, checksum, labels_of, read
from models import PictureError

CLASSES = ("cat", "Labrador retriever", "crane", "crane")


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    levels = np.random.default_rng(seed).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()


def folder(place: Path, *names: str, **texts: str) -> Path:
    """Write pictures, and beside them texts under their names with a dot for the underscore."""
    for seed, name in enumerate(names):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(png(seed))
    for name, text in texts.items():
        (place / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return place


def zipped(place: Path) -> Path:
    """Zip a folder, itself included."""
    archive = place.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(place.rglob("*")):
            file.write(path, path.relative_to(place.parent))
    return archive


def labels(path: Path, handed: Path | None = None) -> dict[str, str | int | None]:
    return {source.name: source.label for source in read(path, read_picture, handed).sources}


def test_in_a_folder_for_each_class_the_folders_name_is_the_class(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", "dog/b.png", "cat/a.png", "alone.png", "cat/notes.txt", ".git/c.png")
    folder(data, "__MACOSX/cat/._a.png")
    assert labels(data) == {"alone.png": None, "cat/a.png": "cat", "dog/b.png": "dog"}


def test_a_zip_gives_the_pictures_that_its_folder_gives(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", "cat/a.png", "dog/b.png")
    beside, inside = read(data, read_picture).sources, read(zipped(data), read_picture).sources
    assert [source.name for source in inside] == [f"data/{source.name}" for source in beside]
    assert [source.label for source in inside] == [source.label for source in beside] == ["cat", "dog"]
    assert [source.open().sha256 for source in inside] == [source.open().sha256 for source in beside]


def test_of_data_split_in_two_the_part_for_validation_is_taken_and_said_so(tmp_path: Path) -> None:
    found = read(folder(tmp_path, "train/cat/a.png", "train/cat/b.png", "val/cat/c.png"), read_picture)
    assert [source.name for source in found.sources] == ["val/cat/c.png"]
    assert found.notes == ("Of 3 pictures, the 1 for validation are used.",)
    assert len(read(tmp_path / "train", read_picture).sources) == 2


def test_a_list_of_classes_names_the_folders(tmp_path: Path) -> None:
    text = json.dumps([{"index": 1, "wnid": "n02099712", "name": "Labrador retriever"}])
    data = folder(tmp_path, "n02099712/a.png", "n1/b.png", classes_json=text)
    assert labels(data) == {"n02099712/a.png": "Labrador retriever", "n1/b.png": "n1"}
    (data / "classes.json").write_text("[3")
    assert labels(data) == {"n02099712/a.png": "n02099712", "n1/b.png": "n1"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels_csv", "name,label\nin/a.png,cat\nb.png,3\n"),
        ("truth_csv", "\ufeffLabel, File ,more\ncat,./in\\a.png,1\n3,b.png,2\n"),
        ("list_csv", "path;class\nin/a.png;cat\nb.png;3\n"),
        ("annotations_json", '[{"file": "in/a.png", "label": "cat"}, {"file": "b.png", "label": "3"}]'),
    ],
)
def test_a_list_of_labels_in_the_data_says_which_pictures_and_which_classes(
    tmp_path: Path, name: str, text: str
) -> None:
    data = folder(tmp_path / "data", "in/a.png", "in/b.png", "c.png", **{name: text})
    assert labels(data) == {"in/a.png": "cat", "in/b.png": "3"}
    notes = read(data, read_picture).notes
    assert name.replace("_", ".") in notes[0] and notes[1] == "1 pictures are not in it and are left out."
    assert labels(zipped(data)) == {"data/in/a.png": "cat", "data/in/b.png": "3"}


def test_the_first_class_of_all_is_a_class_in_a_list_too(tmp_path: Path) -> None:
    records = json.dumps([{"name": "a.png", "label": 0}, {"name": "b.png", "label": 1}])
    data = folder(tmp_path / "data", "a.png", "b.png", labels_json=records)
    assert labels(data) == {"a.png": 0, "b.png": 1}
    assert labels_of(read(data, read_picture).sources, CLASSES).indices == (0, 1)


def test_a_file_beside_the_pictures_that_lists_something_else_is_passed_over(tmp_path: Path) -> None:
    data = folder(tmp_path, "cat/a.png", boxes_csv="file,x0\na.png,3\n", other_csv="\0", config_json='{"name": 1}')
    assert labels(data) == {"cat/a.png": "cat"}


def test_a_list_that_is_handed_over_counts_before_one_in_the_data(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", "a.png", labels_csv="name,label\na.png,cat\n")
    own = folder(tmp_path, own_csv="name,label\na.png,dog\n", wrong_csv="a,b\n1,2\n") / "own.csv"
    assert labels(data, own) == {"a.png": "dog"}
    with pytest.raises(PictureError, match=r"'wrong\.csv' is no list of labels"):
        labels(data, tmp_path / "wrong.csv")
    with pytest.raises(PictureError, match="no list of labels named 'absent"):
        labels(data, tmp_path / "absent.csv")


def test_a_listed_picture_that_is_not_there_says_so_when_it_is_opened(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", "a.png", labels_csv="name,label\na.png,cat\n../secret.png,cat\n/etc/hosts,cat\n")
    (tmp_path / "secret.png").write_bytes(png())
    first, *others = read(data, read_picture).sources
    assert first.open().image.size == (20, 20)
    for source in others:
        with pytest.raises(PictureError, match="names this picture, but it is not there"):
            source.open()


def test_two_pictures_of_one_bare_name_are_told_apart_by_their_place(tmp_path: Path) -> None:
    data = folder(tmp_path, "one/a.png", "two/a.png", labels_csv="name,label\ntwo/a.png,cat\na.png,dog\n")
    second, either = read(data, read_picture).sources
    assert (second.name, second.label) == ("two/a.png", "cat")
    with pytest.raises(PictureError, match="not there"):
        either.open()


def source(label: str | int | None) -> Source:
    return Source("a.png", label, "", lambda: read_picture(png(), "a.png"))


@pytest.mark.parametrize(
    ("label", "index"),
    [("cat", 0), ("labrador_RETRIEVER", 1), ("crane", None), ("2", 2), (3, 3), ("9", None), (-1, None), (None, None)],
)
def test_a_class_is_known_by_its_name_or_its_index_unless_several_bear_the_name(
    label: str | int | None, index: int | None
) -> None:
    assert labels_of([source(label)], CLASSES).indices == (index,)


def test_classes_that_the_network_does_not_know_are_counted_and_named() -> None:
    note = labels_of([source("cat"), source("elk"), source("elk"), source(None)], CLASSES).note
    assert note == "2 pictures have a class that the network does not know by that name: 'elk'."


def test_as_many_folders_as_classes_are_taken_in_order_where_none_is_called_like_a_class() -> None:
    found = labels_of([source(name) for name in ("n3", "n1", "n4", "n2", "n1")], CLASSES)
    assert found.indices == (2, 0, 3, 1, 0) and "alphabetical order" in found.note
    assert labels_of([source(name) for name in ("n3", "n1", "n4", "cat")], CLASSES).indices == (None, None, None, 0)


def test_the_checksum_tells_other_pictures_and_other_labels() -> None:
    one = source("cat")
    others = [
        checksum([one], [0]),
        checksum([one], [1]),
        checksum([one], [None]),
        checksum([one, one], [0, 0]),
        checksum([replace(one, name="b.png")], [0]),
        checksum([replace(one, stamp="1")], [0]),
    ]
    assert len(set(others)) == 6
    assert checksum([replace(one, changed=5.0)], [0]) == others[0]


@pytest.mark.parametrize("zip_it", [False, True])
def test_a_picture_of_the_same_size_in_its_place_is_told_from_the_first(tmp_path: Path, zip_it: bool) -> None:
    data = folder(tmp_path / "data", "a.png")

    def known() -> tuple[str, bool]:
        (found,) = read(zipped(data) if zip_it else data, read_picture).sources
        return found.stamp, found.changed > first

    first = 0.0
    stamp, _ = known()
    first = read(data, read_picture).sources[0].changed
    changed = bytearray((data / "a.png").read_bytes())
    changed[-1] ^= 1
    (data / "a.png").write_bytes(changed)
    os.utime(data / "a.png", (first + 10, first + 10))
    assert known() != (stamp, False)


def damaged(data: bytes) -> bytes:
    middle = len(data) // 3
    return data[:middle] + bytes(40) + data[middle + 40 :]


def locked(data: bytes) -> bytes:
    """Mark the member as encrypted."""
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    marked = bytearray(data)
    marked[local + 6] |= 1
    marked[central + 8] |= 1
    return bytes(marked)


@pytest.mark.parametrize("spoil", [damaged, locked])
def test_a_damaged_or_locked_member_of_a_zip_says_so_when_it_is_opened(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("cat/a.png", png())
    archive.write_bytes(spoil(archive.read_bytes()))
    (found,) = read(archive, read_picture).sources
    with pytest.raises(PictureError, match="locked or damaged"):
        found.open()


def test_a_member_that_unfolds_to_more_than_a_picture_needs_is_not_unfolded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_BYTES", 10 * 2**20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(50 * 2**20))
    (found,) = read(tmp_path / "a.zip", read_picture).sources
    with pytest.raises(PictureError, match="may have 10 MB"):
        found.open()


@pytest.mark.skipif(sys.platform == "win32", reason="names are text on Windows")
def test_a_name_whose_bytes_are_no_text_is_still_a_name(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.png"), "wb") as file:
        file.write(png())
    (found,) = read(tmp_path, read_picture).sources
    assert found.name.encode() == b"caf?.png"
    assert found.open().image.size == (20, 20)


def test_what_is_no_folder_or_zip_or_holds_no_pictures_is_refused_without_its_place(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    cases = {"text.txt": "neither a folder nor a zip", "absent": "no folder or zip", "empty": "There are no pictures"}
    for name, said in cases.items():
        with pytest.raises(PictureError, match=said) as caught:
            read(tmp_path / name, read_picture)
        assert str(tmp_path) not in str(caught.value)


def test_pictures_of_a_kind_that_is_not_read_are_listed_so_that_their_reason_is_told(tmp_path: Path) -> None:
    folder(tmp_path, "cat/a.png")
    (tmp_path / "cat" / "b.tif").write_bytes(b"II*\0")
    first, second = read(tmp_path, read_picture).sources
    assert first.open().image.size == (20, 20)
    with pytest.raises(PictureError, match="not a TIFF picture"):
        second.open()
