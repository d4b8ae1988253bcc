"""What is measured around an attack: sizes, control, transfer, defences, files, changes of maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import explain
from explain.agreement import compare, spearman, ssim
from explain.control import random_signs
from explain.keeping import keep, on_grid, read, written
from explain.many_gradients import folded
from explain.memory import within_memory
from explain.methods.apgd import APGD
from explain.methods.attack_ensemble import AttackEnsemble
from explain.methods.pgd import PGD
from explain.results import Adversarial
from explain.survival import Defence, blur, jpeg, noise, quantise, resize, survival, transfer, usual_defences
from explain.sweep import sizes, smallest, sweep
from explain.target import ClassLogit, Contrast
from explain.tracing import Trace
from models import LoadedModel
from models.errors import ParameterError, TargetError
from models.progress import Progress, heard_by
from toy import Branching, Counting, Linear, Pooled, loaded, picture, seeded


def linear(margin: float = 0.5, third: float = -30.0, side: int = 16) -> tuple[LoadedModel, Trace, int]:
    """A network that is linear in its pixels, and a picture it takes for class 0, by this margin before class 1."""
    network = seeded(Linear(3, side))
    pixels = torch.full((1, 3, side, side), 0.5) + 0.1 * (picture(side) - 0.5)
    with torch.no_grad():
        network.fc.bias.zero_()  # type: ignore[union-attr,operator]
        logits = network(pixels)[0]
        network.fc.bias.copy_(-logits + torch.tensor([margin, 0.0, third]))  # type: ignore[union-attr,operator]
    model = loaded(network, 3, side)
    return model, Trace(model, pixels), 0


def closed_form(model: LoadedModel, trace: Trace, label: int, other: int) -> float:
    """The smallest L-infinity change of a linear network: the margin over the 1-norm of the weights' difference."""
    weights: Any = model.network.fc.weight  # type: ignore[union-attr]
    logits = trace.logits[0]
    return float((logits[label] - logits[other]) / (weights[label] - weights[other]).abs().sum())


def test_the_smallest_size_of_a_linear_network_is_the_closed_form() -> None:
    model, trace, label = linear()
    exact = closed_form(model, trace, label, 1)
    attack = PGD(epsilon=4 * exact, step_size=exact, steps=8)
    found = smallest(trace, attack, ClassLogit(label), high=4 * exact, rounds=4)
    assert found.epsilon is not None
    assert exact * (1 - 1e-4) <= found.epsilon <= exact * 1.01
    assert found.fails_at < found.epsilon
    assert found.pixels is not None
    assert int(model(torch.from_numpy(found.pixels).permute(2, 0, 1)[None]).argmax()) != label


def test_the_smallest_size_for_a_goal_is_that_of_the_goal() -> None:
    model, trace, label = linear(third=-1)
    exact = closed_form(model, trace, label, 2)
    attack = PGD(epsilon=2 * exact, step_size=exact / 2, steps=30, goal=2)
    found = smallest(trace, attack, ClassLogit(label), high=2 * exact, rounds=4)
    assert found.epsilon is not None
    # The way must also pass the other class, so the closed form is a bound from below.
    assert exact * (1 - 1e-4) <= found.epsilon <= 2 * exact


def test_where_nothing_succeeds_there_is_no_smallest_size() -> None:
    model, trace, label = linear()
    exact = closed_form(model, trace, label, 1)
    found = smallest(trace, PGD(epsilon=exact, steps=5), ClassLogit(label), high=exact / 2)
    assert found.epsilon is None and found.pixels is None
    assert found.fails_at == pytest.approx(exact / 2)


def test_a_sweep_gives_each_size_the_steps_that_the_attack_of_that_size_has() -> None:
    model, trace, label = linear()
    exact = closed_form(model, trace, label, 1)
    # One step of the whole size is enough on a linear network; a step of the small attack's length is not.
    attack = PGD(epsilon=exact / 4, step_size=exact / 4, steps=1, random_start=False)
    curve = sweep(trace, attack, ClassLogit(label), [exact / 4, exact / 2, exact * 1.1])
    assert curve.success.tolist() == [False, False, True]


