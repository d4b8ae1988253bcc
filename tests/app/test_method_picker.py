"""The choice of a method: six that are recommended, the list of all, links, and methods that do not suit."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explain
import models
from dashboard import cache, catalogue, method_picker, state, warm, words
from dashboard.answers import Answer, Choice
from dashboard.suited import Suited
from models.errors import UnsuitableError

Open = Callable[..., AppTest]
REASON = "This network has no ReLU that the method can change."
#: The class activation map of 2015 needs a network that ends in one average and one linear layer, which this does not.
VGG = "everyday_vgg"


@pytest.fixture(autouse=True)
def _list_of_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a button for each method stand for the list, which the browser draws."""

    def draw(key: str, data: dict[str, Any], on_picked_change: Callable[[], None]) -> None:
        def take(name: str) -> None:
            state.put(key, {"picked": name})
            on_picked_change()

        for group in data["groups"]:
            st.subheader(group["heading"])
            for method in group["methods"]:
                help = method["reason"] or method["caption"]
                pressable = not method["reason"]
                st.button(
                    method["name"], f"pick-{method['id']}", help, take, args=(method["id"],), disabled=not pressable
                )

    monkeypatch.setattr(method_picker, "_list", draw)


def title(app: AppTest) -> str:
    return str(app.title[0].value)


def said(app: AppTest) -> str:
    texts = "\n".join(str(text.value) for text in [*app.markdown, *app.text])
    return texts.replace("\\", "")


def picked(app: AppTest) -> str:
    return str(app.radio(key="method").value)


