"""Networks of the user's own: whatever they do in their forward, the answer is right or a sentence."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import explain
from explain.params import params_of
from explain.target import ClassLogit
from explain.tracing import Trace
from models import own
from models.alive import alive
from models.checkpoint import unfilled
from models.errors import ModelError
from models.loaded import LoadedModel
from models.pixels import PixelSpace
from toy import loaded, picture, seeded


class Plain(nn.Module):
    """A convolution, ReLU, the mean over the picture, a linear layer; all without biases."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.fc = nn.Linear(8, 3, bias=False)

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        return self.fc(self.conv(pixels).relu().mean((2, 3)))


class WritesThroughAView(Plain):
    """Changes a tensor by writing into a view of it."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Turn pixels into logits."""
        maps = self.conv(pixels)
        maps.view(len(maps), 8, -1).relu_()
        logits: Tensor = self.fc(maps.mean((2, 3)))
        return logits


class WritesIntoItsInput(Plain):
    """Overwrites what it is given, and looks at its values, so that torch.fx cannot follow."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        pixels.mul_(2)
        return super().forward(pixels) if float(pixels.detach().sum()) > 0 else self.fc(pixels.mean((2, 3)))


class Steps(Plain):
    """Nothing in its answer follows smoothly from its pixels."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Turn pixels into logits."""
        logits: Tensor = self.fc((pixels > 0.5).float().mean((2, 3)).repeat(1, 3)[:, :8])
        return logits


class Pair(Plain):
    """Gives two tensors."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits, twice."""
        logits = super().forward(pixels)
        return logits, logits


class HoldsATensor(Plain):
    """Computes with what its builder left in a tensor that is neither weight nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.empty(1).fill_(2.0)

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        return super().forward(pixels) * self.scale


class ReadsAWeight(Plain):
    """Reads a value of a weight while it is built."""

    def __init__(self) -> None:
        super().__init__()
        self.positive = float(self.conv.weight[0, 0, 0, 0]) > -9


@pytest.mark.parametrize("network", [WritesThroughAView, WritesIntoItsInput])
def test_a_network_that_overwrites_is_traced_as_it_answers(network: type[Plain]) -> None:
    model = loaded(seeded(network()), classes=3)
    pixels = picture()
    trace = Trace(model, pixels)
    with torch.no_grad():
        assert torch.allclose(trace.logits, model(pixels), atol=1e-6)
        for layer in model.layers():
            activation = trace.activation(layer.name)
            found = trace.rest(layer.name, torch.cat([activation, activation]))
            assert torch.allclose(found, trace.logits.expand(2, -1), atol=1e-6)
    assert float(trace.gradient(ClassLogit(0), "conv")[0].abs().max()) > 0


@pytest.mark.parametrize("method", explain.METHODS.values(), ids=explain.METHODS)
def test_a_network_without_any_gradient_gives_an_empty_answer_or_a_reason(method: type[explain.Method]) -> None:
    model = loaded(Steps(), classes=3)
    if explain.unsuitable(model, method) is None:
        assert explain.run(model, picture(), method(), 0).notes or not method.family.startswith("Grad")


class WritesIntoParts(Plain):
    """Writes into parts of a tensor, one after the other, which has no gradient that torch could work out."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        maps = self.conv(pixels)
        maps[:, 0] = 0
        some, others = maps.chunk(2, 1)
        some.relu_()
        others.mul_(2)
        return self.fc(maps.mean((2, 3)))