def test_a_sweep_turns_where_the_closed_form_says() -> None:
    model, trace, label = linear()
    exact = closed_form(model, trace, label, 1)
    tried = [0.0, exact * 0.9, exact * 1.1, exact * 2]
    found = sweep(trace, PGD(epsilon=exact, step_size=exact), ClassLogit(label), tried)
    assert found.success.tolist() == [False, False, True, True]
    assert found.smallest == pytest.approx(exact * 1.1, rel=1e-5)
    assert found.fails_at == pytest.approx(exact * 0.9, rel=1e-5)
    assert found.left[0] == pytest.approx(float(trace.logits.softmax(1)[0, label]), abs=1e-6)
    assert (np.diff(found.left) <= 1e-6).all()
    assert found.classes.tolist() == [0, 0, 1, 1]


def test_a_larger_size_is_never_worse_than_a_smaller_one() -> None:
    model = loaded(seeded(Pooled()), 4)
    trace = Trace(model, picture())
    label = int(trace.logits.argmax())
    # Steps far too long: larger sizes overshoot, and what a smaller one found must count for them.
    found = sweep(trace, PGD(epsilon=0.2, step_size=0.2, steps=3), ClassLogit(label))
    assert len(found.epsilons) == 16
    margin = found.left - found.reached
    assert (np.diff(margin) <= 1e-5).all()


def test_a_sweep_counts_what_is_known_already() -> None:
    model, trace, label = linear()
    exact = closed_form(model, trace, label, 1)
    weak = PGD(epsilon=2 * exact, step_size=0.001 * exact, steps=1, random_start=False)
    strong = PGD(epsilon=2 * exact, step_size=exact, steps=5)(trace, ClassLogit(label))
    assert isinstance(strong, Adversarial) and strong.success
    assert not sweep(trace, weak, ClassLogit(label)).success.any()
    with_it = sweep(trace, weak, ClassLogit(label), known=strong)
    assert with_it.success.tolist() == [size >= 2 * exact - 1e-9 for size in sizes(weak)]


def test_the_usual_sizes_begin_with_none_and_hold_the_attacks_own() -> None:
    found = sizes(PGD(epsilon=4 / 255))
    assert found[0] == 0 and 4 / 255 in found and max(found) == pytest.approx(16 / 255) and len(found) == 16


def test_sixteen_sizes_take_two_batches_for_each_step() -> None:
    trace = Trace(loaded(seeded(Pooled()), 4), picture())
    label = int(trace.logits.argmax())
    with Counting() as counting:
        sweep(trace, PGD(steps=10), ClassLogit(label))
    # Two convolutions: a forward and a backward for each step, the start, the end, and two to check the copy.
    assert counting.forward <= 2 * (2 * (10 + 2) + 2)
    assert counting.backward <= 2 * 2 * 10


