"""`convlens attack`: fool a network from the command line, with the answer and the files of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.catalogue import USUAL_ATTACK, catalogue
from dashboard.classes import name_of
from dashboard.commands import arguments as flags
from dashboard.commands.progress import Counter
from dashboard.words import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = (".png", ".npy", ".json")


def main(arguments: list[str]) -> int:
    """Attack a picture and write the files that were asked for."""
    parser = flags.parser_for("attack", "Change a picture a little so that a network is fooled.")
    flags.add_picture(parser, KINDS)
    parser.add_argument("--target", metavar="CLASS", help="the class to leave, by index or name (default: predicted)")
    method = flags.add_method(parser, catalogue().attacks, arguments, USUAL_ATTACK)
    chosen = parser.parse_args(arguments)
    flags.check_ends(chosen.out, KINDS)
    counter = Counter()
    choice, names = flags.choice_of(chosen, method, counter)

    from dashboard import around, export_attack

    found = around.attack(choice, counter)
    kept = around.kept(found, counter)
    counter.close()
    print(f"Before: {_guess(found.result.before, names)}. After: {_guess(found.result.after, names)}.")
    size = f"{found.result.linf * 255:.3g}/255 at the most, {found.result.l2:.3g} in L2"
    print(f"{'The network is fooled' if found.result.success else 'The attack failed'}; the change is {size}.")
    for note in (*found.result.notes, *kept.notes):
        print(note)
    makers = {
        ".png": lambda: kept.png,
        ".npy": lambda: export_attack.raw(found),
        ".json": lambda: export_attack.recipe(found, kept, names),
    }
    flags.write_all(chosen.out, makers)
    return 0


def _guess(chances: NDArray[np.float32], names: tuple[str, ...]) -> str:
    best = int(chances.argmax())
    return f"{name_of(best, names)} ({percent(float(chances[best]))})"
