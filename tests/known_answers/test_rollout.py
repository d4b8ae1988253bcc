"""Attention rollouts: written out by hand on a small transformer, and where they are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import SwinTransformer, VisionTransformer

import explain
import models
import toy
from architectures import Case, on
from explain import attention, rollout
from explain.methods.attention_rollout import AttentionRollout
from explain.methods.gradient_rollout import GradientRollout
from explain.target import ClassLogit, ClassProbability, Contrast, Target
from oracles import same

TARGETS = [ClassLogit(2), ClassProbability(1), Contrast(0, 3)]
BOTH = [AttentionRollout, GradientRollout]


def small() -> VisionTransformer:
    return VisionTransformer(
        image_size=32, patch_size=8, num_layers=3, num_heads=2, hidden_dim=12, mlp_dim=24, num_classes=4
    )


@pytest.fixture(scope="module")
def transformer() -> models.LoadedModel:
    return toy.loaded(toy.seeded(small()), 4, side=32, plain=False)


def written_out(
    network: VisionTransformer, pixels: Tensor, given: dict[int, Tensor] | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Run a transformer by its equations alone; return logits and attention weights. `given`: some layers' weights."""
    kept = []
    patches = network.conv_proj(pixels).flatten(2).transpose(1, 2)
    tokens = torch.cat([network.class_token, patches], 1) + network.encoder.pos_embedding
    for place, block in enumerate(network.encoder.layers):
        module = block.self_attention
        mixed = functional.linear(block.ln_1(tokens), module.in_proj_weight, module.in_proj_bias)[0]
        query, key, value = (part.unflatten(1, (module.num_heads, -1)).transpose(0, 1) for part in mixed.chunk(3, -1))
        weights = (query @ key.transpose(1, 2) / query.shape[-1] ** 0.5).softmax(-1)
        weights = (given or {}).get(place, weights)
        kept.append(weights)
        tokens = tokens + module.out_proj((weights @ value).transpose(0, 1).flatten(1))[None]
        tokens = tokens + block.mlp(block.ln_2(tokens))
    return network.heads(network.encoder.ln(tokens)[:, 0]), kept


def enlarged(row: Tensor) -> np.ndarray:
    grid = row[1:].reshape(1, 1, 4, 4)
    return functional.interpolate(grid, (32, 32), mode="bilinear", align_corners=False)[0, 0].detach().numpy()


def test_every_row_of_the_weights_adds_up_to_one(transformer: models.LoadedModel) -> None:
    trace = explain.trace(transformer, toy.picture(32))
    for layer in attention.attention_layers(transformer):
        weights = rollout.weights(trace, layer)
        assert weights.shape == (2, 17, 17)
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 17))


@pytest.mark.parametrize("heads", ["mean", "max", "min"])
def test_rollout_is_the_papers_formula_written_out(transformer: models.LoadedModel, heads: str) -> None:
    pixels = toy.picture(32)
    with torch.no_grad():
        logits, kept = written_out(transformer.network, transformer.normalise(pixels))
        torch.testing.assert_close(logits, transformer(pixels), rtol=1e-4, atol=1e-5)
    total = torch.eye(17)
    for weights in kept:
        fused = {"mean": weights.mean(0), "max": weights.max(0).values, "min": weights.min(0).values}[heads]
        flow = 0.5 * fused + 0.5 * torch.eye(17)
        total = (flow / flow.sum(-1, keepdim=True)) @ total
    found = explain.run(transformer, pixels, AttentionRollout(heads=heads), 0)
    np.testing.assert_allclose(found.values, enlarged(total[0]), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.grid, total[0, 1:].reshape(4, 4).numpy(), rtol=1e-4, atol=1e-7)
    assert found.grid.sum() + float(total[0, 0]) == pytest.approx(1, abs=1e-5)


def test_rollout_without_its_weakest_links_is_the_usual_one(transformer: models.LoadedModel) -> None:
    """The common implementation (github.com/jacobgil/vit-explain) cuts links the same way, but divides each column by
    the sum of the row of that number; the paper wants rows that add up to 1, so we divide rows."""
    pixels = toy.picture(32)
    with torch.no_grad():
        _, kept = written_out(transformer.network, transformer.normalise(pixels))
    total = torch.eye(17)
    for weights in kept:
        flat = weights.mean(0).reshape(1, -1).clone()
        _, weakest = flat.topk(int(flat.shape[1] * 0.6), -1, False)
        flat[0, weakest[weakest != 0]] = 0
        flow = (flat.reshape(17, 17) + torch.eye(17)) / 2
        total = (flow / flow.sum(-1, keepdim=True)) @ total
    found = explain.run(transformer, pixels, AttentionRollout(discard=0.6), 0)
    np.testing.assert_allclose(found.grid, total[0, 1:].reshape(4, 4).numpy(), rtol=1e-4, atol=1e-7)


def test_rollout_of_attention_to_oneself_is_nothing_from_anywhere() -> None:
    itself = torch.eye(5).repeat(3, 1, 1)
    for method in (AttentionRollout(), AttentionRollout(heads="max"), AttentionRollout(discard=0.3)):
        torch.testing.assert_close(rollout.rolled([method._flow(itself)] * 4), torch.eye(5))


