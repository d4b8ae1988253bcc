"""A network of somebody's own program: `package.module:factory`, named by whoever starts the server, never by a page.

Their code runs here with all that they may do themselves. A package of theirs that bears the name of one of ours would
silently be ours, so it is looked for before anything is imported.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib
import importlib.util
import logging
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    from models.loaded import LoadedModel
    from models.pixels import PixelSpace

#: The names of our own packages and modules, and where they lie.
OURS = ("models", "explain", "dashboard", "assets", "app")
HOME = Path(__file__).resolve().parent.parent
#: What a factory gives: the network, the names of its classes, and how it wants its pictures.
Given = tuple["nn.Module", Sequence[str] | None, "PixelSpace | None"]
#: The key of the network that the server was started with.
KEY = "network"
WANTED = "Wanted: package.module:factory, such as shop.networks:make."

log = logging.getLogger(__name__)


def load(spec: str, *, device: str = "auto") -> LoadedModel:
    """Make the network of an entry point ready to be asked.

    `spec` is "package.module:factory". The factory takes nothing and gives a torch.nn.Module, or (network, class
    names, PixelSpace), of which the last two may be None; a network itself may be named as well. It is looked
    for in the folder where the program was started, then among the installed packages.
    """
    module, factory = _parts(spec)
    _look_here_too()
    _check_names(spec, module)
    given = _made(spec, module, factory)

    from models.card import ModelCard
    from models.own import FAMILY, checked_pixels, ready
    from models.registry import CARDS

    network, names, pixels = given
    usual = next(version.pixels for card in CARDS.values() for version in card.weights if version.url)
    note = "" if pixels else "Its factory does not say how it wants its pictures: they are made as for torchvision's."
    card = ModelCard(
        key=KEY,
        label=spec,
        family=FAMILY,
        builder=partial(copy.deepcopy, network),
        pixels=checked_pixels(pixels or usual),
        classes=(),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        summary="a network of your own program",
    )
    return ready(network, card, names=names, content=partial(_checksum, network), note=note, device=device)


@cache
def shared(spec: str) -> LoadedModel:
    """Make the network of an entry point once in the life of this process."""
    return load(spec)


def _parts(spec: str) -> tuple[str, str]:
    """Split "package.module:factory"; anything else is refused."""
    module, _, factory = spec.partition(":")
    parts = (*module.split("."), *factory.split("."))
    if not all(part.isidentifier() for part in parts) or module.endswith(".py"):
        raise ModelError(f"{spec[:80]!r} names no entry point.", WANTED)
    return module, factory


def _look_here_too() -> None:
    """Find packages in the folder where the program was started, too, after all that is installed."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)


def _check_names(spec: str, module: str) -> None:
    """Refuse an entry point whose package, or whatever of theirs it imports, would be taken for one of ours."""
    top = module.split(".")[0]
    if top in OURS:
        raise _taken(f"{spec!r} lies in a package named {top!r}", top)
    try:
        found = importlib.util.find_spec(top)
    except ValueError:
        found = None
    if found is None:
        raise ModelError(
            f"There is no package or module named {top!r}.",
            "Start convlens in the folder that holds it, or install it.",
        )
    theirs = {name for name in OURS if any(_holds(Path(entry or "."), name) for entry in sys.path)}
    roots = {Path(place).parent for place in found.submodule_search_locations or [found.origin or ""]}
    for root in roots - {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib")}:
        for importer, name in _imports(module, root) if theirs else ():
            if name in theirs:
                raise _taken(f"{importer!r} imports a package of yours named {name!r}", name)


def _taken(what: str, name: str) -> ModelError:
    return ModelError(
        f"{what}, but here that name stands for ConvLens's own {name!r}.",
        "Give your package another name, or move it inside another package.",
    )


def _holds(folder: Path, name: str) -> bool:
    """Tell whether a folder holds a package or module of this name that is not ours."""
    if not folder.is_dir() or folder.resolve() == HOME:
        return False
    inside = (path for pattern in ("*.py", "*/*.py") for path in (folder / name).glob(pattern))
    return (folder / f"{name}.py").is_file() or next(inside, None) is not None


def _imports(module: str, root: Path) -> Iterator[tuple[str, str]]:
    """List which module imports which top-level package, over all modules under `root` that this one leads to."""
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        waiting += [name.rpartition(".")[0]] if len(parts) > 1 else []
        plain, package = root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")
        file = package if package.is_file() else plain
        if name in seen or not file.is_file():
            continue
        seen.add(name)
        for wanted in _imported(file, parts if file == package else parts[:-1]):
            yield name, wanted.split(".")[0]
            waiting.append(wanted)


def _imported(file: Path, package: list[str]) -> Iterator[str]:
    """List the modules that a file may import, relative ones spelled out."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        # Importing it will say what is wrong with it.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (name for name in (start, *(f"{start}.{alias.name}" for alias in node.names)) if name)


def _made(spec: str, module: str, factory: str) -> Given:
    """Import the module and call the factory; whatever goes wrong in there is one sentence, the rest is in the log."""
    from torch import nn

    try:
        holder = importlib.import_module(module)
        found: Any = attrgetter(factory)(holder)
        made = found if isinstance(found, nn.Module) or not callable(found) else found()
    except Exception as error:
        missing = error.name if isinstance(error, ImportError) else None
        if missing and missing.split(".")[0] in OURS:
            raise _taken(f"{module!r} imports {missing!r}", missing.split(".")[0]) from error
        log.error("the entry point %s failed", spec, exc_info=error)
        why = f"it needs {missing!r}, which is not there" if missing else f"it raised {type(error).__name__}"
        raise ModelError(f"{spec!r} gave no network: {why}.", "The log has the details.") from error
    return _checked(spec, made)


def _checked(spec: str, made: Any) -> Given:
    """Take apart what a factory gave, or refuse it."""
    from torch import nn

    from models.pixels import PixelSpace

    network, names, pixels = made if isinstance(made, tuple) and len(made) == 3 else (made, None, None)
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    known = isinstance(network, nn.Module) and isinstance(pixels, PixelSpace | None) and (listed or names is None)
    if not known:
        inside = ", ".join(type(part).__name__ for part in made) if isinstance(made, tuple) else ""
        raise ModelError(
            f"{spec!r} must give a torch.nn.Module, or (network, class names, PixelSpace); it gave "
            f"{f'({inside})' if inside else type(made).__name__}.",
            "Class names and PixelSpace may be None.",
        )
    return network, names, pixels


def _checksum(network: nn.Module) -> str:
    """Return what tells a network's weights from others."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        if isinstance(tensor, torch.Tensor):
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
