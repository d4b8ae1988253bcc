"""The Attack page without a browser: first view, links, goals, sizes, what is measured, errors, what is taken along."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import aim, around, attack_words, cache, export_attack, samples
from dashboard.answers import Choice
from dashboard.catalogue import ATTACKS, catalogue
from explain.results import Adversarial
from models.errors import ConvLensError
from models.progress import Progress

Open = Callable[..., AppTest]
QUICK = {"attack": "FGSM"}
NAMES = next(iter(catalogue().models.values())).classes


@pytest.fixture
def open_page(open_view: Open) -> Open:
    """Open the Attack page with values in its address and run it once."""
    return partial(open_view, "attack")


def title(app: AppTest) -> str:
    return str(app.title[0].value)


def texts(app: AppTest) -> str:
    return "\n".join(str(text.value) for text in app.markdown).replace("\N{NO-BREAK SPACE}", " ")


def said(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.text]


def no_listener(progress: Progress) -> None:
    """Hear nothing."""


def attacked(method: str = "FGSM", **parameters: Any) -> around.Attacked:
    entry = catalogue().methods[method]
    values = {param.name: param.default for param in entry.params} | parameters
    picture = samples.SAMPLES["chelsea"].picture()
    return around.attack(Choice("everyday_resnet", picture, method, tuple(values.items())), no_listener)


def test_the_first_view_has_run_the_usual_attack(open_page: Open) -> None:
    app = open_page()
    assert not app.exception
    assert app.radio(key="attack").value == "PGD"
    assert app.slider(key="epsilon").value == 4
    assert re.fullmatch(r"What turns \*tabby\* into \*.+\*\?", title(app))
    said = r"A change of at most \*\*4 of 255\*\* per colour turns \*tabby\* into \*.+\*, \*\*(?:over )?[\d.]+ %"
    assert re.search(said, texts(app))
    assert "Random signs of the same size fool the model in **0 of 16**" in texts(app)
    assert "The smallest change that is enough for this attack lies between" in texts(app)
    assert "Spearman" in texts(app) and "SSIM" in texts(app)
    assert "| JPEG, quality 75 |" in texts(app)
    assert "Read back from the file, the model says" in texts(app)
    assert {str(part.value) for part in app.subheader} >= {"Top five before", "Top five after", "Keep it"}
    assert dict(app.query_params) == {}


def test_no_attack_is_offered_as_an_explanation_and_no_explanation_as_an_attack() -> None:
    entries = catalogue()
    assert "PGD" in entries.attacks and next(iter(entries.attacks)) == "PGD"
    assert not set(entries.attacks) & set(entries.explanations)
    others = {entries.methods[name].family for name in set(entries.methods) - {*entries.attacks, *entries.explanations}}
    assert others <= {"Feature visualisation"}
    assert {entry.family for entry in entries.attacks.values()} == {ATTACKS}
    assert "LayerActivations" not in entries.maps and "GradCAM" in entries.maps


def test_the_explain_page_lists_no_attack(open_app: Open) -> None:
    labels = set(open_app().radio(key="method").options)
    assert "Grad-CAM" in labels
    assert not labels & {entry.label for entry in catalogue().attacks.values()}
    assert any("“PGD”" in text for text in said(open_app(method="PGD")))


@pytest.mark.parametrize("asked", ["FGSM", "fgsm"])
@pytest.mark.parametrize("name", ["attack", "method"])
def test_a_link_names_the_attack_in_any_spelling(open_page: Open, asked: str, name: str) -> None:
    app = open_page(**{name: asked})
    assert app.radio(key="attack").value == "FGSM"
    assert "method" not in app.query_params


@pytest.mark.parametrize(("asked", "levels"), [("8", 8.0), ("8/255", 8.0), ("0.0314", 8.0), ("2.5", 2.5)])
def test_a_link_names_the_size_as_people_write_it(open_page: Open, asked: str, levels: float) -> None:
    assert aim.levels(asked) == levels
    app = open_page(epsilon=asked, **QUICK)
    assert not app.exception
    assert app.slider(key="epsilon").value == levels
    assert f"at most **{levels:g} of 255** per colour" in texts(app) or f"at most {levels:g} of 255" in texts(app)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("epsilon", "300"), ("epsilon", "NaN"), ("epsilon", "1/0"), ("goal", "unicorn"), ("attack", "magic")),
        *(("times", "0"), ("explanation", "PGD"), ("evidence", "none"), ("norm", "l7"), ("sweep", "no")),
    ],
)
def test_an_unknown_value_in_a_link_falls_back_with_a_notice(open_page: Open, name: str, value: str) -> None:
    app = open_page(**{name: value})
    assert not app.exception
    assert title(app).startswith("What turns *tabby* into")
    assert any(f"“{value}”" in text for text in said(app))


def test_a_goal_can_be_picked_by_hand_and_by_link(open_page: Open) -> None:
    app = open_page(epsilon="16")
    app.selectbox(key="goal").select("pretzel").run()
    assert title(app) == "What turns *tabby* into *pretzel*?"
    assert "turns *tabby* into *pretzel*, **" in texts(app)
    assert title(open_page(epsilon="16", goal=str(NAMES.index("pretzel")))) == title(app)


def test_a_failed_attack_is_called_one(open_page: Open) -> None:
    app = open_page(epsilon="0.5", goal="school bus", **QUICK)
    assert "FGSM found no change of at most 0.5 of 255 per colour that turns *tabby* into *school bus*" in texts(app)
    assert "does not prove that there is none" in texts(app)
    assert "The attack did not succeed, so there is nothing to survive" in texts(app)
    assert "Attack survives" not in texts(app) and not any("no longer fools" in text for text in said(app))


def test_a_picture_that_was_wrong_from_the_start_is_flagged(open_page: Open) -> None:
    app = open_page(**{"class": "lemon"}, **QUICK)
    assert "The model says *tabby* of this picture to begin with, not *lemon*" in texts(app)
    assert any("to begin with" in text for text in said(app))


def test_the_class_to_leave_cannot_be_reached(open_page: Open) -> None:
    app = open_page(goal="tabby")
    assert not app.exception
    assert any("class to leave" in text for text in said(app))


def test_the_length_of_a_change_has_its_own_slider(open_page: Open) -> None:
    app = open_page(norm="l2", length="2")
    assert not app.exception
    assert app.radio(key="norm").value == "l2"
    assert app.slider(key="length").value == 2
    assert "A change of length **2**" in texts(app)


@pytest.mark.parametrize("name", [*catalogue().attacks])
def test_every_attack_has_its_controls(open_page: Open, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, Any]] = []

    def answer(choice: Choice, listener: object) -> None:
        drawn.extend(choice.parameters)
        raise ConvLensError("Enough.")

    monkeypatch.setattr(cache, "answer", answer)
    app = open_page(attack=name)
    assert not app.exception and "Enough." in said(app)
    import explain

    method = explain.METHODS[name](**dict(drawn))
    assert [pair[0] for pair in drawn] == [param.name for param in catalogue().methods[name].params]
    assert method.goal is None


def test_the_smallest_changes_need_no_curve(open_page: Open) -> None:
    app = open_page(attack="DeepFool")
    assert not app.exception
    assert "DeepFool looks for the smallest change itself: it found one of length" in texts(app)


def test_the_evidence_may_be_that_for_the_class_reached(open_page: Open) -> None:
    app = open_page(**QUICK)
    before = len(cache.shelf().studies)
    app.radio(key="evidence").set_value("the class after").run()
    assert not app.exception
    assert len(cache.shelf().studies) == before + 1


def test_the_twin_is_attacked_in_the_same_way(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around, "twin", lambda key: "everyday_resnet")
    app = open_page(epsilon="3", **QUICK)
    assert not app.exception
    assert "The same attack on **Everyday ResNet**: A change of at most" in texts(app)
    reached = next(name for name in NAMES if f"turns *tabby* into *{name}*" in texts(app))
    app = open_page(epsilon="3", goal="tabby", **{"class": reached}, **QUICK)
    assert "Everyday ResNet**, which takes the picture for *tabby* to begin with: there is nothing" in texts(app)


def test_a_twin_is_shown_only_where_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert around.twin("resnet50") is None
    monkeypatch.setattr(around, "TWINS", ("everyday_resnet", "alexnet"))
    assert around.twin("everyday_resnet") is None  # its weights are not here
    monkeypatch.setattr(around, "weights_here", lambda key, files: "folder")
    assert around.twin("everyday_resnet") == "alexnet" and around.twin("alexnet") == "everyday_resnet"
    monkeypatch.setattr(around, "TWINS", ("everyday_resnet", "no such network"))
    assert around.twin("everyday_resnet") is None


def test_other_networks_are_asked_about_both_pictures(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around, "others", lambda found: ["everyday_resnet"])
    app = open_page(epsilon="3", **QUICK)
    assert "and 1 says it of the picture before the attack. **1 of 1** says something else" in texts(app)
    monkeypatch.setattr(around, "others", lambda found: ["everyday_resnet"] * 9)
    app = open_page(epsilon="3", **QUICK)
    assert app.button(key="ask-transfer").label == "Show it to 9 other networks"
    app.button(key="ask-transfer").click().run()
    assert "and 9 say it of the picture before the attack. **9 of 9** say something else" in texts(app)
    assert app.query_params["transfer"] == "yes"


def test_a_long_attack_is_repeated_at_other_sizes_only_when_asked(open_page: Open) -> None:
    app = open_page(**{"attack": "PGD", "pgd-steps": "70"})
    assert app.button(key="ask-sweep").label.startswith("Try 16 sizes (about ")
    assert "The smallest change that is enough" not in texts(app)


def test_a_stop_while_measuring_keeps_the_attack(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(**QUICK)
    monkeypatch.setattr("dashboard.feedback.state.get", _stopped(app))
    app.run()
    assert title(app).startswith("What turns *tabby*")
    assert app.button(key="again").label == "Start again"
    assert "Spearman" not in texts(app)


def _stopped(app: AppTest) -> Callable[..., Any]:
    """Answer as if whatever has to do with measuring had been stopped."""
    from dashboard import state

    real = state.get

    def get(name: str, default: Any = None) -> Any:
        working = real("working_on")
        if name == "stopped" and isinstance(working, tuple) and working[0] == "around":
            return working
        return real(name, default)

    return get


def test_a_random_network_is_attacked_under_a_banner(open_page: Open) -> None:
    app = open_page(untrained="true", **QUICK)
    assert "random numbers" in app.warning[0].value
    assert title(app).startswith("What turns")


def test_the_recipe_runs_as_it_stands_and_gives_the_same_picture() -> None:
    found = attacked("PGD", epsilon=6 / 255, steps=3, seed=4, goal=NAMES.index("pretzel"))
    record = json.loads(export_attack.recipe(found, around.kept(found, no_listener), NAMES))
    names: dict[str, Any] = {}
    exec(record["python"], names)
    again = names["answer"]
    assert isinstance(again, Adversarial)
    np.testing.assert_allclose(again.pixels, np.load(io.BytesIO(export_attack.raw(found))), atol=1e-6)
    assert again.success == record["result"]["success"]
    assert record["target"]["name"] == "tabby" and record["goal"]["name"] == "pretzel"
    assert record["picture"]["sha256"] == found.choice.picture.sha256
    assert record["weights"]["identity"] == found.answer.weights
    assert record["method"]["parameters"]["seed"] == 4
    assert set(record["versions"]) >= {"python", "torch", "numpy"}


def test_the_file_is_what_the_record_says_and_what_the_network_is_asked_about() -> None:
    import hashlib

    import torch

    found = attacked("PGD", epsilon=4 / 255)
    kept = around.kept(found, no_listener)
    record = json.loads(export_attack.recipe(found, kept, NAMES))
    assert hashlib.sha256(kept.png).hexdigest() == record["file"]["sha256"]
    with Image.open(io.BytesIO(kept.png)) as image:
        assert image.format == "PNG" and not image.info
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    network = cache.load("everyday_resnet")
    assert int(network(pixels).argmax()) == kept.said.index == record["file"]["says"]["index"]
    assert kept.success and kept.linf <= 4 / 255 + 1e-6


def test_sizes_are_written_in_levels() -> None:
    assert attack_words.levels(4 / 255) == "4"
    assert attack_words.levels(0.38 / 255) == "0.38"
    assert attack_words.size(0.5, "l2") == "0.5" and attack_words.size(8 / 255, "linf") == "8 of 255"