def refuse(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    """Let these methods be found unsuitable, as probing the loaded network would find."""
    found: dict[str, str] = {}
    answer = cache.answer

    def answered(choice: Choice, listener: Any) -> Answer:
        if choice.method in methods:
            found[choice.method] = REASON
            raise UnsuitableError(REASON)
        return answer(choice, listener)

    monkeypatch.setattr(cache, "answer", answered)
    monkeypatch.setattr(cache, "unsuitable", lambda key, untrained: dict(found))


def test_six_are_recommended_and_grad_cam_is_the_default() -> None:
    assert len(set(catalogue.RECOMMENDED)) == 6
    assert catalogue.RECOMMENDED[0] == next(iter(catalogue.catalogue().methods)) == "GradCAM"


def test_every_recommended_method_is_there_and_every_question_has_one() -> None:
    found = catalogue.catalogue().recommended
    assert tuple(found) == catalogue.RECOMMENDED
    assert {entry.question for entry in found.values()} == set(words.QUESTIONS)


def test_a_recommended_method_that_is_not_registered_breaks_nothing(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "RECOMMENDED", ("GradCAM", "NoSuchMethod"))
    app = open_app()
    assert not app.exception
    assert app.radio(key="method").options == ["Grad-CAM"]


def test_the_list_holds_every_method_once_under_its_question() -> None:
    groups = method_picker.listed("GradCAM", {})["groups"]
    listed = [method["id"] for group in groups for method in group["methods"]]
    assert sorted(listed) == sorted(catalogue.catalogue().explanations)
    for group in groups:
        for method in group["methods"]:
            assert words.QUESTIONS[explain.METHODS[method["id"]].question] == group["heading"]
            assert method["caption"]


def found(text: str) -> list[str]:
    """Search as the browser does: every word must occur in what a method goes by, whatever is between its letters."""
    words_asked = [plain(word) for word in text.split()]
    methods = [method for group in method_picker.listed("GradCAM", {})["groups"] for method in group["methods"]]
    known = {method["id"]: plain(f"{method['name']} {method['caption']} {method['also']}") for method in methods}
    return [name for name, held in known.items() if all(word in held for word in words_asked)]


def plain(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower().replace("+", "plus"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("expected gradients", {"GradientSHAP"}),
        ("dff", {"FeatureFactorization"}),
        ("nmf", {"FeatureFactorization"}),
        ("shap", {"GradientSHAP", "KernelSHAP", "DeepLift"}),
        ("layer-wise relevance", {"LRP"}),
        ("deconvolution", {"Deconvnet"}),
        ("vanilla gradient", {"Saliency"}),
        ("noise tunnel", {"SmoothGrad", "SmoothGradSquared", "VarGrad"}),
        ("GradCAMpp", {"GradCAMPlusPlus"}),
    ],
)
def test_a_method_is_found_by_what_else_it_is_called(text: str, names: set[str]) -> None:
    assert set(found(text)) == names


def test_what_people_know_from_captum_is_found_by_its_name() -> None:
    assert {"GradCAM", "IntegratedGradients", "Saliency", "Occlusion", "LRP"} <= set(found("captum"))
    assert "RISE" not in found("captum")


@pytest.mark.parametrize("text", ["gradcam", "grad-cam", "Grad-CAM", "cam", "heatmap"])
def test_the_default_comes_first_where_it_is_meant(text: str) -> None:
    assert found(text)[0] == "GradCAM"


def test_other_names_belong_to_methods_of_the_list() -> None:
    assert method_picker.OTHER_NAMES.keys() <= catalogue.catalogue().explanations.keys()


def test_captions_say_how_fast_and_how_far_to_trust_in_what_fits_a_phone() -> None:
    for name in catalogue.catalogue().explanations:
        speed, _, rest = explain.METHODS[name].caption.partition(": ")
        assert speed in ("instant", "fast", "medium", "slow", "very slow") and len(rest.split()) > 2
        assert len(explain.METHODS[name].caption) <= 48


def test_the_readme_names_every_method() -> None:
    readme = (catalogue.ASSETS.parent / "README.md").read_text(encoding="utf-8")
    rows = tuple(f"| {question} |" for question in words.QUESTIONS.values())
    table = [line for line in readme.splitlines() if line.startswith(rows)]
    named = {name.strip() for line in table for name in re.split(r"[|,;]| and | on ", line)}
    assert {entry.label for entry in catalogue.catalogue().explanations.values()} <= named


@pytest.mark.parametrize("question", words.QUESTIONS)
def test_a_method_of_each_question_can_be_picked_from_the_list(open_app: Open, question: str) -> None:
    entries = catalogue.catalogue().explanations.values()
    entry = next(entry for entry in entries if entry.question == question)
    other = "Saliency" if question == "where" else "GradCAM"
    app = open_app(method=other, occlusion_window="24", occlusion_stride="24")
    app.button(key=f"pick-{entry.name}").click().run()
    assert not app.exception
    assert picked(app) == entry.name
    assert title(app).startswith("Why did the model say")


def test_what_the_list_picks_stands_in_the_address_and_beside_the_recommended_ones(open_app: Open) -> None:
    app = open_app()
    assert "Gradient" not in app.radio(key="method").options
    app.button(key="pick-Saliency").click().run()
    assert not app.exception
    label = catalogue.catalogue().methods["Saliency"].label
    assert picked(app) == "Saliency" and app.radio(key="method").options[-1] == label
    assert app.query_params["method"] in ("Saliency", ["Saliency"])
    assert picked(open_app(method="Saliency")) == "Saliency"
    app.radio(key="method").set_value("GradCAM").run()
    assert "method" not in app.query_params
    assert app.radio(key="method").options[-1] == label


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Grad-CAM++", "GradCAMPlusPlus"),
        *(("grad-cam++", "GradCAMPlusPlus"), ("grad-cam-plus-plus", "GradCAMPlusPlus")),
        *(("GradCAM", "GradCAM"), ("grad-cam", "GradCAM"), ("Saliency", "Saliency"), ("saliency", "Saliency")),
    ],
)
def test_a_link_may_spell_a_method_in_any_way(open_app: Open, asked: str, name: str) -> None:
    app = open_app(method=asked)
    assert picked(app) == name
    assert app.query_params.get("method", name) in ([name], name)


