"""Attention weights: they are those of the network itself, and each stands where its token looks."""

import numpy as np
import pytest
import torch
from torch.nn import functional

import explain
import models
import toy
from explain.attention import attention_layers, looking_from, nearest, token_maps, weights
from models.errors import LayerError
from models.graph import run
from models.hooks import first_tensor

#: Networks with their attention layers at the start, in the middle with a shift or a grid, and at the end.
LAYERS = {
    "vit_b_32": ("encoder.layers.encoder_layer_0.self_attention", "encoder.layers.encoder_layer_11.self_attention"),
    "swin_t": ("features.1.0.attn", "features.1.1.attn", "features.7.1.attn"),
    "swin_v2_t": ("features.1.0.attn", "features.3.1.attn", "features.7.1.attn"),
    "maxvit_t": (
        "blocks.0.layers.0.layers.window_attention",
        "blocks.1.layers.0.layers.grid_attention",
        "blocks.3.layers.1.layers.grid_attention",
    ),
}


@pytest.fixture(scope="module", params=sorted(LAYERS))
def trace(request: pytest.FixtureRequest) -> explain.Trace:
    model = models.load(request.param, weights="random", device="cpu")
    return explain.trace(model, toy.picture(model.card.pixels.side))


@pytest.fixture(scope="module")
def vit() -> explain.Trace:
    return explain.trace(models.load("vit_b_32", weights="random", device="cpu"), toy.picture(224))


def test_weights_of_a_vit_follow_from_its_queries_and_keys(vit: explain.Trace) -> None:
    layer = LAYERS["vit_b_32"][1]
    module = dict(vit.model.network.named_modules())[layer]
    tokens = vit.activation(layer.replace("self_attention", "ln_1"))
    with torch.no_grad():
        queries, keys, _ = functional.linear(tokens, module.in_proj_weight, module.in_proj_bias).chunk(3, -1)
        split = [part.reshape(50, 12, 64).transpose(0, 1) for part in (queries[0], keys[0])]
        expected = (split[0] @ split[1].transpose(1, 2) / 8).softmax(-1)
        asked = module(tokens, tokens, tokens, need_weights=True, average_attn_weights=False)[1]
    found = weights(vit, layer)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(found, asked, rtol=0, atol=1e-5)


def test_weights_of_a_vit_give_the_layers_output(vit: explain.Trace) -> None:
    for layer in LAYERS["vit_b_32"]:
        module = dict(vit.model.network.named_modules())[layer]
        tokens = vit.activation(layer.replace("self_attention", "ln_1"))
        with torch.no_grad():
            values = functional.linear(tokens, module.in_proj_weight, module.in_proj_bias)[0, :, 2 * 768 :]
            mixed = weights(vit, layer)[0] @ values.reshape(50, 12, 64).transpose(0, 1)
            output = module.out_proj(mixed.transpose(0, 1).reshape(1, 50, 768))
        torch.testing.assert_close(output, vit.activation(layer), rtol=0, atol=1e-5)


def test_every_attention_layer_is_found(trace: explain.Trace) -> None:
    found = attention_layers(trace.model)
    depth = {"vit_b_32": 12, "swin_t": 12, "swin_v2_t": 12, "maxvit_t": 22}
    assert len(found) == depth[trace.model.card.key] and set(LAYERS[trace.model.card.key]) <= set(found)


def test_what_a_place_gives_away_adds_up_to_one(trace: explain.Trace) -> None:
    for layer in LAYERS[trace.model.card.key]:
        found = looking_from(trace, layer, (3, 2))
        total = found.maps.sum((1, 2)) + found.elsewhere
        np.testing.assert_allclose(total, 1, atol=1e-5)
        assert found.maps.min() >= 0 and not found.maps[:, ~found.within].any()
        places = found.within.sum() + (found.elsewhere > 0).any()
        assert ((found.spread >= 1 - 1e-4) & (found.spread <= places + 1e-2)).all()


def on_grid(tensor: torch.Tensor, channels_last: bool) -> torch.Tensor:
    """Lay tokens (1, 50, C) behind one class token, or (1, h, w, C), out as (1, C, h, w)."""
    if tensor.ndim == 3:
        return tensor[:, 1:].reshape(1, 7, 7, -1).permute(0, 3, 1, 2)
    return tensor.permute(0, 3, 1, 2) if channels_last else tensor


