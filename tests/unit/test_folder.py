"""The pictures to go over: what is read, what is refused and why, and which class a picture is of."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

import models
from dashboard import folder
from models.progress import Progress, heard_by


def jpeg(colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def read(files: dict[str, bytes]) -> folder.Folder:
    return folder.read([(name, io.BytesIO(data)) for name, data in files.items()])


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def names(found: folder.Folder) -> list[str]:
    return [entry.name for entry in found.entries]


def test_files_a_folder_and_a_zip_give_the_same_pictures_with_their_classes() -> None:
    files = {"bus/1.jpg": jpeg("red"), "tench/2.jpg": jpeg("blue")}
    for found in (read(files), read({"all.zip": zipped(files)}), read({"x/y/bus/1.jpg": files["bus/1.jpg"]})):
        assert found.refused == ()
        assert [(entry.name, entry.label) for entry in found.entries][:1] == [("1.jpg", "bus")]
        assert np.asarray(found.pictures[0])[0, 0].tolist() == pytest.approx([254, 0, 0], abs=1)


def test_a_picture_is_read_again_each_time_it_is_asked_for() -> None:
    found = read({"a.jpg": jpeg()})
    assert found.pictures[0] is not found.pictures[0]
    assert len(found.pictures) == 1 and len(found.pictures[:0]) == 0


def test_broken_files_are_listed_with_their_reason_and_stop_nothing() -> None:
    found = read(
        {
            "good.jpg": jpeg(),
            "cut.jpg": jpeg()[:300],
            "note.txt": b"hello",
            "page.html": b"<html>",
            "empty.png": b"",
            "tiny.jpg": jpeg(size=(4, 4)),
            "strip.jpg": jpeg(size=(4000, 20)),
        }
    )
    assert names(found) == ["good.jpg"]
    reasons = {refused.name: refused.reason for refused in found.refused}
    assert set(reasons) == {"cut.jpg", "note.txt", "page.html", "empty.png", "tiny.jpg", "strip.jpg"}
    assert "damaged or cut off" in reasons["cut.jpg"]
    assert "a web page" in reasons["page.html"]
    assert "empty" in reasons["empty.png"]
    assert "4 x 4" in reasons["tiny.jpg"]
    assert "4000 x 20" in reasons["strip.jpg"]


def test_every_picture_that_is_read_can_be_cropped_by_a_network() -> None:
    found = read({"a.jpg": jpeg(size=(1900, 20)), "b.jpg": jpeg(size=(16, 1600)), "c.jpg": jpeg(size=(1601, 16))})
    assert names(found) == ["a.jpg", "b.jpg"]
    for picture in found.pictures:
        assert models.CARDS["everyday_resnet"].pixels.crop(picture).shape == (1, 3, 64, 64)


def test_what_systems_leave_beside_the_files_is_passed_over() -> None:
    data = zipped({"__MACOSX/._a.jpg": b"x", "a.jpg": jpeg(), ".DS_Store": b"x", "cats/.hidden/b.jpg": b"x"})
    found = read({"all.zip": data})
    assert (names(found), found.refused) == (["a.jpg"], ())


def test_names_are_shown_and_never_lead_anywhere() -> None:
    found = read({"all.zip": zipped({"../../etc/passwd.jpg": jpeg(), "a/**b**\u202e.jpg": jpeg("blue")})})
    assert names(found) == ["passwd.jpg", "**b**.jpg"]


def test_a_damaged_zip_is_one_refused_file() -> None:
    data = zipped({"a.jpg": jpeg()})
    found = read({"all.zip": data[: len(data) // 2], "b.jpg": jpeg()})
    assert names(found) == ["b.jpg"]
    assert [refused.name for refused in found.refused] == ["all.zip"]
    assert "damaged" in found.refused[0].reason


def contents(members: int, said: int) -> bytes:
    """Write a zip that holds one file named in its table of contents so many times; `said`: of how many it tells."""
    first = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    one = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, said, said, members * len(one), len(first), 0)
    return first + one * members + end


@pytest.mark.parametrize("said", [0xFFFF, 1], ids=["and says so", "and hides it"])
def test_a_zip_that_holds_too_many_files_is_refused_before_they_are_listed(
    said: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(zipfile, "ZipFile", lambda file: opened.append(file))
    found = folder.read([("all.zip", io.BytesIO(contents(300_000, said))), ("b.jpg", io.BytesIO(jpeg()))])
    assert (names(found), opened) == (["b.jpg"], [])
    assert [refused.name for refused in found.refused] == ["all.zip"]
    assert "more than 50,000 files" in found.refused[0].reason


def test_a_zip_may_hold_just_as_many_files_as_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = zipped({f"{number}.jpg": jpeg() for number in range(4)})
    monkeypatch.setattr(folder, "MOST_MEMBERS", 4)
    for block in (4, 7, 2**20):  # wherever a name in the table of contents is cut
        monkeypatch.setattr(folder, "BLOCK", block)
        assert len(names(read({"all.zip": data}))) == 4
    monkeypatch.setattr(folder, "MOST_MEMBERS", 3)
    for block in (4, 7, 2**20):
        monkeypatch.setattr(folder, "BLOCK", block)
        assert names(read({"all.zip": data})) == []


def test_reading_can_be_stopped_between_two_zips() -> None:
    class Stopped(BaseException):
        pass

    heard = []

    def listen(progress: Progress) -> None:
        heard.append(progress)
        raise Stopped

    with pytest.raises(Stopped), heard_by(listen):
        read({"one.zip": zipped({"a.jpg": jpeg(), "c.jpg": jpeg()}), "two.zip": zipped({"b.jpg": jpeg()})})
    assert [(one.done, one.total) for one in heard] == [(0, 2)]


def test_a_damaged_member_of_a_zip_is_one_refused_file() -> None:
    picture = jpeg()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.jpg", picture)
        archive.writestr("b.jpg", jpeg("blue"))
    data = buffer.getvalue().replace(picture[:200], b"\0" * 200, 1)
    found = read({"all.zip": data})
    assert names(found) == ["b.jpg"]
    assert "damaged" in found.refused[0].reason


def test_a_file_that_unpacks_to_a_flood_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    read_at_most = []
    some_of_member = folder._some_of_member

    def watched(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
        data = some_of_member(archive, member, most)
        read_at_most.append(len(data))
        return data

    monkeypatch.setattr(folder, "_some_of_member", watched)
    found = read({"all.zip": zipped({"flood.png": bytes(40 * 2**20)})})
    assert found.entries == ()
    assert "10 MB" in found.refused[0].reason
    assert max(read_at_most) == folder.MOST_BYTES_EACH + 1


def test_of_too_many_pictures_some_are_taken_evenly_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_PICTURES", 4)
    found = folder.read([(f"{number:02}.jpg", io.BytesIO(jpeg())) for number in range(10)])
    assert names(found) == ["00.jpg", "02.jpg", "05.jpg", "07.jpg"]
    assert found.notes == ("4 of 10 files are used, spread evenly.",)


def test_reading_ends_when_the_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_BYTES", 2 * len(jpeg()) - 1)
    found = folder.read([(f"{number}.jpg", io.BytesIO(jpeg())) for number in range(5)])
    assert names(found) == ["0.jpg", "1.jpg"]
    assert "first 2 pictures" in found.notes[0]


def test_pictures_for_validation_go_before_those_for_training() -> None:
    found = read({"all.zip": zipped({"d/train/bus/1.jpg": jpeg(), "d/val/bus/2.jpg": jpeg("blue")})})
    assert names(found) == ["2.jpg"]
    assert found.notes == ("Of 2 files, the 1 for validation are used.",)
    assert names(read({"all.zip": zipped({"train/bus/1.jpg": jpeg()})})) == ["1.jpg"]


def test_a_list_of_classes_names_the_folders() -> None:
    listed = json.dumps([{"index": 0, "wnid": "n01", "name": "school bus"}]).encode()
    found = read({"all.zip": zipped({"classes.json": listed, "n01/1.jpg": jpeg(), "n02/2.jpg": jpeg("blue")})})
    assert [entry.label for entry in found.entries] == ["school bus", "n02"]
    assert found.refused == ()


@pytest.mark.parametrize("listed", [b"{", b"[1]", b'{"a": 1}', b"\xff"])
def test_a_list_of_classes_that_makes_no_sense_is_passed_over(listed: bytes) -> None:
    found = read({"all.zip": zipped({"classes.json": listed, "n01/1.jpg": jpeg()})})
    assert [entry.label for entry in found.entries] == ["n01"]


def test_labels_are_the_networks_classes_in_any_spelling_and_never_a_guess() -> None:
    found = read(
        {
            "School_bus/1.jpg": jpeg(),
            "crane/2.jpg": jpeg("blue"),
            "dog/3.jpg": jpeg("green"),
            ".4": jpeg("pink"),
            "plain.jpg": jpeg("white"),
        }
    )
    classes = ("tench", "school bus", "crane", "crane")
    assert dict(zip(names(found), found.labels(classes), strict=True)) == {
        "1.jpg": 1, "2.jpg": None, "3.jpg": None, "plain.jpg": None,
    }  # fmt: skip
    labelled = found.labelled(classes)
    assert [label for _, label in labelled] == [1]
    assert len(labelled) == 1


def test_the_identity_follows_the_pictures_and_their_classes_but_not_their_names() -> None:
    one = read({"bus/1.jpg": jpeg()})
    assert one.identity == read({"bus/other.jpg": jpeg()}).identity
    assert one.identity != read({"tench/1.jpg": jpeg()}).identity
    assert one.identity != read({"bus/1.jpg": jpeg("blue")}).identity


def test_reading_can_be_stopped_between_two_pictures() -> None:
    class Stopped(BaseException):
        pass

    def listen(progress: Progress) -> None:
        if progress.done == 2:
            raise Stopped

    with pytest.raises(Stopped), heard_by(listen):
        folder.read([(f"{number}.jpg", io.BytesIO(jpeg())) for number in range(5)])