def test_a_method_that_does_not_suit_says_why_in_the_list_and_where_its_answer_would_stand(open_app: Open) -> None:
    reason = catalogue.catalogue().models[VGG].unsuitable["CAM"]
    app = open_app(model=VGG, method="CAM")
    assert not app.exception
    assert picked(app) == "CAM" and not app.error
    assert "**CAM has no answer here.**" in said(app) and reason in said(app)
    assert app.button(key="pick-CAM").disabled and app.button(key="pick-CAM").help == reason
    app.button(key="instead-GradCAM").click().run()
    assert picked(app) == "GradCAM"
    assert "has no answer" not in said(app) and "sure." in said(app)


def test_one_that_turns_out_unsuitable_says_so_and_is_unavailable_from_then_on(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "Saliency")
    app = open_app()
    assert not app.button(key="pick-Saliency").disabled
    app.button(key="pick-Saliency").click().run()
    assert REASON in said(app) and picked(app) == "Saliency"
    app.run()
    assert app.button(key="pick-Saliency").disabled


def test_a_default_that_does_not_suit_gives_way_to_the_next(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "GradCAM")
    app = open_app()
    assert not app.exception
    assert picked(app) == catalogue.RECOMMENDED[1]
    assert "sure." in said(app) and "has no answer" not in said(app)
    assert any("Not on this network" in str(caption.value) for caption in app.caption)


def test_where_nothing_suits_the_reason_is_shown(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, *catalogue.catalogue().explanations)
    app = open_app()
    assert not app.exception
    assert REASON in said(app)


def test_about_a_method_says_all_that_is_meant_for_people(open_app: Open) -> None:
    app = open_app(method="Saliency")
    entry = catalogue.catalogue().methods["Saliency"]
    assert all(text in said(app) for text in (entry.doc, *entry.more))
    assert any("arXiv" in str(caption.value) for caption in app.caption)
    assert entry.doc.endswith(".") and entry.more


def test_only_what_is_asked_for_is_probed_before_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    probed: list[str] = []
    unsuitable = explain.unsuitable

    def noting(network: models.LoadedModel, method: type[explain.Method]) -> str | None:
        probed.append(method.__name__)
        return unsuitable(network, method)

    monkeypatch.setattr(explain, "unsuitable", noting, raising=False)
    network = models.load(VGG)
    shelf = cache.Shelf()
    choice = dict.fromkeys(("CAM", "Saliency"))
    assert shelf.suited.unsuitable(network) == {}
    for method in choice:
        shelf.suited.find(network, method)
    assert probed == list(choice)
    assert list(shelf.suited.unsuitable(network)) == ["CAM"]


def test_the_others_are_probed_in_the_background_as_long_as_somebody_holds_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probed: list[str] = []
    monkeypatch.setattr(Suited, "find", lambda suited, network, method: probed.append(method))
    network = models.load(VGG)
    held = weakref.ref(network)
    warm.probe(cache.Shelf(), held)
    assert probed == list(catalogue.catalogue().methods)
    probed.clear()
    del network
    gc.collect()
    warm.probe(cache.Shelf(), held)
    assert probed == []


def test_a_network_that_does_not_ship_is_looked_into_once_and_others_never(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []

    class Noted:
        def __init__(self, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> None:
            begun.append(args[1]())

        def start(self) -> None:
            assert begun

    network, shelf = models.load(VGG), cache.Shelf()
    monkeypatch.setenv("CONVLENS_WARM", "1")
    monkeypatch.setattr(warm, "Thread", Noted)
    monkeypatch.setattr(cache, "once", lambda name, act: None)
    monkeypatch.setattr(cache, "shelf", lambda: shelf)
    monkeypatch.setattr(cache, "loaded", lambda key, untrained: network)

    def looked_at(*keys: str | None) -> list[Any]:
        for key in keys:
            monkeypatch.setattr(state, "get", {"model": key}.get)
            warm.soon()
        return begun

    assert looked_at(VGG, None) == []
    assert looked_at("resnet50", "resnet50") == [network]
