"""A trace gives what the layers gave, gradients at them, and the rest of the network from them on."""

import pytest
import torch
from torch import Tensor, nn

import explain
import models
import toy
from explain import suitability
from explain.engine import trace_picture
from explain.target import ClassLogit, ClassProbability, Contrast
from explain.tracing import Trace
from models.errors import LayerError, ModelError, PictureError
from models.hooks import recording

NETWORKS = ["resnet18", "mobilenet_v2", "densenet121", "googlenet", "vit_b_16", "swin_t"]


@pytest.fixture(scope="module", params=NETWORKS)
def traced(request: pytest.FixtureRequest) -> Trace:
    model = models.load(request.param, weights="random", device="cpu")
    return Trace(model, toy.picture(model.card.pixels.side))


@pytest.mark.slow
@pytest.mark.parametrize("key", ["densenet121", "squeezenet1_1", "vit_b_16", "swin_t", "mnasnet0_5"])
def test_the_layer_on_the_card_is_the_last_with_places_and_gradient(key: str) -> None:
    """Probed; only VGG's and AlexNet's cards name the convolution before the last pooling instead."""
    model = models.load(key, weights="random", device="cpu")
    probed = suitability._last_with_gradient(model)
    assert probed is not None and model.card.default_layer is not None
    assert model.graph.node(probed) is model.graph.node(model.card.default_layer)


def toys() -> list[models.LoadedModel]:
    return [
        toy.loaded(toy.seeded(toy.Pooled()), 4, plain=False),
        toy.loaded(toy.seeded(toy.InPlace()), 3),
        toy.loaded(toy.seeded(toy.Branching()), 3),
    ]


def clones(model: models.LoadedModel, pixels: Tensor) -> dict[str, Tensor]:
    """What every module gave, cloned inside a plain hook, numbered by call."""
    seen: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            tensor = output[0] if isinstance(output, tuple) else output
            if isinstance(tensor, Tensor):
                calls = sum(key == name or key.rpartition("_")[0] == name for key in seen)
                seen[f"{name}_{calls}" if name in seen else name] = tensor.detach().clone()

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in model.network.named_modules() if name]
    try:
        with torch.no_grad():
            model(pixels)
    finally:
        for handle in handles:
            handle.remove()
    return seen


