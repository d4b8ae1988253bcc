"""One layout for all networks: stages, blocks and layers as boxes in columns and rows, and what feeds what.

It follows from the traced graph alone, not from the family a network belongs to. A network that torch.fx
cannot follow becomes a plain sequence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.counting import multiply_adds
from models.parts import Flow, Part, flow_of, stages_of
from models.placing import Link, columns_of, lanes_of, rows_of

if TYPE_CHECKING:
    from models.graph import Graph
    from models.loaded import LoadedModel

#: What a layer does, by words in its kind; the first that fits counts.
_TASKS = (
    ("normalisation", r"norm"),
    ("attention", r"attention|matmul|bmm|einsum"),
    ("convolution", r"conv"),
    ("pooling", r"pool|^mean$|interpolate|upsample"),
    ("linear", r"linear"),
    ("join", r"^(i?(add|sub|mul|truediv|div)|cat|concat|stack|stochastic_?depth)$"),
    ("activation", r"relu|elu|celu|gelu|silu|mish|swish|sigmoid|tanh|softmax|softplus"),
)


@dataclass(frozen=True)
class Box:
    """A layer, or what holds several: a block or a stage.

    name: the layer it stands for, whose output is that of all inside. label: what the drawing calls it. task:
    "convolution", "pooling" ... or "group", "other". level: 0 for what is seen first, then blocks, then layers.
    parent: the box that holds it. column, row: its place among its neighbours. layers: how many it holds.
    """

    name: str
    label: str
    kind: str
    task: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: tuple[int, int] | None
    level: int
    parent: int | None
    column: int
    row: int
    layers: int


@dataclass(frozen=True)
class Edge:
    """What flows between two neighbours; None = from or to the outside of `parent`, which holds both.

    lane: 0 = straight on, else the lane above the row in which it passes over the boxes between.
    """

    source: int | None
    target: int | None
    parent: int | None
    lane: int


@dataclass(frozen=True)
class Layout:
    """All boxes, those that hold others before what they hold; their edges; and the box of each layer's name."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    places: tuple[tuple[str, int], ...]

    def place_of(self, layer: str) -> int | None:
        """Return the box that shows a layer."""
        return dict(self.places).get(layer)

    @property
    def multiply_adds(self) -> int:
        """What the whole network takes for one picture."""
        return sum(box.multiply_adds for box in self.boxes if box.parent is None)


def layout_of(model: LoadedModel) -> Layout:
    """Lay out a network that is loaded; its operations are read, nothing else of it is run."""
    flow = flow_of(model.graph)
    return _Drawing(model.graph, flow, multiply_adds(model)).layout(stages_of(flow))


class _Drawing:
    """A layout in the making."""

    def __init__(self, graph: Graph, flow: Flow, counts: dict[str, int]) -> None:
        self._graph = graph
        self._flow = flow
        self._counts = counts
        self._known = {layer.name: layer for layer in graph.layers}
        self._boxes: list[Box] = []
        self._edges: list[Edge] = []
        self._paths: dict[str, int] = {}
        self._of_layer: dict[int, int] = {}

    def layout(self, stages: list[Part]) -> Layout:
        self._place(stages, None, 0, ())
        places = ((name, self._box_of(name)) for name in self._known)
        return Layout(tuple(self._boxes), tuple(self._edges), tuple(places))

    def _place(self, parts: list[Part], parent: int | None, level: int, held_by: tuple[str, ...]) -> None:
        """Place neighbours, link them, and then what they hold."""
        holder = {number: place for place, part in enumerate(parts) for number in part.numbers()}
        found = ((_held(source, holder), _held(target, holder)) for source, target in self._flow.links)
        links: list[Link] = list(dict.fromkeys((one, other) for one, other in found if one != other))
        order = list(range(len(parts)))
        columns = columns_of(order, links)
        rows = rows_of(order, links, columns)
        lanes = lanes_of(links, columns, rows)
        numbers: dict[int | None, int | None] = {None: None}
        for place, part in enumerate(parts):
            numbers[place] = len(self._boxes)
            box = self._box(part, parent, level, _label(part, held_by), columns[place], rows[place])
            self._boxes.append(box)
            if part.number is None:
                self._place(part.parts, numbers[place], level + 1, (part.path, *part.alone))
        self._edges += [Edge(numbers[one], numbers[other], parent, lanes[one, other]) for one, other in links]

    def _box(self, part: Part, parent: int | None, level: int, label: str, column: int, row: int) -> Box:
        inside = part.numbers()
        last = self._flow.layers[inside[-1]]
        named = [self._known[name] for name in (part.path, *part.alone) if name in self._known]
        info = named[0] if named else last
        self._paths |= dict.fromkeys((layer.name for layer in named), len(self._boxes))
        if part.number is not None:
            self._of_layer[part.number] = len(self._boxes)
        grouped = part.number is None
        return Box(
            name=info.name,
            label=label,
            kind=next((layer.kind for layer in named if layer.kind != "Sequential"), info.kind if named else ""),
            task="group" if grouped else _task(info.kind),
            shape=last.shape,
            parameters=self._parameters(part),
            multiply_adds=sum(self._counts.get(self._flow.layers[number].name, 0) for number in inside),
            receptive_field=last.receptive_field,
            level=level,
            parent=parent,
            column=column,
            row=row,
            layers=len(inside) if grouped else 0,
        )

    def _parameters(self, part: Part) -> int:
        """Count what a group without a name of its own holds: by its named parts, which know their own weights."""
        known = self._known.get(part.path)
        return known.parameters if known else sum(self._parameters(inner) for inner in part.parts)

    def _box_of(self, name: str) -> int:
        """Find the box that shows a layer: its own, or that of the last operation inside."""
        if name in self._paths:
            return self._paths[name]
        operations = self._graph.operations
        if operations is None:
            inside = [number for number, layer in enumerate(self._flow.layers) if layer.name.startswith(f"{name}.")]
        else:
            node = operations.names[name]
            inside = [n for n, layer in enumerate(self._flow.layers) if operations.names[layer.name] is node]
        return self._of_layer[inside[-1]]


def _held(number: int | None, holder: dict[int, int]) -> int | None:
    return None if number is None else holder.get(number)


def _label(part: Part, held_by: tuple[str, ...]) -> str:
    """Call a part by what its name adds to that of its holder, where that begins with a word; a group by its ends."""
    if not part.path:
        first, last = part.parts[0].path, part.parts[-1].path
        holder, _, word = last.rpartition(".")
        return f"{first} … {word if holder and first.startswith(f'{holder}.') else last}"
    added = (part.path.removeprefix(f"{path}.") for path in reversed(held_by) if path)
    return next((words for words in added if re.match(r"[A-Za-z]", words)), part.path)


def _task(kind: str) -> str:
    return next((task for task, words in _TASKS if re.search(words, kind.lower())), "other")