def test_rollout_is_the_same_for_every_class_and_says_so(transformer: models.LoadedModel) -> None:
    maps = [explain.run(transformer, toy.picture(32), AttentionRollout(), target) for target in (0, *TARGETS)]
    for found in maps[1:]:
        np.testing.assert_array_equal(found.values, maps[0].values)
    assert any("every class" in note for note in maps[0].notes)


@pytest.mark.parametrize("target", TARGETS)
def test_gradient_rollout_is_the_papers_formula_written_out(transformer: models.LoadedModel, target: Target) -> None:
    pixels = toy.picture(32)
    with torch.no_grad():
        _, kept = written_out(transformer.network, transformer.normalise(pixels))
    # One layer at a time, so that what later attention makes of a change is in the gradient.
    total = torch.eye(17)
    for place in range(3):
        with torch.enable_grad():
            leaf = kept[place].clone().requires_grad_()
            logits, _ = written_out(transformer.network, transformer.normalise(pixels), {place: leaf})
            (gradient,) = torch.autograd.grad(target(logits).sum(), leaf)
        total = total + (gradient * kept[place]).clamp(min=0).mean(0) @ total
    found = explain.run(transformer, pixels, GradientRollout(), target)
    np.testing.assert_allclose(found.values, enlarged(total[0]), rtol=1e-3, atol=1e-8)
    assert found.values.max() > 0


def test_a_class_that_attention_never_raised_has_an_empty_map() -> None:
    network = toy.seeded(small())
    with torch.no_grad():
        network.heads.head.weight[0].zero_()
    found = explain.run(toy.loaded(network, 4, side=32), toy.picture(32), GradientRollout(), 0)
    assert found.empty and found.notes


@pytest.mark.parametrize("method", BOTH)
def test_networks_without_a_class_token_are_refused_with_the_reason(method: type[explain.Method]) -> None:
    convolutional = explain.unsuitable(toy.loaded(toy.seeded(toy.Pooled()), 4, side=32), method)
    assert convolutional is not None and "no attention" in convolutional and "network" in convolutional


@pytest.mark.parametrize("method", BOTH)
def test_a_network_that_reads_every_token_is_refused(method: type[explain.Method]) -> None:
    class Averaged(VisionTransformer):
        def forward(self, x: Tensor) -> Tensor:
            tokens = self._process_input(x)
            tokens = torch.cat([self.class_token.expand(tokens.shape[0], -1, -1), tokens], 1)
            return self.heads(self.encoder(tokens).mean(1))

    network = Averaged(
        image_size=32, patch_size=8, num_layers=1, num_heads=2, hidden_dim=12, mlp_dim=24, num_classes=4
    )
    reason = explain.unsuitable(toy.loaded(toy.seeded(network), 4, side=32), method)
    assert reason is not None and "class token alone" in reason


@pytest.mark.parametrize("method", BOTH)
def test_attention_within_windows_is_refused(method: type[explain.Method]) -> None:
    network = SwinTransformer([4, 4], 12, [1, 1], [1, 2], [4, 4], num_classes=3)
    reason = explain.unsuitable(toy.loaded(toy.seeded(network), 3, side=32), method)
    assert reason is not None and "windows" in reason and "network" in reason


@pytest.mark.parametrize("method", BOTH)
def test_attention_with_a_token_of_its_own_is_refused(method: type[explain.Method]) -> None:
    network = small()
    for block in network.encoder.layers:
        block.self_attention = nn.MultiheadAttention(12, 2, batch_first=True, add_zero_attn=True)
    reason = explain.unsuitable(toy.loaded(toy.seeded(network), 4, side=32), method)
    assert reason is not None and "more than weigh" in reason


@pytest.mark.parametrize("method", BOTH)
def test_a_rollout_leaves_the_network_alone_and_answers_the_same_again(
    transformer: models.LoadedModel, method: type[explain.Method]
) -> None:
    before = {name: tensor.clone() for name, tensor in transformer.network.state_dict().items()}
    hooks = [len(module._forward_hooks) for module in transformer.network.modules()]
    one, other = (explain.run(transformer, toy.picture(32), method(), Contrast(1, 2)) for _ in range(2))
    np.testing.assert_array_equal(one.values, other.values)
    assert one.values.dtype == np.float32 and one.values.shape == (32, 32) and (one.values >= 0).all()
    assert [len(module._forward_hooks) for module in transformer.network.modules()] == hooks
    for name, tensor in transformer.network.state_dict().items():
        assert torch.equal(before[name], tensor) and not tensor.requires_grad


@pytest.mark.slow
@on("vit_b_16")
def test_both_rollouts_are_written_out_on_a_large_transformer(case: Case) -> None:
    with torch.enable_grad():
        logits, kept = written_out(case.model.network, case.model.normalise(case.pixels).requires_grad_())
        gradients = torch.autograd.grad(case.target(logits).sum(), kept)
    torch.testing.assert_close(logits.detach(), case.trace.logits, rtol=1e-3, atol=1e-3)
    plain = raised = itself = torch.eye(17)
    for weights, gradient in zip(kept, gradients, strict=True):
        plain = (0.5 * weights.detach().mean(0) + 0.5 * itself) @ plain
        raised = raised + (gradient * weights.detach()).clamp(min=0).mean(0) @ raised
    for method, expected in ((AttentionRollout(), plain), (GradientRollout(), raised)):
        found = explain.run(case.model, case.trace, method, case.target).grid
        assert same(found, expected[0, 1:]) > 0.9999
