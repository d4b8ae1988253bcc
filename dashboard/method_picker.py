"""The choice of a method: those that are recommended, and the list of all, which the browser searches by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import cache, state, words
from dashboard.catalogue import catalogue
from dashboard.components import component
from explain.method import kebab

if TYPE_CHECKING:
    from dashboard.catalogue import MethodEntry, ModelEntry

_list = component("methods")
#: What else a method goes by, and the programs that people know it from: found by searching, shown nowhere.
OTHER_NAMES = {
    "AttentionRollout": "transformer ViT",
    "BlurIG": "Blur Integrated Gradients, PAIR saliency",
    "CAM": "class activation mapping, global average pooling",
    "Deconvnet": "deconvolution, captum",
    "DeepLift": "deep SHAP, Rescale, captum",
    "EigenCAM": "PCA, principal component",
    "ExtremalPerturbation": "meaningful perturbation, smallest mask, TorchRay",
    "FeatureFactorization": "DFF, deep feature factorization, NMF, concepts",
    "FullGrad": "bias gradients",
    "GradCAM": "gradient-weighted class activation mapping, heatmap, captum",
    "GradCAMPlusPlus": "GradCAMpp",
    "GradientRollout": "transformer ViT attention",
    "GradientSHAP": "expected gradients, captum",
    "GuidedBackprop": "guided backpropagation, GBP, captum",
    "GuidedGradCAM": "captum",
    "GuidedIG": "Guided Integrated Gradients, PAIR saliency",
    "InputXGradient": "gradient times input, gradient x input, captum",
    "IntegratedGradients": "IG, path, axiomatic, captum",
    "KernelSHAP": "Shapley values, captum",
    "LayerActivations": "activations, channels, captum",
    "LIME": "local surrogate, captum",
    "LRP": "layer-wise relevance propagation, zennit, iNNvestigate, captum",
    "Occlusion": "sliding window, hiding, captum",
    "RISE": "randomized input sampling, random masks",
    "Saliency": "vanilla gradient, sensitivity map, captum",
    "SmoothGrad": "noise tunnel, captum",
    "SmoothGradSquared": "noise tunnel, captum",
    "VarGrad": "noise tunnel, captum",
    "XRAI": "PAIR saliency, regions",
}
#: The last method that was picked and is not among those recommended; it stays beside them to be found again.
FOUND = "found_method"


def draw(model: ModelEntry, untrained: bool) -> MethodEntry:
    """Draw the choice and return the method that is picked, which need not suit the network: the answer says so."""
    entries = catalogue().explanations
    reasons = cache.unsuitable(model.key, untrained)
    first = usual(model.key, untrained)
    chosen = _chosen(first)
    offered = _offered(chosen, reasons)
    state.put("method", chosen)
    st.radio(
        "Method",
        offered,
        format_func=lambda name: entries[name].label,
        captions=["not on this network" if name in reasons else entries[name].caption for name in offered],
        key="method",
        on_change=lambda: pick(state.get("method"), first),
    )
    for name in catalogue().recommended:
        if name in reasons and name != chosen:
            st.caption(words.escaped(f"Not on this network: {entries[name].label}. {reasons[name]}"))
    with st.expander(f"All {len(entries)} methods", icon=":material/search:", key="all-methods"):
        _list(key="methods", data=listed(chosen, reasons), on_picked_change=partial(_take, first))
    return entries[chosen]


def draw_maps(model: ModelEntry, untrained: bool) -> MethodEntry:
    """Draw a select of the methods that lay one map over the picture and suit the network."""
    reasons, first = cache.unsuitable(model.key, untrained), usual(model.key, untrained)
    entries = {name: entry for name, entry in catalogue().maps.items() if name not in reasons}
    chosen = _chosen(first)
    if chosen not in entries:
        why = reasons.get(chosen, "It gives no map over the picture.")
        state.notice(f"{catalogue().methods[chosen].label} cannot be compared. {why}")
        pick(first, first)
        chosen = first
    state.put("method", chosen)
    st.selectbox(
        "Method",
        entries,
        format_func=lambda name: entries[name].label,
        key="method",
        on_change=lambda: pick(state.get("method"), first),
    )
    st.caption(words.escaped(entries[chosen].caption))
    return entries[chosen]


def usual(model: str, untrained: bool) -> str:
    """Name the method that is shown where none is asked for: the first that suits, as far as that is known."""
    reasons, names = cache.unsuitable(model, untrained), list(catalogue().recommended)
    return next((name for name in names if name not in reasons), names[0])


def instead(method: MethodEntry, model: str, untrained: bool) -> list[MethodEntry]:
    """List what to offer where a method has no answer: what is recommended for its question, else the usual one."""
    reasons = cache.unsuitable(model, untrained)
    others = [entry for entry in catalogue().recommended.values() if entry.name not in {method.name, *reasons}]
    return [entry for entry in others if entry.question == method.question] or others[:1]


def asked() -> bool:
    """Tell whether this page shows a method that somebody picked."""
    return state.get("value:method") is not None


def pick(name: str, first: str) -> None:
    """Show a method; the usual one needs no mark in the address."""
    state.mirror("method", None if name == first else name)


def listed(chosen: str, reasons: dict[str, str]) -> dict[str, Any]:
    """List all methods for the browser by the question they answer; `also` is what finds them besides their name."""
    groups, first, entries = [], catalogue().recommended, catalogue().explanations
    others = sorted(entries.keys() - first.keys(), key=lambda name: entries[name].label.lower())
    ordered = [entries[name] for name in (*first, *others)]
    for question, heading in words.QUESTIONS.items():
        methods = [
            {
                "id": entry.name,
                "name": entry.label,
                "caption": entry.caption,
                "reason": reasons.get(entry.name, ""),
                "also": f"{entry.name} {entry.family} {entry.paper} {heading} {OTHER_NAMES.get(entry.name, '')}",
            }
            for entry in ordered
            if entry.question == question
        ]
        if methods:
            groups.append({"heading": heading, "methods": methods})
    return {"chosen": chosen, "groups": groups}


def _chosen(first: str) -> str:
    """Follow the address: any spelling of a method there becomes its registry name."""
    asks = state.mirrored("method", lambda text: _named(text) is not None, "the method")
    name = _named(asks or "") or first
    if asks is not None and asks != name:
        pick(name, first)
    return name


def _named(text: str) -> str | None:
    """Find the method that a link means: Grad-CAM++ is not Grad-CAM, so a plus counts."""
    entries = catalogue().explanations
    found: str | None = state.named(text.replace("+", "-plus"), entries, str, kebab, lambda name: entries[name].label)
    return found


def _offered(chosen: str, reasons: dict[str, str]) -> list[str]:
    """List what the radio buttons offer: the recommended methods that suit, what is picked, what was found before."""
    names = [name for name in catalogue().recommended if name not in reasons or name == chosen]
    if chosen not in names:
        state.put(FOUND, chosen)
    found = state.get(FOUND)
    beside = found is not None and found not in names and (found == chosen or found not in reasons)
    return [*names, found] if beside else names


def _take(first: str) -> None:
    name = state.get("methods")["picked"]
    if name in catalogue().explanations:
        pick(name, first)
