"""One mistake on the page: its neighbours, other crops, corruptions and other networks."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cases import KEY, Open, asked, drawn, named, network, texts
from dashboard import around, cache, state
from dashboard.answers import Choice
from dashboard.mistakes import crops, gallery, near, others
from dashboard.mistakes.corrupted import said
from dashboard.mistakes.place import Place
from explain.corruptions import CORRUPTIONS, Corrupted
from explain.mistake_figures import path_figure, strengths_figure
from explain.neighbours import Near, Neighbours
from explain.preparations import preparations
from models.errors import WeightsError


def test_the_nearest_pictures_are_sorted_by_outcome_and_a_click_opens_one(
    open_case: Open, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets: dict[str, list[dict[str, Any]]] = {}
    monkeypatch.setattr(gallery, "show", lambda data, label, key: sheets.update({key: data["tiles"]}))
    app = open_case("grey 1", side="near")
    assert not app.exception
    right, wrong = sheets["near-right"], sheets["near-wrong"]
    assert {tile["mark"] for tile in right} == {"right"} and {tile["mark"] for tile in wrong} == {"wrong"}
    assert wrong[0]["id"] == named(place, "grey 0").number
    assert wrong[0]["guess"] == "basketball"
    assert wrong[0]["true"].startswith("taken for computer keyboard, nearness 0.")
    monkeypatch.setattr(state, "get", lambda key: {"picked": 3} if key == "near-wrong" else None)
    opened: list[tuple[str, str | None]] = []
    monkeypatch.setattr(state, "mirror", lambda name, value: opened.append((name, value)))
    gallery._pick("near-wrong")
    assert opened == [("case", "3")]


def test_the_sentence_on_neighbours_goes_by_their_labels(place: Place) -> None:
    wrong, right = asked(place, "grey 1"), asked(place, "lemon")
    rows = [list(place.run.cases.name).index(name) for name in ("lemon", "orange", "grey 0")]

    def found(count: int, same_label: int, same_guess: int) -> Neighbours:
        nearest = tuple(Near(rows[number % 3], 0.5) for number in range(count))
        return Neighbours((), (), nearest, same_label, same_guess)

    assert "Of the 6 nearest pictures, **5** are labelled *computer keyboard*, which is what" in near.said(
        found(6, 1, 5), place, wrong
    )
    own = near.said(found(6, 4, 1), place, wrong)
    assert "**4** are labelled *basketball*, as this one is, and **2** are taken for *computer keyboard*, too" in own
    assert "2 *lemon*, 2 *orange*, 2 *basketball*" in near.said(found(6, 2, 2), place, wrong)
    assert near.said(found(1, 1, 1), place, right).startswith("The nearest picture is labelled *lemon*, too")
    assert near.said(found(0, 0, 0), place, wrong).startswith("There is no other picture")


def test_a_network_without_an_embedding_says_so(place: Place) -> None:
    header = dataclasses.replace(place.run.header, checksum="of other pictures")
    run = dataclasses.replace(place.run, folder=Path("elsewhere"), header=header)
    vars(run)["embeddings"] = None
    case = named(place, "grey 1")
    fewer = dataclasses.replace(place.pictures, sources=place.pictures.sources[:-1])
    other = dataclasses.replace(place, run=run, pictures=fewer)
    app = AppTest.from_function(drawn, kwargs={"place": other, "case": case}, default_timeout=120)
    app.query_params["side"] = "near"
    app.run()
    assert not app.exception
    assert any("does not end in a linear layer" in str(text.value) for text in app.text)


def test_other_crops_begin_with_what_the_network_saw_and_say_how_often_the_answer_stays(
    open_case: Open, place: Place
) -> None:
    app = open_case("grey 1", side="crops")
    assert not app.exception
    found = asked(place, "grey 1")
    model = network()
    ways = preparations(model, found.choice.picture.image, found.second, found.first)
    crop = model.crop(found.choice.picture.image)[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(ways[0].seen, np.rint(crop * 255).astype(np.uint8))
    kept = sum(way.said == found.first for way in ways[1:])
    assert f"Cut and resized in **{len(ways) - 1}** other ways, it still says *computer keyboard* " in texts(app)
    assert f"**{kept} times**" in texts(app)
    assert f"Mirrored: *{place.names[ways[10].said]}*" in texts(app) and ways[10].name == "Mirrored"
    assert len(app.get("image")) == len(ways)


def test_crops_that_bring_the_true_class_blame_the_preparation(place: Place) -> None:
    found = asked(place, "grey 1")
    own, *rest = preparations(
        network(), found.choice.picture.image, found.second, found.first
    )

    def turned(count: int) -> str:
        ways = [dataclasses.replace(way, said=found.second if i < count else found.first) for i, way in enumerate(rest)]
        return crops.said((own, *ways), found)

    assert turned(0).endswith("**not once**: it is not the way the picture is prepared.")
    assert "**once** (all of it, squeezed): the preparation has a part in it." in turned(1)
    assert turned(9).endswith("It is the preparation.")


def test_corruptions_are_drawn_as_lines_pictures_and_a_table(open_case: Open, place: Place) -> None:
    app = open_case("grey 1", side="corrupted", corruption="blur")
    assert not app.exception
    assert len(app.get("plotly_chart")) == len(CORRUPTIONS)
    assert len(app.get("image")) == 5
    assert f"{CORRUPTIONS['blur'].told(3)}: *" in "\n".join(str(caption.value) for caption in app.caption)
    table = app.dataframe[0].value
    assert len(table) == 5 * len(CORRUPTIONS)
    kept = int((table["It says"] == "computer keyboard").sum())
    assert f"The answer stays *computer keyboard* under **{kept} of {len(table)}** changes." in texts(app)


def test_the_sentence_on_corruptions_names_the_least_that_turns_the_answer(place: Place) -> None:
    wrong, right = asked(place, "grey 1"), asked(place, "lemon")

    def found(*answers: int) -> tuple[Corrupted, ...]:
        amounts = ["a little", "more", "a lot"]
        told = zip(range(1, 4), amounts, answers, strict=False)
        return tuple(Corrupted("blur", strength, amount, 0.1, 0.5, answer, 0.6) for strength, amount, answer in told)

    stays = said(found(wrong.first, wrong.first), wrong)
    assert stays.endswith("**2 of 2** changes. So it is not a matter of light, sharpness or noise.")
    mends = said(found(wrong.first, wrong.second, wrong.second), wrong)
    assert "**2** of them make it say *basketball*. The least of each kind: more." in mends and "thread" not in mends
    assert "hangs by a thread" in said(found(wrong.second, wrong.first), wrong)
    turns = said(found(right.first, right.second, right.first), right)
    assert turns.endswith(f"The least that turns it: more (it says {right.named(right.second)}).")


def test_other_networks_are_asked_one_after_the_other(open_case: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around, "others", lambda choice: ["everyday_vgg", "everyday_robust"])
    so_far: list[int] = []
    real = others._table
    monkeypatch.setattr(others, "_table", lambda answers, names: so_far.append(len(answers)) or real(answers, names))
    app = open_case("grey 1", side="others")
    assert not app.exception
    assert so_far == [1, 2]
    assert "| Network | It says | computer keyboard | basketball |" in texts(app)
    assert "| Everyday VGG | " in texts(app) and "of 2 other networks** " in texts(app)


def test_a_network_that_cannot_be_asked_is_a_row_with_the_reason(
    open_case: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(around, "others", lambda choice: ["everyday_vgg", "everyday_robust"])
    monkeypatch.setattr(cache, "loaded", lambda key, untrained: None)
    real = cache.load

    def load(key: str, untrained: bool = False) -> Any:
        if key == "everyday_vgg":
            raise WeightsError("These weights are damaged.", "Fetch them again.")
        return real(key, untrained)

    monkeypatch.setattr(cache, "load", load)
    app = open_case("lemon", side="others")
    assert not app.exception
    assert r"| Everyday VGG | These weights are damaged\. Fetch them again\. |  |  |" in texts(app)
    assert "**1 of 1 other network** says *lemon*, too." in texts(app)


def test_a_class_that_a_network_does_not_know_is_called_that(open_case: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around, "others", lambda choice: ["everyday_vgg"])
    app = open_case("foreign", side="others")
    assert not app.exception
    assert r"| \*unheard of\* |" in texts(app)
    assert re.search(r"\| Everyday VGG \| school bus, .* %? ?\| .* \| does not know this class \|", texts(app))


def test_the_sentence_on_other_networks_tells_whose_mistake_it_is(place: Place) -> None:
    from explain.second_opinions import Opinion

    wrong = asked(place, "grey 1")
    names = others.Names("computer keyboard", "basketball")

    def told(*answers: str, knows: bool = True) -> str:
        opinions = [Opinion(name, name, name, 0.5, knows, 0.5 if knows else None, 0.5) for name in answers]
        return others.said([others.Asked(one.label, one) for one in opinions], names, wrong)

    assert told("basketball", "Basketball").endswith("When others get it right, it is this network.")
    assert told("computer keyboard", "sock").endswith("look at the picture and its label.")
    assert "(0 of them know it)" in told("sock", knows=False)
    assert others.said([others.Asked("x", None, "No.")], names, wrong) == "No other network could be asked yet."


def test_networks_that_were_handed_over_are_among_the_others(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    choice = Choice(KEY, asked(place, "lemon").choice.picture, "")
    assert "alexnet" not in around.others(choice) and KEY not in around.others(choice)
    monkeypatch.setattr(around.own, "find", lambda key: key == "alexnet")
    assert "alexnet" in around.others(choice)


def test_lines_begin_with_the_picture_as_it_is_and_show_names_as_text() -> None:
    figure = path_figure([0.9, 0.5, 0.2], [0.05, 0.3, 0.6], ("<b>bold</b>", "plain"))
    assert [list(line.y) for line in figure.data] == [[0.9, 0.5, 0.2], [0.05, 0.3, 0.6]]
    assert list(figure.data[0].x) == [0, 1, 2]
    assert figure.data[0].name == "&lt;b&gt;bold&lt;/b&gt;"
    figure = strengths_figure([0.9, 0.5], [0.05, 0.3], ("one", "other"), ["as it is", "darker"])
    assert list(figure.data[1].text) == ["as it is", "darker"]
