"""A network taken apart into stages, blocks and layers: one rule for all, read from names, links and resolutions."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.placing import Link

if TYPE_CHECKING:
    from torch import fx

    from models.graph import Graph, LayerInfo

#: A fall of the side of the feature maps by more than this is a change of resolution.
FALL = 0.75


@dataclass(eq=False)
class Part:
    """A layer (number = its place in `Flow.layers`) or what holds several.

    path: its name in the network, "" for a group that has none. alone: the names of what it holds alone.
    """

    path: str
    number: int | None = None
    parts: list[Part] = field(default_factory=list)
    alone: tuple[str, ...] = ()

    def numbers(self) -> list[int]:
        """List the layers inside, in the order they run."""
        if self.number is not None:
            return [self.number]
        return sorted(number for part in self.parts for number in part.numbers())


@dataclass(frozen=True)
class Flow:
    """The layers that hold no others, in the order they run, and what feeds what; None is the picture or the answer.

    sides: of each layer's feature maps, 0 for one without places.
    """

    layers: tuple[LayerInfo, ...]
    links: tuple[Link, ...]
    sides: tuple[float, ...]


def flow_of(graph: Graph) -> Flow:
    """Read what feeds what; without a graph, each layer feeds the next."""
    if graph.operations is None:
        names = [layer.name for layer in graph.layers]
        whole = {name.rpartition(".")[0] for name in names}
        holders = {name for name in names if any(f"{held}.".startswith(f"{name}.") for held in whole)}
        layers = tuple(layer for layer in graph.layers if layer.name not in holders)
        chain: list[int | None] = [None, *range(len(layers)), None]
        links = tuple(itertools.pairwise(chain))
    else:
        own: dict[fx.Node, str] = {}
        for name, node in graph.operations.names.items():
            own.setdefault(node, name)
        layers = tuple(layer for layer in graph.layers if own[graph.operations.names[layer.name]] == layer.name)
        links = _links(graph, layers)
    return Flow(layers, links, tuple(_side(graph, layer) for layer in layers))


def _links(graph: Graph, layers: tuple[LayerInfo, ...]) -> tuple[Link, ...]:
    """Link the layers; operations that are no layers, such as a split into a list, are passed through."""
    assert graph.operations is not None
    operations = graph.operations
    numbers = {operations.names[layer.name]: number for number, layer in enumerate(layers)}
    reached: dict[fx.Node, set[int | None]] = {operations.input: {None}}

    def sources(node: fx.Node) -> set[int | None]:
        """Find the layers that a node reads; a size or another plain number carries nothing."""
        moving = (source for source in node.all_input_nodes if graph.shapes.get(source) is not None)
        return {layer for source in moving for layer in reached.get(source, ())}

    links: list[Link] = []
    for node in operations.nodes[1:]:
        found = sources(node)
        if node in numbers:
            links += [(source, numbers[node]) for source in sorted(found, key=lambda n: -1 if n is None else n)]
            found = {numbers[node]}
        reached[node] = found
    links += [(source, None) for source in reached[operations.output] if source is not None]
    return tuple(links)


def _side(graph: Graph, layer: LayerInfo) -> float:
    geometry = graph.geometry[layer.name]
    if not geometry.spatial:
        return 0.0
    grid = geometry.grid or (layer.shape[geometry.axes.index("H")], layer.shape[geometry.axes.index("W")])
    return math.sqrt(math.prod(grid)) if max(grid) > 1 else 0.0


def stages_of(flow: Flow) -> list[Part]:
    """Take a network apart: stages of blocks of layers, each with as many levels as it needs.

    What holds several blocks with joins inside (a residual stage, a dense block, an encoder) is a stage as it
    stands. What the resolution falls more than once in is opened. The rest is put together while the
    resolution stays, a pooling that ends it included.
    """
    whole = _tree(flow)
    joins = {target for target, count in Counter(target for _, target in flow.links).items() if count > 1}
    items = [whole] if whole.number is not None else whole.parts
    while any(_falls(item, flow) > 1 for item in items):
        items = [part for item in items for part in (item.parts if _falls(item, flow) > 1 else [item])]
    stages: list[Part] = []
    run: list[Part] = []
    for item in items:
        if _is_stage(item, joins):
            stages += [*_gathered(run, flow), Part(item.path, None, _blocks(item, joins), item.alone)]
            run = []
        else:
            run.append(_flat(item))
    return [*stages, *_gathered(run, flow)]


def _tree(flow: Flow) -> Part:
    """Put the layers into the modules that hold them, by their names."""
    whole = Part("")
    known = {"": whole}
    for number, layer in enumerate(flow.layers):
        holder, words = whole, layer.name.split(".")
        for depth in range(1, len(words)):
            path = ".".join(words[:depth])
            if path not in known:
                known[path] = Part(path)
                holder.parts.append(known[path])
            holder = known[path]
        holder.parts.append(Part(layer.name, number))
    return _bare(whole)


def _bare(part: Part) -> Part:
    """Leave out what holds only one thing, and put the rest into the order in which it finishes."""
    parts = sorted((_bare(inner) for inner in part.parts), key=lambda inner: inner.numbers()[-1])
    if len(parts) != 1:
        return Part(part.path, part.number, parts)
    only = parts[0]
    return only if only.number is not None else Part(part.path, None, only.parts, (only.path, *only.alone))


def _flat(part: Part) -> Part:
    """Make a block: all layers inside, side by side."""
    return part if part.number is not None else Part(part.path, None, _layers(part), part.alone)


def _layers(part: Part) -> list[Part]:
    if part.number is not None:
        return [part]
    return sorted((layer for inner in part.parts for layer in _layers(inner)), key=lambda layer: layer.numbers()[0])


def _falls(part: Part, flow: Flow) -> int:
    """Count how often the resolution falls inside what holds several layers."""
    if part.number is not None:
        return 0
    falls, last = 0, 0.0
    for side in sorted((flow.sides[number] for number in part.numbers() if flow.sides[number]), reverse=True):
        falls += bool(last) and side < FALL * last
        last = side if not last or side < FALL * last else last
    return falls


def _is_stage(part: Part, joins: set[int | None]) -> bool:
    """Whether it holds several blocks in which ways join, or something that does."""
    holders = [inner for inner in part.parts if inner.number is None]
    joined = sum(any(number in joins for number in inner.numbers()) for inner in holders)
    return joined > 1 or any(_is_stage(inner, joins) for inner in holders)


def _blocks(part: Part, joins: set[int | None]) -> list[Part]:
    """List the blocks of a stage; stages inside it are opened."""
    found: list[Part] = []
    for inner in part.parts:
        found += _blocks(inner, joins) if _is_stage(inner, joins) else [_flat(inner)]
    return found


def _gathered(run: list[Part], flow: Flow) -> list[Part]:
    """Put neighbours together while the resolution stays; a layer without weights that lowers it ends a group."""
    fed = {target for _, target in flow.links}
    groups: list[list[Part]] = []
    level = 0.0
    for part in run:
        last = part.numbers()[-1]
        side = flow.sides[last]
        ends = part.number is not None and not flow.layers[last].parameters and side > 0
        same = min(side, level) >= FALL * max(side, level)
        if groups and (ends or same or last not in fed):
            groups[-1].append(part)
        else:
            groups.append([part])
            level = side
    return [group[0] if len(group) == 1 else Part("", parts=group) for group in groups]
