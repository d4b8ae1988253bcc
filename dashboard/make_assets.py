"""Writes what the first screens are drawn from: the catalogue, the default network's answers, its run over the samples.

    python -m dashboard.make_assets
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import explain
import models
from dashboard import catalogue, shipped
from dashboard.answers import Choice
from dashboard.cache import Shelf, compute
from dashboard.mistakes.keeping import SHIPPED
from dashboard.mistakes.source import sample_album
from dashboard.samples import SAMPLES
from explain.params import Param, params_of
from explain.runs import evaluate, read_run

if TYPE_CHECKING:
    from explain.method import Method
    from explain.metric import Metric
    from models import ModelCard

#: A source named inside a docstring; the page cites it on a line of its own.
SOURCE = re.compile(r"\s*\([^()]*(arXiv|doi):[^()]*\)")
#: Between two sentences.
NEXT = re.compile(r"(?<=[.!?]) (?=[A-Z`|])")


def record() -> dict[str, Any]:
    """Describe all networks, methods and checks as plain values, from the live registries."""
    lists: dict[tuple[str, ...], str] = {}
    entries = [_model(card, lists) for card in models.CARDS.values()]
    first = [name for name in catalogue.RECOMMENDED if name in explain.METHODS]
    names = dict.fromkeys([*first, *explain.METHODS])
    return {
        "class_lists": {label: list(classes) for classes, label in lists.items()},
        "models": entries,
        "methods": [_method(name) for name in names],
        "metrics": [_metric(name, cls) for name, cls in explain.METRICS.items()],
    }


def _model(card: ModelCard, lists: dict[tuple[str, ...], str]) -> dict[str, Any]:
    bundled = models.available(card) == "bundled"
    network = models.load(card.key) if bundled else None
    reasons = {name: explain.unsuitable(network, cls) for name, cls in explain.METHODS.items()} if network else {}
    return {
        "key": card.key,
        "label": card.label,
        "line": card.line,
        "family": card.family,
        "bytes": card.weights[0].bytes if card.weights else 0,
        "top1": None if card.accuracy is None else card.accuracy.top1,
        "parameters": card.parameters,
        "files": [version.file for version in card.weights],
        "classes": lists.setdefault(card.classes, f"classes{len(lists)}"),
        "layers": None if network is None else [layer.name for layer in network.layers()],
        "unsuitable": {name: reason for name, reason in reasons.items() if reason is not None},
    }


def _method(name: str) -> dict[str, Any]:
    cls = explain.METHODS[name]
    told = _told(name, cls, "caution", "question", "shares")
    return told | {"gives": cls.__call__.__annotations__["return"]}


def _metric(name: str, cls: type[Metric]) -> dict[str, Any]:
    return _told(name, cls, "better", "asks_again", "cost", "passes")


def _told(name: str, cls: type[Method | Metric], *more_of_it: str) -> dict[str, Any]:
    """Describe a method or a metric by what it says of itself, and by its docstring and parameters."""
    doc, more = _in_words(cls)
    said = {field: getattr(cls, field) for field in ("label", "family", "paper", "caption", *more_of_it)}
    return {"name": name, **said, "doc": doc, "more": more, "params": [_param(param) for param in params_of(cls)]}


def _in_words(cls: type[Method | Metric]) -> tuple[str, list[str]]:
    """Take from a docstring its first sentence and, paragraph by paragraph, what else is meant for people.

    Sources are left out, since the page cites the paper by itself, and so are sentences about what the result holds.
    """
    first, *others = [" ".join(part.split()) for part in (inspect.getdoc(cls) or "").split("\n\n")]
    doc, *rest = NEXT.split(first)
    paragraphs = [NEXT.split(SOURCE.sub("", part)) for part in (" ".join(rest), *others)]
    kept = (" ".join(text for text in sentences if not text.startswith("`")) for sentences in paragraphs)
    return doc, [part.replace("`", "") for part in kept if part]


def _param(param: Param) -> dict[str, Any]:
    kind = {"name": type(param.kind).__name__, **dataclasses.asdict(param.kind)}
    plain = {"name": param.name, "default": param.default, "help": param.help, "optional": param.optional}
    return {**plain, "type": param.type.__name__, "kind": kind}


def default_choices(entries: catalogue.Catalogue) -> list[Choice]:
    """List what the page shows before anything is changed, for every sample."""
    model, method = next(iter(entries.models)), next(iter(entries.methods.values()))
    parameters = tuple((param.name, param.default) for param in method.params)
    return [Choice(model, sample.picture(), method.name, parameters) for sample in SAMPLES.values()]


def go_over_samples(network: models.LoadedModel) -> None:
    """Write the run over the samples that the page Mistakes opens on, where it is that of other weights or samples."""
    sources = sample_album().sources
    if SHIPPED.exists():
        run = read_run(SHIPPED)
        names = [str(name) for name in run.cases.name]
        if run.weights != network.weights.identity or names != [source.name for source in sources]:
            shutil.rmtree(SHIPPED)
    evaluate(network, sources, SHIPPED)


def main() -> None:
    """Write the catalogue, then the answers, then the run."""
    entries = record()
    catalogue.FILE.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    network = models.load(entries["models"][0]["key"])
    choices = default_choices(catalogue.from_record(entries))
    shelf = Shelf()
    shipped.write([(choice, compute(shelf, network, choice)) for choice in choices])
    go_over_samples(network)
    print(f"{len(entries['models'])} networks, {len(entries['methods'])} methods, {len(choices)} answers written.")


if __name__ == "__main__":
    main()