@pytest.mark.slow
def test_activations_equal_clones_for_every_layer(traced: Trace) -> None:
    known = {layer.name for layer in traced.model.layers()}
    seen = clones(traced.model, traced.pixels)
    assert len(seen) > 50
    missing = [name for name in seen if name not in known and "flatten" not in name]
    assert not missing
    for name in known & set(seen):
        torch.testing.assert_close(traced.activation(name), seen[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_every_listed_layer_can_be_asked_and_has_its_shape(traced: Trace) -> None:
    for layer in traced.model.layers():
        assert tuple(traced.activation(layer.name).shape) == layer.shape, layer.name


@pytest.mark.slow
def test_the_rest_from_a_layers_own_output_is_the_answer(traced: Trace) -> None:
    with torch.no_grad():
        for layer in traced.model.layers()[::7]:
            torch.testing.assert_close(
                traced.rest(layer.name, traced.activation(layer.name)), traced.logits, rtol=1e-4, atol=1e-4
            )


@pytest.mark.slow
def test_the_rest_of_several_pictures_equals_each_alone(traced: Trace) -> None:
    """Also where the batch size is baked into the graph, and where windows are stacked on the batch."""
    layers = [layer.name for layer in traced.model.layers()]
    with torch.no_grad():
        for layer in layers[3 :: max(1, len(layers) // 8)]:
            own = traced.activation(layer)
            together = traced.rest(layer, torch.cat([own, own * 0.5, own * 0]))
            alone = torch.cat([traced.rest(layer, own * factor) for factor in (1, 0.5, 0)])
            assert together.shape == (3, traced.logits.shape[1])
            torch.testing.assert_close(together, alone, rtol=1e-3, atol=2e-4)


@pytest.mark.slow
def test_gradients_of_all_layers_equal_those_of_one_plain_run(traced: Trace) -> None:
    target = Contrast(3, 5)
    spatial = [layer.name for layer in traced.model.layers() if layer.kind in {"Conv2d", "LayerNorm", "add"}][::9]
    found = traced.gradient(target, *spatial)
    modules = [name for name in spatial if name in dict(traced.model.network.named_modules())]
    pixels = traced.pixels.clone().requires_grad_()
    with torch.enable_grad(), recording(traced.model.network, *modules) as seen:
        score = target(traced.model(pixels)).sum()
        expected = torch.autograd.grad(score, [seen[name] for name in modules])
    for name, gradient in zip(modules, expected, strict=True):
        mine = found[spatial.index(name)]
        assert torch.cosine_similarity(mine.flatten(), gradient.flatten(), 0) > 0.9999, name


@pytest.mark.parametrize("place", range(3))
def test_small_networks_with_in_place_writes_and_without_a_graph(place: int) -> None:
    model = toys()[place]
    trace = Trace(model, toy.picture())
    for name, clone in clones(model, trace.pixels).items():
        torch.testing.assert_close(trace.activation(name), clone)
        with torch.no_grad():
            doubled = trace.rest(name, torch.cat([clone, clone]))
            torch.testing.assert_close(doubled, trace.logits.expand(2, -1))


def test_the_gradient_at_a_layer_is_what_moving_the_layer_does() -> None:
    for model in toys():
        trace = Trace(model, toy.picture())
        target = ClassProbability(1)
        layer = model.layers()[0].name
        (gradient,) = trace.gradient(target, layer)
        own = trace.activation(layer)
        step = torch.randn(own.shape, generator=torch.Generator().manual_seed(1)) * 1e-3
        with torch.no_grad():
            moved = target(trace.rest(layer, own + step)) - target(trace.rest(layer, own - step))
        assert float(moved / 2) == pytest.approx(float((gradient * step).sum()), rel=0.1, abs=2e-6)


def test_a_question_costs_only_what_comes_after_its_layer() -> None:
    model = models.load("resnet18", weights="random", device="cpu")
    trace = trace_picture(model, toy.picture(224))
    with toy.Counting() as last:
        trace.gradient(ClassLogit(7), "layer4")
    assert (last.forward, last.backward) == (0, 0)
    with toy.Counting() as several:
        trace.gradient(ClassLogit(7), "layer3", "layer3.0", "layer4.0")
    assert (several.forward, several.backward) == (7, 7)
    with toy.Counting() as again, torch.no_grad():
        trace.gradient(ClassLogit(7), "layer4", "layer3.0")
        trace.rest("layer4", trace.activation("layer4"))
    assert (again.forward, again.backward) == (0, 0)


def test_a_first_gradient_runs_the_picture_on_the_way() -> None:
    model = models.load("resnet18", weights="random", device="cpu")
    pixels = toy.picture(224)
    assert model.layers()
    with toy.Counting() as counted:
        trace = Trace(model, pixels)
        gradient = trace.input_gradient(ClassLogit(3))
        trace.activation("layer3")
        assert int(trace.logits.argmax()) >= 0
    assert (counted.forward, counted.backward) == (20, 20)
    again = trace_picture(model, pixels)
    torch.testing.assert_close(again.logits, trace.logits)
    torch.testing.assert_close(again.input_gradient(ClassLogit(3)), gradient)
    torch.testing.assert_close(again.activation("layer3"), trace.activation("layer3"))


def test_no_autograd_graph_outlives_a_call() -> None:
    trace = Trace(toys()[0], toy.picture())
    (gradient,) = trace.gradient(ClassLogit(0), "conv1")
    assert not gradient.requires_grad and not trace.activation("conv1").requires_grad
    assert not trace.input_gradient(ClassLogit(0)).requires_grad and not trace.logits.requires_grad


def test_a_layer_that_cannot_be_cut_falls_back_on_a_whole_run() -> None:
    class Baked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.after = nn.ReLU()

        def forward(self, pixels: Tensor) -> Tensor:
            count = pixels.shape[0]
            features = self.after(self.conv(pixels)).permute(1, 0, 2, 3).reshape(4, count, -1)
            return features.mean(2).T.reshape(count, 4)

    model = toy.loaded(toy.seeded(Baked()), 4)
    trace = Trace(model, toy.picture())
    for layer in ("conv", "after"):
        own = trace.activation(layer)
        found = trace.rest(layer, torch.cat([own, own * 0.5]))
        alone = torch.cat([trace.rest(layer, own), trace.rest(layer, own * 0.5)])
        torch.testing.assert_close(found, alone)


def test_a_trace_holds_no_more_than_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.load("resnet18", weights="random", device="cpu")
    monkeypatch.setattr("explain.cutting.KEPT_BYTES", 3 * 2**20)
    trace = Trace(model, toy.picture(224))
    for layer in model.layers():
        trace.activation(layer.name)
    assert trace._runner.nbytes < 4 * 2**20
    torch.testing.assert_close(trace.rest("layer1.0.bn1", trace.activation("layer1.0.bn1")), trace.logits)


def test_shapes_that_do_not_fit_are_refused() -> None:
    trace = Trace(toys()[0], toy.picture())
    with pytest.raises(LayerError, match=r"gives shape \(1, 8, 16, 16\), not \(1, 8, 4, 4\)"):
        trace.rest("conv1", torch.zeros(1, 8, 4, 4))


@pytest.mark.parametrize(
    "pixels",
    [torch.zeros(3, 8, 8), torch.zeros(2, 3, 8, 8), torch.full((1, 3, 8, 8), 1.5), torch.zeros(1, 3, 8, 8).int()],
)
def test_pixels_of_another_form_are_refused(pixels: Tensor) -> None:
    with pytest.raises(PictureError, match="Wanted pixels"):
        trace_picture(toys()[0], pixels)


def test_pixels_of_a_size_that_the_network_cannot_take_are_refused() -> None:
    model = toy.loaded(toy.seeded(toy.Linear()), 3)
    with pytest.raises(PictureError, match="16 x 16 pixels, not 20 x 20"):
        trace_picture(model, toy.picture(20))


def test_scores_that_are_not_numbers_are_refused_in_a_sentence() -> None:
    network = toy.seeded(toy.Pooled())
    network.fc.bias.data[0] = float("nan")
    with pytest.raises(ModelError, match="no finite scores"):
        trace_picture(toy.loaded(network, 4), toy.picture())


@pytest.mark.parametrize("key", ["everyday_vgg", "squeezenet1_1", "alexnet", "vgg11"])
def test_the_first_map_of_class_activation_runs_no_convolution_where_no_container_ends_there(key: str) -> None:
    model = models.load(key, device="cpu", **({} if key.startswith("everyday") else {"weights": "random"}))
    explain.run(model, toy.picture(model.card.pixels.side, seed=1), explain.GradCAM())
    trace = trace_picture(model, toy.picture(model.card.pixels.side))
    with toy.Counting() as counted:
        explain.run(model, trace, explain.GradCAM(), 3)
    assert (counted.forward, counted.backward) == (0, 0)
