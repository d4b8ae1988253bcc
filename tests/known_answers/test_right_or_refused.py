"""Every attribution method on thirteen architectures: it answers, and what it claims to add up adds up, or it refuses.

Other libraries' maps of the same networks stand in test_oracles_on_architectures.py. Here methods run with as few
samples as they take, so a path may well miss more than 1 % of its difference: then its notes say so.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import explain
from architectures import NETWORKS, Case, on
from explain import class_activation, silencing
from explain.methods import ablation_cam, score_cam
from models.errors import UnsuitableError

pytestmark = pytest.mark.slow

FAMILIES = {"Class activation maps", "Gradients", "Perturbation", "Attention", "Parts"}
ATTRIBUTIONS = [name for name, method in explain.METHODS.items() if method.family in FAMILIES]

#: As few samples as show that a method runs.
QUICK: dict[str, dict[str, Any]] = {
    **{name: {"samples": 2} for name in ("SmoothGrad", "SmoothGradSquared", "VarGrad", "GradientSHAP")},
    **{name: {"steps": 2} for name in ("IntegratedGradients", "BlurIG", "GuidedIG", "XRAI")},
    "Occlusion": {"window": 64, "stride": 64},
    "RISE": {"samples": 10},
    "LIME": {"samples": 10, "segments": 6},
    "KernelSHAP": {"samples": 10, "segments": 6},
    "ExtremalPerturbation": {"steps": 10},
    "FeatureFactorization": {"iterations": 10},
}

TRANSFORMERS = ("vit_b_16", "swin_t")
NO_RELU = dict.fromkeys(("efficientnet_b0", "convnext_tiny", *TRANSFORMERS), "no ReLU that the method can change")
CURVED = dict.fromkeys(("convnext_tiny", *TRANSFORMERS), "curved in other ways than single values are")
NO_CLASS_TOKEN = {
    **{key: "no attention that can be read" for key in NETWORKS if key not in TRANSFORMERS},
    "swin_t": "has no class token",
}
#: Which methods mean nothing on which networks, with words of the reason. All others are right.
REFUSED: dict[str, dict[str, str]] = {
    "CAM": {
        **dict.fromkeys(("vgg16_bn", "mobilenet_v3_large", "convnext_tiny", "vit_b_16"), "does more after"),
        "squeezenet1_1": "no linear layer with weights follows",
    },
    "FullGrad": CURVED,
    **dict.fromkeys(("GuidedBackprop", "Deconvnet", "GuidedGradCAM"), NO_RELU),
    "LRP": dict.fromkeys(TRANSFORMERS, "no rule for"),
    **dict.fromkeys(("AttentionRollout", "GradientRollout"), NO_CLASS_TOKEN),
}


def test_these_are_all_methods_of_the_catalogue() -> None:
    assert len(ATTRIBUTIONS) == 36


@pytest.fixture
def few_channels(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Score-CAM and Ablation-CAM weigh four channels: each is a run of the network."""
    whole, channels_of = class_activation.activation_of, silencing.channels_of
    for module in (score_cam, ablation_cam):
        monkeypatch.setattr(module, "activation_of", lambda trace, layer: whole(trace, layer)[:4])
    monkeypatch.setattr(silencing, "channels_of", lambda model, layer: (channels_of(model, layer)[0], 4))


@pytest.mark.usefixtures("few_channels")
@pytest.mark.parametrize("name", ATTRIBUTIONS)
@on(*NETWORKS)
def test_a_method_is_right_on_a_network_or_refuses_it_in_words(case: Case, name: str) -> None:
    method, words = explain.METHODS[name](**QUICK.get(name, {})), REFUSED.get(name, {}).get(case.key)
    if words is not None:
        assert words in str(explain.unsuitable(case.model, type(method)))
        with pytest.raises(UnsuitableError, match=words):
            explain.run(case.model, case.trace, method, case.target)
        return
    assert explain.unsuitable(case.model, type(method)) is None
    found = explain.run(case.model, case.trace, method, case.target)
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        assert not isinstance(value, np.ndarray) or np.isfinite(value).all(), field.name
    if isinstance(found, explain.Heatmap):
        assert found.values.shape == case.pixels.shape[-2:]
        # Four channels may add nothing: SqueezeNet's last ones are other classes.
        assert found.values.any() or name == "AblationCAM"
        adds_up(found)


def adds_up(found: explain.Heatmap) -> None:
    """Hold a map to what its checks claim; a path of two steps may miss its difference if it says so."""
    assert found.checks.get("conservation", 0) < 0.01
    if found.checks.get("completeness", 0) > 0.01:
        assert "steps" in QUICK.get(type(found.method).__name__, {}) or isinstance(found.method, explain.GradientSHAP)
        assert any("miss" in note for note in found.notes)


@on(*NETWORKS)
def test_deep_lifts_shares_are_the_difference(case: Case) -> None:
    with torch.no_grad():
        rise = float(case.target(case.trace.logits) - case.target(case.model(torch.zeros_like(case.pixels))))
    found = explain.run(case.model, case.trace, explain.METHODS["DeepLift"](), case.target)
    assert found.values.sum(dtype=float) == pytest.approx(rise, rel=0.01)
