"""Where in a network the Layers page stands: the layer, its channel and its unit, all of which live in the address."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image

from dashboard import cache, state
from dashboard.answers import Choice
from dashboard.uploads import Picture
from explain.results import FeatureMaps

if TYPE_CHECKING:
    from dashboard.sidebar import Rail
    from models.graph import LayerInfo
    from models.loaded import LoadedModel
    from models.progress import Listener

#: Stands in where an answer does not depend on the picture.
BLANK = Picture(Image.new("RGB", (64, 64), (128, 128, 128)), "blank")
#: The largest number that an address may hold; what a layer does not have is refused with a notice.
DIGITS = 6


@dataclass(frozen=True)
class Place:
    """The picked layer with its channel and its unit (row, column) on the layer's grid.

    choice: of what the layer answers; `cache.study` keeps under it what a section measures. size: channels, rows
    and columns of the layer's output; a layer without places has one row and column.
    """

    rail: Rail = field(repr=False)
    choice: Choice
    layer: str
    channel: int
    unit: tuple[int, int]
    info: LayerInfo
    size: tuple[int, int, int]
    spatial: bool

    @property
    def alone(self) -> Choice:
        """Ask what depends on the network only, so that it is kept for all pictures and layers."""
        return dataclasses.replace(self.choice, picture=BLANK, parameters=())

    @property
    def side(self) -> int:
        """Say how many pixels the network sees along each side of the picture."""
        return here(self.rail.model.key, self.rail.untrained).card.pixels.side

    @property
    def part(self) -> str:
        """Name what the layer has many of: channels, or values where it has no places."""
        return "channel" if self.spatial else "value"

    @property
    def named(self) -> str:
        """Name the picked channel or value; a value of the last layer with its class."""
        return f"{self.part} {self.channel}{self.class_of(self.channel)}"

    def class_of(self, number: int) -> str:
        """Write the class of a value of the last layer, in brackets; of any other layer nothing."""
        classes = self.rail.model.classes
        last = not self.spatial and self.size[0] == len(classes)
        return f" ({classes[number]})" if last else ""

    def at(self, layer: str) -> Choice:
        """Ask what another layer answers to the same picture."""
        return dataclasses.replace(self.choice, parameters=(("layer", layer),))


def find(rail: Rail, network: LoadedModel, listener: Listener) -> Place:
    """Read the place from the address; what the network does not have is replaced, with a notice.

    Where no channel is asked for, it is the one that answers the picture most strongly; the unit is the strongest of
    its channel.
    """
    from explain.suitability import default_layer, grid_of

    names = {layer.name for layer in network.layers()}
    layer = _asked("layer", lambda text: text in names, "the layer") or default_layer(network)
    info = network.graph.layer(layer)
    size = grid_of(network, layer)
    choice = Choice(
        model=rail.model.key,
        picture=rail.picture,
        method=rail.method.name,
        parameters=(("layer", layer),),
        untrained=rail.untrained,
    )
    channel = _number("channel", size[0], "the channel")
    unit = _unit(size[1], size[2])
    if channel is None or unit is None:
        answer = cache.answer(choice, listener).explanation
        assert isinstance(answer, FeatureMaps)
        channel = int(answer.maps.max((1, 2)).argmax()) if channel is None else channel
        strongest = divmod(int(answer.maps[channel].argmax()), size[2])
        unit = strongest if unit is None else unit
    return Place(rail, choice, layer, channel, unit, info, size, network.graph.geometry[layer].spatial)


def here(key: str, untrained: bool) -> LoadedModel:
    """Return the network that the page has loaded."""
    network = cache.loaded(key, untrained)
    assert network is not None
    return network


def pick_layer(name: str, channel: int | None = None) -> None:
    """Go to another layer; its channels and units are others, unless a channel is named."""
    state.mirror("unit", None)
    state.mirror("channel", None if channel is None else str(channel))
    state.mirror("layer", name)
    state.put("maps-page", 1)


def pick_channel(number: int) -> None:
    """Go to another channel of the layer."""
    state.mirror("channel", str(number))


def pick_unit(row: int, column: int) -> None:
    """Go to another unit of the channel."""
    state.mirror("unit", f"{row}-{column}")


def _number(name: str, count: int, what: str) -> int | None:
    text = _asked(name, lambda asked: _within(asked, count), what)
    return int(text) if text else None


def _unit(rows: int, columns: int) -> tuple[int, int] | None:
    """Read the unit, where there is one on a grid of this size."""

    def accepts(text: str) -> bool:
        unit = state.two_numbers(text)
        return unit is not None and unit[0] < rows and unit[1] < columns

    return state.two_numbers(_asked("unit", accepts, "the unit") or "")


def _asked(name: str, accepts: Callable[[str], bool], what: str) -> str | None:
    """Read what the address asks for; what belonged to the network or layer before is taken out."""
    text = state.mirrored(name, accepts, what)
    if text is None or accepts(text):
        return text
    state.mirror(name, None)
    return None


def _within(text: str, count: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= DIGITS and int(text) < count
