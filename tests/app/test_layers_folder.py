"""Top pictures and the audit without a browser: over the samples, and over pictures that are handed over."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

import models
from dashboard import folder_picker
from dashboard.layers import silence
from dashboard.samples import FOLDER, SAMPLES
from explain import audit as auditing
from explain import pairs as pairing
from explain.silencing import accuracy

Open = Callable[..., AppTest]
#: A layer whose units see 31 of 64 pixels, and one whose units see all of them.
NEAR, FAR = "layer2.0.conv2", "layer3"
#: What stands below a picture: how strongly the channel answers it.
ANSWERS = r"answers \*\*([\d.]+)\*\* · "


@pytest.fixture
def open_page(open_view: Open) -> Open:
    """Open the Layers page with values in its address and run it once."""
    return partial(open_view, "layers")


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown)


def captions(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.caption]


def address(app: AppTest, name: str) -> str:
    value = app.query_params[name]
    return str(value[0] if isinstance(value, list) else value)


def pictures(app: AppTest) -> int:
    return len(app.get("image"))


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sample(name: str) -> bytes:
    return (FOLDER / SAMPLES[name].file).read_bytes()


def test_the_top_pictures_of_a_channel_come_with_their_patches_strongest_first(open_page: Open) -> None:
    app = open_page(section="top", layer=NEAR, channel="5")
    assert not app.exception
    assert "excites channel **5** most" in texts(app) and "First, the patch" in texts(app)
    values = [float(found[1]) for text in captions(app) if (found := re.match(ANSWERS, text))]
    assert len(values) >= 3
    assert values == sorted(values, reverse=True)
    assert pictures(app) == 2 * len(values)


def test_where_a_unit_sees_everything_the_patch_is_what_moves_it(open_page: Open) -> None:
    app = open_page(section="top", layer=FAR, channel="63")
    assert not app.exception
    assert "in the ring" in texts(app) and "the patch that moves it most" in texts(app)
    assert pictures(app) == 2 * sum(bool(re.match(ANSWERS, text)) for text in captions(app)) > 0


def test_a_layer_without_places_has_top_pictures_too(open_page: Open) -> None:
    app = open_page(section="top", layer="fc", channel="0")
    assert not app.exception
    assert re.search(r"excites value \*\*0\*\* .*goldfish.* most", texts(app))


def test_another_channel_is_one_click_away_and_in_the_address(open_page: Open) -> None:
    app = open_page(section="top", layer=NEAR, channel="5")
    app.number_input(key="top-channel").increment().run()
    assert not app.exception
    assert address(app, "channel") == "6"
    assert "channel **6**" in texts(app).lower()


def test_the_audit_counts_and_silences_and_the_accuracy_follows(open_page: Open) -> None:
    app = open_page(model="everyday_vgg", section="audit", layer="classifier.2")
    assert not app.exception
    found = re.search(r"\*\*(\d+)\*\* are dead \(never above zero on these 15 pictures\)", texts(app))
    assert found and int(found[1]) > 0
    assert "multiply-adds less" in texts(app)
    dead = next(button for button in app.button if button.label == f"Silence all dead ({found[1]})")
    dead.click().run()
    assert not app.exception
    assert address(app, "silent").startswith("classifier.2:")
    # What is never above zero on these pictures is not missed on them.
    counts = re.search(r"the network names \*\*(\d+)\*\* right .*, and \*\*(\d+)\*\* without them", texts(app))
    assert counts and counts[1] == counts[2]


def test_keeping_only_some_channels_is_measured_and_told_as_that(open_page: Open) -> None:
    app = open_page(section="audit", silencing="Keep only these", silent="layer3:4-5", layer="layer3")
    assert not app.exception
    assert "With these 2 channels alone, the model" in texts(app)
    counts = re.search(r"names \*\*(\d+)\*\* right .*, and \*\*(\d+)\*\* with them alone", texts(app))
    model = models.load("everyday_resnet")
    over = folder_picker.sample_folder("everyday_resnet").labelled(model.card.classes)
    kept = accuracy(model, over, "layer3", [4, 5], keep_only=True)
    assert counts and [int(count) for count in counts.groups()] == [round(share * len(over)) for share in kept]
    app.segmented_control(key="silencing").set_value("silence").run()
    without = re.search(r"and \*\*(\d+)\*\* without them", texts(app))
    silenced = accuracy(model, over, "layer3", [4, 5])
    assert "Without these 2 channels, the model" in texts(app)
    assert without and int(without[1]) == round(silenced[1] * len(over)) != round(kept[1] * len(over))


def test_what_to_do_with_the_channels_stays_from_section_to_section(open_page: Open) -> None:
    app = open_page(section="Filters", layer="layer3", silencing="Keep only these", silent="layer3:4-5")
    assert address(app, "silencing") == "keep"
    for section in ("maps", "audit"):
        app.segmented_control(key="section").set_value(section).run()
    assert not app.exception
    assert "With these 2 channels alone, the model" in texts(app)


def test_under_filters_the_accuracy_is_counted_when_it_is_asked_for(open_page: Open) -> None:
    app = open_page(section="Filters", layer="layer3", silent="layer3:4")
    assert "whose class it knows" not in texts(app)
    app.toggle(key="counted").set_value(True).run()
    assert not app.exception
    assert re.search(r"Over the \*\*\d+ pictures\*\* whose class it knows, .* without it \(", texts(app))


def test_channels_of_too_wide_a_layer_are_not_compared_and_it_is_said(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MOST_CHANNELS", 3)
    app = open_page(model="everyday_robust", section="audit", layer="layer2", channel="0")
    assert not app.exception
    assert "So many channels are not compared with each other" in texts(app)
    assert re.search(r"dead \(never above zero on these \d+ pictures\) and \*\*\d+\*\* nearly dead\.", texts(app))
    assert app.slider(key="alike").disabled


def test_of_more_pairs_than_are_listed_it_is_said_how_many_there_are(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "MOST_LISTED", 1)
    app = open_page(section="audit", layer="relu", alike="0.9")
    assert not app.exception
    said = re.search(r"\*\*([\d,]+) pairs\*\* say the same", texts(app))
    assert said and f"These are the 1 most alike of {said[1]}." in captions(app)


def test_of_more_channels_than_may_be_picked_at_once_the_first_are_offered(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "MOST_PICKED", 2)
    app = open_page(model="everyday_vgg", section="audit", layer="classifier.2")
    button = next(button for button in app.button if button.label.startswith("Silence 2 of "))
    button.click().run()
    assert not app.exception
    assert re.fullmatch(r"classifier\.2:\d+-\d+", address(app, "silent"))
    assert "Without these 2 channels" in texts(app)


def test_over_pictures_the_picture_of_the_rail_is_no_part_of_the_answer(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So another picture there does not go over all again, and none of those gone over is read only to name them."""
    app = open_page(section="audit", layer="layer2.0.relu", sample="bus")
    assert not app.exception
    went = []
    monkeypatch.setattr(auditing, "responses", lambda *given: went.append(given))
    again = open_page(section="audit", layer="layer2.0.relu", sample="coffee")
    assert not again.exception
    assert went == []


