"""What has to be hidden for an answer to change, on networks that can be solved by hand; and superpixels."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import label as connected
from torch import Tensor, nn

import models
import toy
from explain.baselines import Baseline, baseline
from explain.engine import trace_picture
from explain.flip import Flip, smallest_flip
from explain.stepping import measured_batch
from explain.superpixels import superpixels
from explain.tracing import Trace
from models.errors import ParameterError, PictureError, TargetError
from models.progress import Progress, heard_by

#: A multiple of 3, 4, 6 and 8, into which a toy picture is cut.
SIDE = 24
SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"


def stripes(count: int) -> NDArray[np.int32]:
    """Number the columns of a toy picture, in `count` stripes of equal width."""
    return np.broadcast_to(np.arange(SIDE) * count // SIDE, (SIDE, SIDE)).astype(np.int32)


class Lookup(nn.Module):
    """Answers by which stripes of a white picture are black: row sum(2 ** stripe hidden) of a table of scores.

    Counts the pictures it sees, and fails for more than `most` at once.
    """

    def __init__(self, table: Tensor, most: int = 1000) -> None:
        super().__init__()
        self.table = nn.Parameter(table)
        self.stripes = int(np.log2(len(table)))
        self.most, self.seen = most, 0

    def forward(self, pixels: Tensor) -> Tensor:
        if len(pixels) > self.most:
            raise RuntimeError("out of memory")
        self.seen += len(pixels)
        hidden = pixels.mean((1, 2)).unflatten(1, (self.stripes, -1)).mean(2) < 0.5
        return self.table[(hidden * 2 ** torch.arange(self.stripes)).sum(1)]


def white(table: Tensor, most: int = 1000) -> Trace:
    """Trace a white picture through a lookup."""
    return Trace(toy.loaded(Lookup(table, most), table.shape[1], SIDE), torch.ones(1, 3, SIDE, SIDE))


def hide(table: Tensor, predicted: int = 0, goal: int | None = None, most: int = 1000) -> Flip:
    """Find the set of stripes that is asked for, black on white."""
    segments = stripes(int(np.log2(len(table))))
    return smallest_flip(white(table, most), predicted, goal, segments, baseline="black")


def leads(count: int, otherwise: float, **lead: float) -> Tensor:
    """Write down how far class 0 is ahead of class 1 while the stripes named by letters are hidden."""
    table = torch.zeros(2**count, 2)
    table[:, 0] = otherwise
    for letters, value in lead.items():
        table[row_of(["ABCDEFGH".index(letter) for letter in letters if letter != "_"]), 0] = value
    return table


def row_of(members: Iterable[int]) -> int:
    return sum(2**member for member in members)


def random_table(seed: int, count: int = 6, classes: int = 4) -> Tensor:
    """Draw scores without any order in them; class 0 leads while nothing is hidden."""
    table = torch.randn(2**count, classes, generator=torch.Generator().manual_seed(seed))
    table[:, 0] += 2.5
    table[0, 0] = table.max() + 1
    return table


def test_the_smallest_set_of_a_linear_network_is_its_largest_weights() -> None:
    weights = torch.rand(8, generator=torch.Generator().manual_seed(3))
    hidden = torch.tensor(list(itertools.product((0, 1), repeat=8))).flip(1).float()
    table = torch.stack([(1 - hidden) @ weights, torch.full((256,), 0.3 * float(weights.sum()))], 1)
    found = hide(table)
    order = weights.argsort(descending=True).tolist()
    needed = next(count for count in range(9) if table[row_of(order[:count]), 0] < table[0, 1])
    assert found.reached and needed > 2
    assert found.members == tuple(order[:needed])
    assert found.share == pytest.approx(needed / 8)
    assert (found.hidden == np.isin(stripes(8), order[:needed])).all()


def test_a_member_that_later_ones_make_needless_is_shown_again() -> None:
    """A has the largest effect by itself, but B and C are enough without it."""
    lead = {"_": 6.0, "A": 3, "B": 4, "C": 4, "AB": 2, "AC": 2, "BC": -1, "ABC": -2}
    found = hide(leads(3, 0, **lead))
    assert found.members == (1, 2) and found.reached
    sure = {letters: 1 / (1 + np.exp(-value)) for letters, value in lead.items()}
    assert found.before[0] == pytest.approx(sure["_"], abs=1e-6)
    assert [step.segment for step in found.path] == [1, 2]
    assert [step.predicted for step in found.path] == pytest.approx([sure["B"], sure["BC"]], abs=1e-6)
    assert [step.other for step in found.path] == pytest.approx([1 - sure["B"], 1 - sure["BC"]], abs=1e-6)
    assert found.after[0] == pytest.approx(sure["BC"], abs=1e-6) and found.answer == 1


def test_what_becomes_needless_only_after_others_were_shown_is_shown_as_well() -> None:
    """D cannot be shown before A and B are: going over the members once would keep it."""
    on_the_way = {"A": 9.0, "AB": 8, "ABC": 7, "ABCD": 6, "ABCDE": -5}
    found = hide(leads(6, 9.5, **on_the_way, ACDE=-4, CDE=-3, CE=-1))
    assert found.members == (2, 4)


def test_of_two_members_either_of_which_could_be_shown_the_later_one_is() -> None:
    on_the_way = {"A": 9.0, "AB": 8, "ABC": 7, "ABCD": -3}
    assert hide(leads(4, 9.5, **on_the_way, ACD=-1, BCD=-2)).members == (0, 2, 3)


@pytest.mark.parametrize("goal", [None, 2])
def test_no_member_can_be_left_out(goal: int | None) -> None:
    """On tables without any order, hiding more can as well bring the answer back."""

    def changed(table: Tensor, members: tuple[int, ...]) -> bool:
        answer = int(table[row_of(members)].argmax())
        return answer != 0 if goal is None else answer == goal

    pruned = 0
    for seed in range(40):
        table = random_table(seed)
        found = hide(table, goal=goal)
        assert found.reached == changed(table, found.members)
        assert found.answer == int(table[row_of(found.members)].argmax())
        assert len(found.path) == len(found.members)
        if found.reached:
            for left_out in found.members:
                assert not changed(table, tuple(set(found.members) - {left_out}))
            alone = [member for member in range(6) if changed(table, (member,))]
            assert (len(found.members) == 1) == bool(alone)
        for count, step in enumerate(found.path, 1):
            chances = table[row_of(found.members[:count])].softmax(0)
            other = chances[1:].max() if goal is None else chances[goal]
            assert (step.predicted, step.other) == pytest.approx((float(chances[0]), float(other)), abs=1e-6)
        pruned += len(found.members) > 1
    assert pruned > 10


def test_where_no_set_is_enough_the_closest_on_the_way_is_told() -> None:
    found = hide(leads(3, 5, _=9, A=3, AB=1, ABC=2))
    assert not found.reached and found.answer == 0
    assert found.members == (0, 1) and found.share == pytest.approx(2 / 3)
    assert found.forwards == 3 + 2 + 1


def test_an_answer_that_is_another_already_needs_nothing_hidden() -> None:
    found = hide(leads(3, 5, _=-1))
    assert found.reached and found.members == () and found.path == () and found.forwards == 0
    assert not found.hidden.any() and found.share == 0
    assert (found.before == found.after).all() and found.answer == 1


def test_every_forward_is_counted() -> None:
    for seed in range(3):
        table = random_table(seed)
        trace = white(table)
        _ = trace.logits, measured_batch(trace)
        network = trace.model.network
        assert isinstance(network, Lookup)
        network.seen = 0
        found = smallest_flip(trace, 0, 3, stripes(6), baseline="black")
        assert found.forwards == network.seen > 6


def test_the_set_is_the_same_where_memory_is_short() -> None:
    table = random_table(5)
    short, roomy = hide(table, goal=1, most=1), hide(table, goal=1)
    assert short.members == roomy.members and short.path == roomy.path


def test_the_search_reports_how_much_of_the_lead_is_gone_and_the_set_so_far() -> None:
    told: list[Progress] = []
    with heard_by(told.append):
        found = hide(leads(3, 9.5, _=10, A=8, AC=4, ABC=-1))
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert told[0].done == 0 and told[-1].done == told[-1].total == 100
    sets = [one.partial.members for one in told if one.partial is not None]
    assert [members for members, _ in itertools.groupby(sets)] == [(), (0,), (0, 2), found.members]


def test_the_search_stops_when_the_listener_says_so() -> None:
    def listen(progress: Progress) -> None:
        if progress.partial is not None and progress.partial.members:
            raise KeyboardInterrupt

    table = leads(3, 9.5, _=10, A=8, AC=4, ABC=-1)
    trace = white(table)
    with pytest.raises(KeyboardInterrupt), heard_by(listen):
        smallest_flip(trace, 0, segments=stripes(3), baseline="black")


@pytest.mark.parametrize(
    ("name", "kind"), [("chelsea", "blur"), pytest.param("coffee", "black", marks=pytest.mark.slow)]
)
def test_on_a_real_network_the_answer_changes_and_no_superpixel_can_be_left_out(name: str, kind: Baseline) -> None:
    model = models.load("everyday_resnet", device="cpu")
    with Image.open(SAMPLES / f"{name}.jpg") as image:
        trace = trace_picture(model, image)
    predicted = int(trace.logits.argmax())
    found = smallest_flip(trace, predicted, baseline=kind)

    def logits(members: tuple[int, ...]) -> Tensor:
        mask = torch.from_numpy(np.isin(found.segments, members))
        with torch.no_grad():
            return model(torch.where(mask, baseline(trace.pixels, kind), trace.pixels))[0]

    assert found.reached and found.members
    assert int(logits(found.members).argmax()) == found.answer != predicted
    assert np.abs(logits(found.members).softmax(0).numpy() - found.after).max() < 1e-5
    for left_out in found.members:
        rest = tuple(member for member in found.members if member != left_out)
        assert int(logits(rest).argmax()) == predicted


def test_what_cannot_be_asked_of_the_search_is_refused() -> None:
    trace = white(random_table(0))
    with pytest.raises(TargetError, match="no class 4"):
        smallest_flip(trace, 4, segments=stripes(6))
    with pytest.raises(TargetError, match="no class -1"):
        smallest_flip(trace, 0, -1, stripes(6))
    with pytest.raises(TargetError, match="two different"):
        smallest_flip(trace, 1, 1, stripes(6))
    with pytest.raises(PictureError, match=r"\(24, 24\) pixels"):
        smallest_flip(trace, 0, segments=stripes(6)[:, :12])
    with pytest.raises(ParameterError, match="'red'"):
        smallest_flip(trace, 0, segments=stripes(6), baseline="red")  # type: ignore[arg-type]


def test_superpixels_follow_the_edges_of_flat_colours() -> None:
    colours = np.array([[[0.9, 0.1, 0.1], [0.1, 0.9, 0.1]], [[0.1, 0.1, 0.9], [0.9, 0.9, 0.1]]])
    pixels = colours.repeat(30, 0).repeat(30, 1)
    quadrants = np.arange(4).reshape(2, 2).repeat(30, 0).repeat(30, 1)
    segments = superpixels(pixels, 16)
    mixed = sum(np.bincount(quadrants[segments == number]).max() for number in range(segments.max() + 1))
    assert mixed > 0.98 * segments.size
    assert segments.max() + 1 == pytest.approx(16, abs=4)


@pytest.mark.parametrize("shape", [(64, 64), (24, 50), (8, 8), (1, 20)])
@pytest.mark.parametrize("kind", ["noise", "flat", "smooth"])
def test_superpixels_are_numbered_from_zero_and_each_is_one_piece(shape: tuple[int, int], kind: str) -> None:
    ramp = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) / sum(shape)
    noise = np.random.default_rng(0).random((*shape, 3))
    pixels = {"noise": noise, "flat": np.full((*shape, 3), 0.5), "smooth": ramp[..., None].repeat(3, 2)}[kind]
    segments = superpixels(pixels, 40)
    count = int(segments.max()) + 1
    assert segments.shape == shape and segments.dtype == np.int32
    assert set(segments.ravel().tolist()) == set(range(count))
    assert min(20, shape[0] * shape[1] // 4) <= count <= 80
    for number in range(count):
        assert connected(segments == number, connectivity=1).max() == 1


def test_superpixels_are_the_same_each_time() -> None:
    pixels = np.random.default_rng(1).random((32, 32, 3))
    assert (superpixels(pixels) == superpixels(pixels)).all()


def test_what_cannot_be_cut_into_superpixels_is_refused() -> None:
    with pytest.raises(PictureError, match=r"\(8, 8\)"):
        superpixels(np.zeros((8, 8)))
    with pytest.raises(ParameterError, match="at least one"):
        superpixels(np.zeros((8, 8, 3)), 0)