class Short(Linear):
    """Has memory for a few pictures at once, and none for more."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return super().forward(pixels)


def test_a_sweep_takes_fewer_sizes_at_once_where_memory_runs_out() -> None:
    plain, trace, label = linear()
    short = Short(3, 16)
    short.load_state_dict(plain.network.state_dict())
    tight = Trace(loaded(short, 3), trace.pixels)
    attack = PGD(epsilon=closed_form(plain, trace, label, 1) * 2, steps=4)
    expected = sweep(trace, attack, ClassLogit(label))
    found = within_memory(tight, lambda tight: sweep(tight, attack, ClassLogit(label)))
    np.testing.assert_allclose(found.left, expected.left, atol=1e-5)
    assert (found.success == expected.success).all()


def test_a_folded_copy_gives_the_scores_and_gradients_of_the_network() -> None:
    model = loaded(seeded(Pooled()), 4, plain=False)
    pixels = torch.cat([picture(seed=seed) for seed in range(3)])
    ask = folded(model, pixels[:1])
    assert ask is not model
    leaf = pixels.clone().requires_grad_()
    answers = [torch.autograd.grad(call(leaf)[:, 1].sum(), leaf)[0] for call in (ask, model)]
    torch.testing.assert_close(ask(pixels), model(pixels), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(*answers, atol=1e-5, rtol=1e-3)
    with Counting() as counting:
        ask(pixels)
    assert counting.forward == 2


def test_a_network_that_cannot_be_followed_is_asked_itself() -> None:
    model = loaded(seeded(Branching()), 3)
    assert folded(model, picture()) is model


def test_a_copy_that_says_something_else_is_not_used() -> None:
    class Counts(Pooled):
        """Answers by how often it, or a copy of it, was run."""

        calls = 0

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            type(self).calls += 1
            return super().forward(pixels) * self.calls

    model = loaded(seeded(Counts()), 4)
    assert folded(model, picture()) is model


@pytest.mark.parametrize(("kind", "size"), [(PGD, 1.0), (PGD, 3.0), (APGD, 1.0), (APGD, 3.0), (APGD, 10.0)])
def test_no_change_is_longer_than_allowed_however_many_pixels_there_are(kind: type[PGD | APGD], size: float) -> None:
    """In 64 bits; 150,000 pixels are where the rounding of 32 bits shows."""
    model, trace, label = linear(side=224)
    attack = kind(norm="l2", epsilon=size, steps=3)
    found = explain.run(model, trace, attack, label)
    assert isinstance(found, explain.Adversarial)
    change = found.pixels.astype(np.float64) - trace.pixels[0].permute(1, 2, 0).double().numpy()
    assert 0.999 * size <= np.linalg.norm(change) <= size + 1e-6
    assert found.l2 <= size + 1e-6
    assert sweep(trace, attack, ClassLogit(label), [size]).epsilons == pytest.approx([size])


class CountsPictures(nn.Module):
    """Lays its maps out by how many pictures it was given, as forwards often do; without any it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(768, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn pixels into logits."""
        return self.fc(pixels.view(pixels.size(0), -1))


@pytest.mark.parametrize(
    "attack", [APGD(epsilon=0.5, stop_early=True), APGD(epsilon=0.5, restarts=2), AttackEnsemble(epsilon=0.5)]
)
def test_an_attack_that_has_won_shows_the_network_no_empty_batch(attack: explain.Method) -> None:
    found = explain.run(loaded(seeded(CountsPictures()), 3), picture(), attack)
    assert isinstance(found, explain.Adversarial) and found.success


def test_a_sweep_tells_how_far_it_is_and_stops_when_told() -> None:
    _, trace, label = linear()
    heard: list[Progress] = []
    with heard_by(heard.append):
        sweep(trace, PGD(steps=5), ClassLogit(label))
    shares = [progress.done / progress.total for progress in heard]
    assert shares == sorted(shares) and shares[-1] == 1

    class Enough(BaseException):
        pass

    def stop(progress: Progress) -> None:
        raise Enough

    with pytest.raises(Enough), heard_by(stop):
        sweep(trace, PGD(steps=5), ClassLogit(label))


def test_a_contrast_and_a_goal_are_refused_where_they_make_no_sense() -> None:
    _, trace, label = linear(third=-1)
    with pytest.raises(ParameterError, match="class to leave"):
        sweep(trace, PGD(goal=label), ClassLogit(label))
    with pytest.raises(TargetError, match="no class 9"):
        sweep(trace, PGD(goal=9), ClassLogit(label))
    with pytest.raises(ParameterError, match="from 0 upwards"):
        sweep(trace, PGD(), ClassLogit(label), [])
    against = sweep(trace, PGD(epsilon=0.3, step_size=0.1), Contrast(label, 2))
    assert against.classes[-1] == 2


def test_random_signs_of_the_same_size_do_not_fool_where_the_attack_does() -> None:
    model, trace, label = linear()
    exact = closed_form(model, trace, label, 1)
    attacked = PGD(epsilon=2 * exact, step_size=exact)(trace, ClassLogit(label))
    control = random_signs(trace, label, None, 2 * exact, "linf")
    assert isinstance(attacked, Adversarial) and attacked.success
    assert control.fooled == 0 and control.draws == 16
    assert control.linf == pytest.approx(2 * exact, rel=1e-3)
    assert control.l2 >= attacked.l2 - 1e-6


def test_random_signs_are_of_the_length_asked_for_and_the_same_each_time() -> None:
    _, trace, label = linear()
    once, again = (random_signs(trace, label, None, 0.3, "l2", seed=3) for _ in range(2))
    assert once.l2 == pytest.approx(0.3, rel=1e-4)
    assert (once.probabilities == again.probabilities).all()
    assert (once.probabilities != random_signs(trace, label, None, 0.3, "l2", seed=4).probabilities).any()


def test_a_network_of_another_size_is_asked_at_its_own() -> None:
    small = loaded(seeded(Pooled(), 1), 4, side=16)
    large = loaded(seeded(Pooled(), 1), 4, side=32)
    clean, attacked = np.full((16, 16, 3), 0.2, np.float32), np.full((16, 16, 3), 0.9, np.float32)
    assert transfer(small, clean, clean).before.probability == pytest.approx(
        float(small(torch.full((1, 3, 16, 16), 0.2)).softmax(1).max()), abs=1e-5
    )
    seen: list[tuple[int, ...]] = []
    network = large.network.forward
    large.network.forward = lambda pixels: seen.append(tuple(pixels.shape)) or network(pixels)  # type: ignore[method-assign]
    found = transfer(large, clean, attacked)
    assert seen == [(2, 3, 32, 32)]
    assert found.model == "toy" and found.fooled == (found.before.index != found.after.index)


@pytest.mark.parametrize("defence", usual_defences(), ids=lambda defence: defence.name)
def test_a_defence_gives_pictures_and_the_same_ones_each_time(defence: Defence) -> None:
    pixels = torch.cat([picture(20), picture(20, 1)])
    before = pixels.clone()
    once, again = defence.apply(pixels), defence.apply(pixels)
    assert once.shape == pixels.shape
    assert bool(((once >= 0) & (once <= 1)).all())
    assert torch.equal(once, again) and torch.equal(pixels, before)
    assert not torch.equal(once, pixels)


def test_noise_depends_on_its_seed_only() -> None:
    pixels = picture()
    assert torch.equal(noise(0.1, 5).apply(pixels), noise(0.1, 5).apply(pixels))
    assert not torch.equal(noise(0.1, 5).apply(pixels), noise(0.1, 6).apply(pixels))


def test_an_even_picture_stays_even_through_blur_and_resize() -> None:
    even = torch.full((1, 3, 20, 20), 0.4)
    for defence in (blur(1.5), resize(0.5)):
        assert torch.allclose(defence.apply(even), even, atol=1e-6)
    assert torch.allclose(jpeg(90).apply(even), even, atol=1 / 255)
    assert torch.allclose(quantise(8).apply(even), even, atol=0.5 / 255 + 1e-6)


def test_an_attack_survives_what_changes_nothing_and_not_what_takes_it_away() -> None:
    model, trace, label = linear()
    exact = closed_form(model, trace, label, 1)
    found = PGD(epsilon=2 * exact, step_size=exact)(trace, ClassLogit(label))
    assert isinstance(found, Adversarial)
    clean = trace.pixels[0].permute(1, 2, 0).numpy()
    nothing = Defence("nothing", lambda pixels: pixels)
    undone = Defence("undone", lambda pixels: pixels[:1].repeat(2, 1, 1, 1))
    stays, goes = survival(model, clean, found.pixels, label, None, (nothing, undone))
    assert stays.survives and not goes.survives
    assert stays.clean.index == label and stays.attacked.index == 1
    assert stays.kept[0] > stays.kept[1] and goes.kept[0] == pytest.approx(goes.kept[1])
    (goal,) = survival(model, clean, found.pixels, label, 2, (nothing,))
    assert not goal.survives


def on_levels(seed: int = 0, side: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.float32) / 255


def test_all_levels_come_back_from_a_file() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert (read(written(levels)) == levels).all()
    pixels = levels.astype(np.float32) / 255
    assert (on_grid(pixels, pixels) == levels).all()
    # What cutting off would have done to the very same numbers:
    moved = ((pixels * np.float32(255)).astype(np.uint8) != levels) | (
        ((pixels - np.float32(1e-7)) * 255).astype(np.uint8) != levels
    )
    assert moved.sum() > 100


def test_a_file_stays_within_epsilon_on_the_grid() -> None:
    clean = on_levels()
    change = np.random.default_rng(1).uniform(-1, 1, clean.shape).astype(np.float32) * (3.7 / 255)
    levels = on_grid(clean, np.clip(clean + change, 0, 1), 3.7 / 255).astype(int)
    assert np.abs(levels - np.rint(clean * 255)).max() == 3


def test_rounding_keeps_an_attack_that_cutting_off_loses() -> None:
    side = 16
    network = Linear(2, side)
    clean = np.full((side, side, 3), 100, np.float32) / 255
    attacked = clean + np.float32(0.9 / 255)
    with torch.no_grad():
        # Says class 1 as soon as the mean colour is half a level above 100.
        network.fc.weight.copy_(torch.stack([torch.zeros(768), torch.full((768,), 255 / 768)]))  # type: ignore[operator]
        network.fc.bias.copy_(torch.tensor([100.5, 0.0]))  # type: ignore[operator]
    model = loaded(network, 2, side)
    kept = keep(model, clean, attacked, 0)
    assert kept.success and not kept.notes and kept.said.index == 1
    cut = (attacked * 255).astype(np.uint8)
    assert int(model(torch.from_numpy(cut).permute(2, 0, 1)[None].float() / 255).argmax()) == 0


def test_a_file_that_no_longer_fools_says_so() -> None:
    model, trace, _ = linear(margin=0.02)
    clean = np.rint(trace.pixels[0].permute(1, 2, 0).numpy() * 255) / 255
    clean_trace = Trace(model, torch.from_numpy(clean.astype(np.float32)).permute(2, 0, 1)[None])
    tiny = 0.4 / 255
    found = PGD(epsilon=tiny, step_size=tiny / 2)(clean_trace, ClassLogit(int(clean_trace.logits.argmax())))
    assert isinstance(found, Adversarial) and found.success
    kept = keep(model, clean, found.pixels, int(clean_trace.logits.argmax()), epsilon=tiny)
    assert not kept.success and kept.linf < 1e-6
    assert any("no longer fools" in note for note in kept.notes)


def test_a_file_of_an_attack_that_failed_has_nothing_to_lose() -> None:
    model, _, label = linear()
    clean = np.full((16, 16, 3), 100, np.float32) / 255
    kept = keep(model, clean, clean + np.float32(1 / 255), int(model(torch.full((1, 3, 16, 16), 100 / 255)).argmax()))
    assert not kept.success and kept.notes == ()
    kept = keep(model, clean, clean + np.float32(0.3 / 255), label, epsilon=0.3 / 255)
    assert kept.linf < 1e-6 and any("the file is the picture as it was" in note for note in kept.notes)


def test_a_file_says_when_rounding_took_it_beyond_epsilon() -> None:
    model, _, label = linear()
    clean = np.full((16, 16, 3), 100, np.float32) / 255
    change = np.full_like(clean, 0.6 / 255)
    kept = keep(model, clean, clean + change, label, epsilon=float(np.linalg.norm(change)), norm="l2")
    assert any("larger than epsilon" in note for note in kept.notes)
    assert kept.l2 > float(np.linalg.norm(change))


def test_rank_correlation_and_structural_similarity_are_those_of_scipy_and_scikit_image() -> None:
    stats = pytest.importorskip("scipy.stats")
    metrics = pytest.importorskip("skimage.metrics")
    random = np.random.default_rng(0)
    first = np.maximum(random.normal(size=(24, 24)), 0).astype(np.float32)
    second = np.maximum(first + 0.5 * random.normal(size=(24, 24)), 0).astype(np.float32)
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first.ravel(), second.ravel()).statistic, abs=1e-6)
    span = max(first.max(), second.max()) - min(first.min(), second.min())
    assert ssim(first, second) == pytest.approx(metrics.structural_similarity(first, second, data_range=span), abs=1e-4)


def test_a_map_is_like_itself_and_a_constant_one_cannot_be_compared() -> None:
    first = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    same = compare(first, first)
    assert same.spearman == pytest.approx(1) and same.ssim == pytest.approx(1)
    assert spearman(first, -first) == pytest.approx(-1)
    flat = compare(np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32))
    assert flat.spearman is None and flat.ssim is None
    assert compare(first, np.zeros_like(first)).spearman is None
    with pytest.raises(ParameterError, match="one size"):
        compare(first, first[:8])