def test_a_place_gets_something_from_its_window_only(trace: explain.Trace) -> None:
    """The gradient of the layer's output at a place is zero outside its window, and only there."""
    key, operations = trace.model.card.key, trace.model.graph.operations
    for layer in LAYERS[key]:
        found = looking_from(trace, layer, (3, 2))
        node = operations.names[layer]
        first = next(other for name, other in operations.names.items() if name == layer or name.startswith(f"{layer}."))
        source = (first if key == "maxvit_t" else node).all_input_nodes[0]
        name = next(info.name for info in trace.model.layers() if operations.names[info.name] is source)
        leaf = trace.activation(name).clone().requires_grad_()
        output = on_grid(first_tensor(run(operations, {source: leaf}, [node])[node]), "swin" in key)
        (gradient,) = torch.autograd.grad(output[0, :, 3, 2].square().sum(), leaf)
        # A shifted window joins places that lie far apart and masks them: what is left of them is below 1e-40.
        seen = on_grid(gradient, "swin" in key)[0].abs().amax(0).numpy() > 1e-20
        np.testing.assert_array_equal(seen, found.within)


def test_the_class_token_is_the_first(vit: explain.Trace) -> None:
    layer = LAYERS["vit_b_32"][0]
    found = looking_from(vit, layer, None)
    expected = weights(vit, layer)[0, :, 0].numpy()
    np.testing.assert_array_equal(found.maps.reshape(12, -1), expected[:, 1:])
    np.testing.assert_array_equal(found.elsewhere, expected[:, 0])
    assert found.within.all() and found.maps.shape == (12, 7, 7)
    second = looking_from(vit, layer, (0, 1))
    np.testing.assert_array_equal(second.maps.reshape(12, -1), weights(vit, layer)[0, :, 2, 1:].numpy())


def test_the_nearest_attention_of_a_layer_is_the_next_to_run(vit: explain.Trace) -> None:
    layers = attention_layers(vit.model)
    assert nearest(vit.model, "encoder.layers.encoder_layer_4.ln_1") == layers[4]
    assert nearest(vit.model, layers[7]) == layers[7]
    assert nearest(vit.model, "heads") == layers[-1]
    assert nearest(toy.loaded(toy.seeded(toy.Pooled()), 4), "conv1") is None


def test_token_maps_are_cosines_and_lengths(vit: explain.Trace) -> None:
    layer = "encoder.layers.encoder_layer_5"
    tokens = vit.activation(layer)[0].numpy()
    found = token_maps(vit, layer, (2, 4))
    grid, own = tokens[1:].reshape(7, 7, -1), tokens[1 + 2 * 7 + 4]
    lengths = np.linalg.norm(grid, axis=2)
    np.testing.assert_allclose(found.length, lengths, rtol=1e-5)
    np.testing.assert_allclose(found.alike, grid @ own / lengths / np.linalg.norm(own), atol=1e-5)
    np.testing.assert_allclose(found.to_class, grid @ tokens[0] / lengths / np.linalg.norm(tokens[0]), atol=1e-5)
    assert found.alike[2, 4] == pytest.approx(1)


def test_a_layer_without_attention_and_a_place_outside_are_sentences(vit: explain.Trace) -> None:
    layer = LAYERS["vit_b_32"][0]
    with pytest.raises(LayerError, match="no attention that can be read"):
        looking_from(vit, "conv_proj", (0, 0))
    with pytest.raises(LayerError, match="7 x 7 places, so it has no place"):
        looking_from(vit, layer, (7, 0))
    with pytest.raises(LayerError, match="no layer named 'nowhere'"):
        looking_from(vit, "nowhere", (0, 0))
    pooled = explain.trace(toy.loaded(toy.seeded(toy.Pooled()), 4), toy.picture())
    assert attention_layers(pooled.model) == ()
    swin = explain.trace(models.load("swin_t", weights="random", device="cpu"), toy.picture(224))
    with pytest.raises(LayerError, match="no class token"):
        looking_from(swin, "features.1.0.attn", None)
