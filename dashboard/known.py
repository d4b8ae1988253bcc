"""What is known of a sample picture, set against what a network says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard import samples, words
from dashboard.catalogue import as_shipped, catalogue

if TYPE_CHECKING:
    from dashboard.catalogue import ModelEntry
    from dashboard.samples import Group, Sample
    from dashboard.uploads import Picture
    from explain.results import Prediction


def listed(model: ModelEntry, asked: str) -> list[tuple[Sample, Group]]:
    """List the samples for a network, each with its group; those made for another network only while asked for."""
    order = list(samples.GROUPS)
    shown = [
        (order.index(_group(sample, model)), sample)
        for sample in samples.SAMPLES.values()
        if sample.made_for in (None, model.key) or sample.id == asked
    ]
    return [
        (sample, _filled(samples.GROUPS[order[place]], sample, model))
        for place, sample in sorted(shown, key=lambda pair: pair[0])
    ]


def remark(picture: Picture, model: ModelEntry, prediction: Prediction) -> str:
    """Say in a sentence that no class fits a sample, what made it special, or what it shows where that was not said."""
    name = samples.id_of(picture.sha256)
    if name is None:
        return ""
    sample = samples.SAMPLES[name]
    if sample.everyday_class is None:
        meant = sample.made_for in (None, model.key)
        return words.escaped(_filled(samples.GROUPS[_group(sample, model)], sample, model).note) if meant else ""
    if sample.everyday_class not in model.classes:
        return ""
    index = model.classes.index(sample.everyday_class)
    if int(prediction.indices[0]) == index:
        return ""
    shows = f"{'an' if sample.everyday_class[0] in 'aeiou' else 'a'} *{words.escaped(sample.everyday_class)}*"
    share = float(prediction.probabilities[prediction.indices == index][0])
    return f"It shows {shows}; the network gives that {words.percent(share)}."


def credited(sample: Sample) -> str:
    """Say whose a sample is, with a link to its licence where that asks for one."""
    licence = words.escaped(sample.licence)
    linked = f"[{licence}]({sample.licence_link})" if sample.licence_link else licence
    return f"{words.escaped(f'{sample.title} · {sample.credit}')}, {linked}"


def _group(sample: Sample, model: ModelEntry) -> str:
    """Name a sample's group for a network: that no class fits holds for the everyday classes alone."""
    everyday = next(iter(as_shipped().models.values())).classes
    unfit = sample.group == samples.NO_CLASS_FITS and model.classes != everyday
    return samples.KNOWN if unfit else sample.group


def _filled(group: Group, sample: Sample, model: ModelEntry) -> Group:
    made_for = catalogue().models.get(sample.made_for or "")
    network = made_for.label if made_for else sample.made_for or ""
    return group.filled(network=network, classes=f"{len(model.classes):,}")