class SubtractsItsMean(Plain):
    """Subtracts one number, the mean of everything, which zennit's rules have no axis for."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        maps = self.conv(pixels)
        return self.fc((maps - maps.mean()).relu().mean((2, 3)))


@pytest.mark.parametrize("network", [WritesIntoParts, SubtractsItsMean])
@pytest.mark.parametrize("method", explain.METHODS.values(), ids=explain.METHODS)
def test_whatever_a_network_does_a_method_answers_or_says_why_not(
    method: type[explain.Method], network: type[Plain]
) -> None:
    model = loaded(seeded(network()), classes=3)
    few = {"steps": 4, "samples": 8, "iterations": 4}
    names = {param.name for param in params_of(method)}
    try:
        answer = explain.run(model, picture(), method(**{name: few[name] for name in few if name in names}), 0)
    except explain.ConvLensError as refused:
        assert refused.message.endswith(".")
    else:
        assert answer.model == model.card.key


def test_a_network_that_gives_something_else_than_logits_is_refused() -> None:
    with pytest.raises(ModelError, match=r"gives logits of shape \(pictures, classes\); this one gives tuple"):
        explain.trace(loaded(Pair(), classes=3), picture())


def test_a_model_that_nobody_holds_is_gone_at_once() -> None:
    model = loaded(Plain(), classes=3)
    explain.run(model, picture(), explain.GradCAM(), 0)
    network = weakref.ref(model.network)
    gc.disable()
    try:
        del model
        assert network() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("builder", [HoldsATensor, ReadsAWeight])
def test_a_builder_that_needs_its_values_is_run_for_real(builder: type[Plain]) -> None:
    pixels = PixelSpace(side=16, resize=16, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert torch.isfinite(alive(builder, pixels)(picture())).all()
    assert isinstance(unfilled(builder), builder)


class GoesOnWithWhatIsOverwritten(Plain):
    """Never takes what its activation returns, and reads what that has overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        maps = self.conv(pixels)
        self.relu(maps)
        return self.fc(maps.mean((2, 3)))


class TakesWhatIsReturned(GoesOnWithWhatIsOverwritten):
    """Overwrites tensors as most networks do, where nothing hangs on it."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        return self.fc(self.relu(self.conv(pixels)).mean((2, 3)))


class DrawsAtRandom(Plain):
    """A dropout that does not know of eval()."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        return self.fc(nn.functional.dropout(self.conv(pixels).relu()).mean((2, 3)))


class IsSeldomOfTwoMinds(Plain):
    """Changes its answer after its first one, and then not again before the eighth."""

    asked = 0

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        self.asked += 1
        return super().forward(pixels) + (1 < self.asked < 8)


class NormsOverTheBatch(Plain):
    """A batch norm that keeps no statistics."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        maps = nn.functional.batch_norm(self.conv(pixels), None, None, training=True)
        return self.fc(maps.relu().mean((2, 3)))


class TakesOne(Plain):
    """Takes any number of pictures for one."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        return self.fc(self.conv(pixels).relu().mean((2, 3)).view(1, 8))


class GivesOne(Plain):
    """Gives one row of scores for any number of pictures."""

    def forward(self, pixels: Tensor) -> Any:
        """Turn pixels into logits."""
        return super().forward(pixels)[:1]


def ready(network: nn.Module) -> LoadedModel:
    """Make a network of one's own ready as its entry point does."""
    card = loaded(Plain(), 3).card
    return own.ready(network.train(), card, names=None, content=lambda: "", device="cpu")


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (GoesOnWithWhatIsOverwritten, r"goes on with what a layer of its has overwritten .*x = self\.relu\(x\)"),
        (DrawsAtRandom, "answers the same picture differently each time"),
        (IsSeldomOfTwoMinds, "answers the same picture differently each time"),
        (NormsOverTheBatch, "answers otherwise where a picture is not alone"),
        (TakesOne, "cannot be asked about several pictures at once: RuntimeError"),
        (GivesOne, r"one row of scores for each picture; it gives shape \(1, 3\)"),
    ],
)
def test_a_network_without_one_answer_for_a_picture_is_refused(network: type[Plain], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        ready(seeded(network()))


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_network_that_overwrites_only_what_nobody_reads_answers_as_before(kind: torch.dtype) -> None:
    network = seeded(TakesWhatIsReturned()).to(kind)
    with torch.no_grad():
        before = network.eval()(picture(16).to(kind))
    torch.testing.assert_close(ready(network)(picture(16)), before, rtol=0, atol=0)
