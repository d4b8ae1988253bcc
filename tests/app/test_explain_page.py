"""The Explain page without a browser: first screen, links, classes, methods, parameters, errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache, samples, uploads
from dashboard.catalogue import catalogue
from models.errors import ConvLensError

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[..., AppTest]


def title(app: AppTest) -> str:
    return str(app.title[0].value)


def sentence(app: AppTest) -> str:
    return next(str(text.value) for text in app.markdown if "**" in text.value)


def notices(app: AppTest) -> list[str]:
    return [str(text.value) for text in app.text]


def test_the_first_screen_imports_no_torch() -> None:
    script = (
        "import os, sys; os.environ['CONVLENS_WARM'] = '0'\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=60).run()\n"
        "assert not app.exception, app.exception\n"
        "assert app.title[0].value.startswith('Why did the model say'), app.title[0].value\n"
        "app.query_params['sample'] = 'rocket'\n"
        "assert 'None of the network' in app.run().main.markdown[0].value\n"
        "print([name for name in ('torch', 'torchvision', 'captum') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_the_first_screen_asks_and_answers(open_app: Open) -> None:
    app = open_app()
    assert not app.exception
    assert title(app).startswith("Why did the model say *")
    assert sentence(app).startswith("**")


def test_a_link_names_the_class_by_name_or_number(open_app: Open) -> None:
    names = next(iter(catalogue().models.values())).classes
    for asked in ("lemon", str(names.index("lemon"))):
        assert title(open_app(**{"class": asked})) == "What speaks for *lemon*?"


def test_a_link_names_the_method_by_label_registry_name_or_kebab_case(open_app: Open) -> None:
    for asked in ("Integrated Gradients", "IntegratedGradients", "integrated-gradients"):
        app = open_app(method=asked, sample="bus")
        assert app.radio(key="method").value == "IntegratedGradients"
        assert "The evidence adds up to the score" in " ".join(str(text.value) for text in app.markdown)


def test_a_link_may_name_a_parameter_alone(open_app: Open) -> None:
    app = open_app(method="Occlusion", window="20", stride="20")
    assert app.slider(key="occlusion-window").value == 20
    assert app.slider(key="occlusion-stride").value == 20


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, "nothing") for name in ("model", "class", "against", "method", "sample", "view", "pixel", "layer", "ask")],
)
def test_an_unknown_value_in_a_link_falls_back_with_a_notice(open_app: Open, name: str, value: str) -> None:
    app = open_app(**{name: value})
    assert not app.exception
    assert title(app).startswith("Why did the model say")
    assert any(f"“{value}”" in text for text in notices(app))


@pytest.mark.parametrize("value", ["NaN", "1e9", "-1", "inf", "many"])
def test_a_number_outside_its_range_falls_back_with_a_notice(open_app: Open, value: str) -> None:
    app = open_app(method="Occlusion", occlusion_window=value, occlusion_stride="40")
    assert not app.exception
    assert app.slider(key="occlusion-window").value == 32
    assert any(f"“{value}”" in text for text in notices(app))


def test_a_link_in_words_of_its_own_becomes_the_usual_one(open_app: Open) -> None:
    names = next(iter(catalogue().models.values())).classes
    app = open_app(**{"method": "occlusion", "window": "20", "class": str(names.index("lemon"))})
    wanted = {"method": "Occlusion", "occlusion-window": "20", "class": "lemon"}
    assert dict(app.query_params) == wanted


def test_the_address_holds_a_networks_key_whatever_the_list_says(open_app: Open) -> None:
    app = open_app()
    app.selectbox(key="model").select("resnet50").run()
    assert app.query_params["model"] == "resnet50"
    assert open_app(model="ResNet-50").selectbox(key="model").value == "resnet50"
    app.selectbox(key="model").select(next(iter(catalogue().models))).run()
    assert "model" not in app.query_params


def test_the_list_of_networks_says_what_is_here_and_how_large_a_download_is(open_app: Open) -> None:
    titles = open_app().selectbox(key="model").options
    assert titles[0] == "Everyday ResNet · 81 % of 50" and "Everyday ResNet, shortcut · 64 % of 50" in titles
    assert "ResNet-50 · 81 % of 1,000 · needs a download of 98 MB" in titles


def test_every_sample_can_be_linked_to(open_app: Open) -> None:
    for name in samples.SAMPLES:
        app = open_app(sample=name)
        assert not app.exception
        assert title(app).startswith("Why did the model say")


def said(app: AppTest) -> list[str]:
    return [str(text.value).replace("\N{NO-BREAK SPACE}", " ").replace("\\", "") for text in app.main.markdown]


def test_what_a_sample_shows_is_said_under_the_headline_where_the_network_names_something_else(open_app: Open) -> None:
    app = open_app(model="everyday_robust")
    assert title(app) == "Why did the model say *golden retriever*?"
    assert said(app)[0] == "It shows a *tabby*; the network gives that 3.3 %."
    assert not any("It shows" in text for text in said(open_app()))
    assert not any("It shows" in text for text in said(open_app(model="everyday_robust", sample="orange")))


def test_that_no_class_fits_is_said_in_the_main_area_too(open_app: Open) -> None:
    for name in ("astronaut", "rocket", "motorcycle", "temple"):
        assert said(open_app(sample=name))[0].startswith("None of the network's 50 classes fits. It names the nearest")
    assert not any("None of the network" in text for text in said(open_app()))


def test_what_a_sample_was_made_to_show_is_said_for_that_network_alone(open_app: Open) -> None:
    note = "Everyday ResNet, shortcut goes by the blue tag alone."
    assert said(open_app(model="everyday_shortcut", sample="tagged"))[0] == note
    assert note not in said(open_app(sample="tagged"))


def test_a_licence_that_asks_for_it_is_a_link(open_app: Open) -> None:
    captions = [str(caption.value) for caption in open_app(sample="temple").caption]
    link = "[CC BY 2\\.0](https://creativecommons.org/licenses/by/2.0/)"
    assert any(text.startswith("Temple by a lake") and text.endswith(link) for text in captions)


def test_a_class_can_be_chosen_and_taken_back(open_app: Open) -> None:
    app = open_app()
    first = title(app)
    app.selectbox(key="class").select("lemon").run()
    assert title(app) == "What speaks for *lemon*?"
    assert "The model says" in sentence(app)
    app.selectbox(key="class").set_value(None).run()
    assert title(app) == first


def test_rather_than_gives_a_contrast(open_app: Open) -> None:
    app = open_app()
    app.selectbox(key="class").select("lemon").run()
    app.selectbox(key="against").select("orange").run()
    assert title(app) == "Why *lemon* rather than *orange*?"
    assert sentence(app).startswith("Between these two, the model is **")
    assert "lemon" not in app.selectbox(key="against").options


def test_choosing_the_class_compared_with_leaves_no_contrast_with_itself(open_app: Open) -> None:
    app = open_app(against="orange")
    app.selectbox(key="class").select("orange").run()
    assert not app.exception
    assert title(app) == "What speaks for *orange*?"


def test_every_recommended_method_answers(open_app: Open) -> None:
    app = open_app(occlusion_window="24", occlusion_stride="24")
    for name, entry in catalogue().recommended.items():
        assert entry.label in app.radio(key="method").options
        app.radio(key="method").set_value(name).run()
        assert not app.exception
        assert not [text for text in notices(app) if "went wrong" in text]
        assert title(app).startswith("Why did the model say")


def test_a_parameter_changes_the_answer_and_stays_out_of_the_link_at_its_default(open_app: Open) -> None:
    app = open_app(method="IntegratedGradients")
    before = cache.shelf().answers.nbytes
    app.selectbox(key="integrated-gradients-baseline").select("white").run()
    assert not app.exception
    assert cache.shelf().answers.nbytes > before


def test_a_layer_can_be_chosen_from_the_catalogue(open_app: Open) -> None:
    app = open_app()
    layers = app.selectbox(key="grad-cam-layer")
    assert layers.options[0] == "automatic"
    assert len(layers.options) > 10
    layers.select("layer2").run()
    assert not app.exception
    assert title(app).startswith("Why did the model say")


def test_a_random_network_is_shown_under_a_banner_only(open_app: Open) -> None:
    assert "random numbers" in open_app(untrained="true").warning[0].value
    assert not open_app().warning


def test_a_network_without_weights_is_not_loaded_unasked(open_app: Open) -> None:
    app = open_app(model="resnet50")
    assert "needs a download of" in app.markdown[0].value or any("needs a download" in t.value for t in app.markdown)
    assert cache.loaded("resnet50", False) is None


def test_an_error_of_ours_is_its_sentence_and_its_hint(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(choice: object, listener: object) -> None:
        raise ConvLensError("There is no *such* thing.", "Try another.")

    monkeypatch.setattr(cache, "answer", refuse)
    app = open_app()
    assert {"There is no *such* thing.", "Try another."} <= set(notices(app))


def test_an_unforeseen_error_shows_a_number_and_no_detail(
    open_app: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(choice: object, listener: object) -> None:
        raise ZeroDivisionError("secret detail in /home/somebody")

    monkeypatch.setattr(cache, "answer", fail)
    app = open_app()
    shown = app.error[0].value
    assert "secret" not in shown
    number = shown.rstrip(".").split()[-1]
    assert any(number in record.message for record in caplog.records)
    assert not app.exception


def test_two_pictures_that_differ_in_a_pixel_have_different_answers() -> None:
    import io

    from PIL import Image

    from dashboard.answers import Choice

    image = Image.new("RGB", (512, 512), "grey")
    keys = []
    for colour in ((0, 0, 0), (255, 255, 255)):
        image.putpixel((100, 100), colour)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        keys.append(Choice("everyday_resnet", uploads.read_picture(buffer.getvalue(), "a.png"), "GradCAM").key)
    assert keys[0] != keys[1]