def test_before_the_activation_the_audit_says_so_and_leads_after_it(open_page: Open) -> None:
    app = open_page(section="audit", layer="layer1.0.bn1")
    assert any("go below zero" in text for text in captions(app))
    app.button(key="audit-after").click().run()
    assert address(app, "layer") == "layer1.0.relu"
    assert not any("go below zero" in text for text in captions(app))


def test_a_layer_of_a_sum_says_that_its_channels_stay(open_page: Open) -> None:
    app = open_page(section="audit", layer="relu", alike="0.93")
    assert "part of a sum and stay there" in texts(app)


def test_a_limit_that_makes_no_sense_is_refused_with_a_notice(open_page: Open) -> None:
    app = open_page(section="audit", layer="layer1.0.relu", alike="7")
    assert not app.exception
    assert any("7" in str(text.value) and "0.9" in str(text.value) for text in app.text)


def test_a_zip_that_is_handed_over_is_gone_over_and_what_is_broken_is_listed(open_page: Open) -> None:
    app = open_page(section="audit", layer="layer1.0.relu", over="own", silent="layer1.0.relu:3")
    assert "Hand over some pictures" in texts(app)
    files = {
        "my/espresso/1.jpg": sample("coffee"),
        "my/lemon/2.jpg": sample("lemon"),
        "my/neither/3.jpg": sample("bus"),
        "my/lemon/broken.jpg": sample("lemon")[:500],
    }
    app.file_uploader(key="over_files").upload("my.zip", zipped(files), "application/zip").run()
    assert not app.exception
    assert "never above zero on these 3 pictures" in texts(app)
    assert "Over the **2 pictures** whose class it knows" in texts(app)
    assert [found.label for found in app.expander if "left out" in found.label] == ["1 file left out"]


def test_pictures_whose_folders_name_no_class_are_gone_over_without_an_accuracy(open_page: Open) -> None:
    app = open_page(section="audit", layer="layer1.0.relu", over="own", silent="layer1.0.relu:3")
    app.file_uploader(key="over_files").upload("1.jpg", sample("coffee"), "image/jpeg").run()
    assert not app.exception
    assert "on this 1 picture" in texts(app)
    assert "No folder is named after a class" in texts(app)


def test_what_was_handed_over_stays_for_the_other_section_until_it_is_forgotten(open_page: Open) -> None:
    app = open_page(section="audit", layer=NEAR, over="own")
    app.file_uploader(key="over_files").upload("1.jpg", sample("coffee"), "image/jpeg").run()
    for section in ("maps", "top"):
        app.segmented_control(key="section").set_value(section).run()
    assert not app.exception
    assert address(app, "over") == "own"
    assert "The picture that you handed over is still here." in texts(app)
    app.button(key="forget_folder").click().run()
    assert "Hand over some pictures" in texts(app)


def test_files_of_which_none_is_a_picture_are_no_error(open_page: Open) -> None:
    app = open_page(section="top", layer=NEAR, over="own")
    app.file_uploader(key="over_files").upload("note.png", b"hello", "image/png").run()
    assert not app.exception
    assert "None of these files is a picture" in texts(app)
