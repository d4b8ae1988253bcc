"""Results become plotly figures that say what they show."""

from __future__ import annotations

import numpy as np

from explain import figures
from explain.outcomes import Sweep
from explain.results import Curve, Heatmap, Prediction

PREDICTION = Prediction(
    np.array([7, 3]), ("tabby", "lynx"), np.array([0.75, 0.25], np.float32), np.array([2.0, 1.0], np.float32)
)


def test_the_bars_carry_names_and_shares_and_the_chosen_one_stands_out() -> None:
    bar = figures.bars(PREDICTION).data[0]
    assert [name.strip() for name in bar.y] == ["tabby", "lynx"]
    assert list(bar.x) == [0.75, 0.25]
    assert list(bar.text) == ["75.0%", "25.0%"]
    assert list(bar.marker.color) == [figures.GREEN, figures.GREY]
    assert list(figures.bars(PREDICTION, chosen=3).data[0].marker.color) == [figures.GREY, figures.GREEN]


def test_the_best_class_is_on_top() -> None:
    assert figures.bars(PREDICTION).layout.yaxis.autorange == "reversed"


def test_a_curve_names_its_axes_and_its_area() -> None:
    curve = Curve(x=np.array([0, 1], np.float32), y=np.array([1, 0], np.float32), area=0.5)
    figure = figures.line(curve, "share hidden", "probability")
    assert figure.layout.xaxis.title.text == "share hidden"
    assert figure.layout.yaxis.title.text == "probability"
    assert "0.500" in figure.layout.title.text
    assert list(figure.data[0].y) == [1, 0]


def test_a_signed_map_is_centred_on_zero_and_an_unsigned_one_starts_there() -> None:
    values = np.array([[-1, 4]], np.float32)
    signed = figures.heat(Heatmap(values=values, signed=True)).data[0]
    assert (signed.zmin, signed.zmax) == (-4, 4)
    assert signed.colorscale[4][1] == "rgb(247, 247, 247)"
    unsigned = figures.heat(Heatmap(values=values, signed=False)).data[0]
    assert (unsigned.zmin, unsigned.zmax) == (0, 4)


def test_an_empty_map_has_a_scale_all_the_same() -> None:
    drawn = figures.heat(Heatmap(values=np.zeros((2, 2), np.float32), signed=False)).data[0]
    assert drawn.zmax == 1


def swept(left: list[float], success: list[bool]) -> Sweep:
    sizes = np.array([0, 2, 4], np.float32) / 255
    reached = 1 - np.array(left, np.float32)
    return Sweep(sizes, np.array(success), np.array(left, np.float32), reached, np.array([0, 0, 1]), 30)


def test_a_curve_over_sizes_is_in_levels_and_marks_where_the_network_is_fooled() -> None:
    curve = swept([0.9, 0.6, 0.1], [False, False, True])
    figure = figures.sizes({"Standard": curve}, 4 / 255)
    left, reached = figure.data
    assert np.allclose(left.x, [0, 2, 4]) and np.allclose(left.y, [0.9, 0.6, 0.1])
    assert np.allclose(reached.y, [0.1, 0.4, 0.9]) and reached.line.dash == "dash"
    assert list(left.marker.symbol) == ["circle-open", "circle-open", "circle"]
    assert abs(figure.layout.shapes[0].x0 - 4) < 1e-6
    assert "of 255" in figure.layout.xaxis.title.text
    assert figures.sizes({"Standard": curve}, 1.0, "l2").layout.xaxis.title.text == "Length of the change"


def test_two_networks_have_a_line_each() -> None:
    standard, robust = swept([0.9, 0.6, 0.1], [False, False, True]), swept([0.8, 0.8, 0.7], [False] * 3)
    figure = figures.sizes({"Standard": standard, "Robust": robust}, 4 / 255)
    assert [line.name for line in figure.data] == ["Standard", "Robust"]
    assert len({line.line.color for line in figure.data}) == 2
