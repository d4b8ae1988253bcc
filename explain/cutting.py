"""Runs a network as a graph of operations: keeps some outputs, and computes only what a question needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from explain.gradients import differentiate
from explain.running import KEPT_BYTES, Runner
from models.device import out_of_memory
from models.graph import dependents, needed_for, run
from models.hooks import first_tensor, like, with_first_tensor

if TYPE_CHECKING:
    from torch import Tensor, fx

    from explain.target import Target
    from models import LoadedModel


@dataclass(frozen=True)
class Cut:
    """What the network needs beside one layer's output to go on from there.

    border: the other operations that are read. delicate: whether something read depends on how many
    pictures there are (a batch size, windows stacked on the batch), so that the cut must be tried.
    """

    border: tuple[fx.Node, ...]
    delicate: bool


class GraphRunner(Runner):
    """Cuts the network at any layer, also inside a residual block; holds whole blocks and what was asked for."""

    def __init__(self, model: LoadedModel, pixels: Tensor) -> None:
        super().__init__(model, pixels)
        assert model.graph.operations is not None
        self.operations = model.graph.operations
        self.moving = model.graph.moving
        self.cuts: dict[fx.Node, Cut] = {}
        self.kept: dict[fx.Node, Any] = {}
        self.asked: dict[fx.Node, Any] = {}

    def start(self, normalised: Tensor) -> Tensor:
        """Run all operations once, and hold what later questions will start from, up to half the room."""
        held, room = {self.operations.input, self.operations.output}, KEPT_BYTES // 2
        for node, size in self.model.graph.worth_holding:
            if size <= room:
                held.add(node)
                room -= size
        values = run(self.operations, {self.operations.input: normalised}, [self.operations.output], kept=held)
        self.kept = {node: _detached(values[node]) for node in held if node in values}
        return _tensor(values[self.operations.output])

    def value(self, layer: str) -> Tensor:
        """Look the output up, or compute it from the nearest one held."""
        return _tensor(self._values([self.model.graph.node(layer)])[0])

    def gradients(self, target: Target, layers: list[str]) -> list[Tensor]:
        """Go on from the first of the layers with gradients, and differentiate once by all of them."""
        nodes = [self.model.graph.node(layer) for layer in layers]
        asked = list(dict.fromkeys(nodes))
        first = [node for node in asked if not (needed_for(self.operations, (), [node]) - {node}) & set(asked)]
        changed = dependents(self.operations, first)
        values = dict(zip(first, self._values(first), strict=True))
        known = {node: value for node, value in self._held().items() if node not in changed}
        for node, value in values.items():
            tensor = _tensor(value).detach()
            known[node] = with_first_tensor(value, tensor.requires_grad_(tensor.is_floating_point()))
        with torch.enable_grad(), self.model.lock:
            after = run(self.operations, known, [self.operations.output, *asked])
            score = target(after[self.operations.output]).sum()
            found = differentiate(score, [_tensor(after[node]) for node in asked])
        by_node = dict(zip(asked, found, strict=True))
        return [by_node[node] for node in nodes]

    def rest(self, layer: str, activation: Tensor, copies: int) -> Tensor:
        """Run what depends on the layer; where the cut does not hold, the whole network with its output replaced."""
        node = self.model.graph.node(layer)
        if copies > 1 and not self._is_sound(node):
            return self._whole(node, activation, copies)
        return self._after(node, activation, copies)

    @property
    def nbytes(self) -> int:
        """Count the bytes of all outputs held."""
        return sum(_bytes(value) for value in self._held().values())

    def _held(self) -> dict[fx.Node, Any]:
        return {**self.kept, **self.asked}

    def _values(self, nodes: Iterable[fx.Node]) -> list[Any]:
        """Look up these outputs; compute those that are not held, and hold them while there is room."""
        nodes = list(nodes)
        _ = self.logits
        with torch.no_grad(), self.model.lock:
            values = run(self.operations, self._held(), nodes)
            for node in nodes:
                if node not in self.kept:
                    self.asked.pop(node, None)
                    self.asked[node] = values[node]
            while self.asked and self.nbytes > KEPT_BYTES:
                del self.asked[next(iter(self.asked))]
        return [values[node] for node in nodes]

    def _cut(self, node: fx.Node) -> Cut:
        if node not in self.cuts:
            shapes = self.model.graph.shapes
            changed = dependents(self.operations, [node])
            counts = {other for other in self.moving if shapes[other] is None}
            held = {other for other in self.operations.nodes if other not in changed and other not in counts}
            needed = needed_for(self.operations, held | {node}, [self.operations.output])
            read = {source for other in needed for source in other.all_input_nodes} | {self.operations.output}
            border = tuple(other for other in self.operations.nodes if other in held and other in read)
            stacked = [other for other in (*border, node) if other in self.moving and (shapes[other] or (1,))[0] != 1]
            self.cuts[node] = Cut(border, bool(stacked) or bool(counts & needed))
        return self.cuts[node]

    def _after(self, node: fx.Node, activation: Tensor, copies: int) -> Tensor:
        """Run only what depends on the node, with everything else widened to as many pictures."""
        cut = self._cut(node)
        known = {
            other: _widened(value, copies) if other in self.moving else value
            for other, value in zip(cut.border, self._values(cut.border), strict=True)
        }
        known[node] = self._as_output(node, activation)
        with self.model.lock:
            return _tensor(run(self.operations, known, [self.operations.output])[self.operations.output])

    def _whole(self, node: fx.Node, activation: Tensor, copies: int) -> Tensor:
        """Run the whole network for as many pictures, with the node's output replaced."""
        known = {
            self.operations.input: self.normalised.expand(copies, -1, -1, -1),
            node: self._as_output(node, activation),
        }
        with self.model.lock:
            return _tensor(run(self.operations, known, [self.operations.output])[self.operations.output])

    def _as_output(self, node: fx.Node, activation: Tensor) -> Any:
        return with_first_tensor(self._values([node])[0], activation)

    def _is_sound(self, node: fx.Node) -> bool:
        """Try a delicate cut once, with two different pictures, against the whole run."""
        sound = self.model.graph.sound_cuts
        if node not in sound:
            sound[node] = not self._cut(node).delicate or self._holds(node)
        return sound[node]

    def _holds(self, node: fx.Node) -> bool:
        own = _tensor(self._values([node])[0])
        pair = torch.cat([own, own * 0.5])
        with torch.no_grad():
            expected = self._whole(node, pair, 2)
            try:
                found = self._after(node, pair, 2)
            except (RuntimeError, ValueError, IndexError, AssertionError) as error:
                if out_of_memory(error):
                    raise
                return False
        return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def _tensor(value: Any) -> Tensor:
    tensor = first_tensor(value)
    assert tensor is not None
    return tensor


def _detached(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return like(value, [_detached(part) for part in value])
    return value.detach() if isinstance(value, torch.Tensor) else value


def _bytes(value: Any) -> int:
    if isinstance(value, (tuple, list)):
        return sum(_bytes(part) for part in value)
    return value.nbytes if isinstance(value, torch.Tensor) else 0


def _widened(value: Any, copies: int) -> Any:
    """Repeat what belongs to one picture for several: without copying where the batch axis has one entry."""
    if isinstance(value, (tuple, list)):
        return like(value, [_widened(part, copies) for part in value])
    if not isinstance(value, torch.Tensor) or copies == 1 or value.ndim == 0:
        return value
    rest = value.shape[1:]
    return value.expand(copies, *rest) if len(value) == 1 else value.repeat(copies, *(1 for _ in rest))
