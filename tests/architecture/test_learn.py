"""What holds for every demonstration of the Learn page, and README's table of their topics."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.learn.demonstrations import CHAPTERS, demonstrations
from dashboard.learn.topics import table

ROOT = Path(__file__).resolve().parents[2]
LEARN = ROOT / "dashboard" / "learn"


def parts(module: str) -> str:
    """Read a demonstration's file and those beside it that draw a part of it."""
    files = [LEARN / f"{module}.py", *LEARN.glob(f"{module}_*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_the_readme_lists_every_topic_with_a_link_to_its_demonstration() -> None:
    assert table() in (ROOT / "README.md").read_text(encoding="utf-8"), (
        "python -m dashboard.learn.topics writes it anew"
    )


@pytest.mark.parametrize("module", [module for chapter in CHAPTERS for module in chapter.modules])
def test_a_demonstration_ends_with_a_question_links_and_pictures(module: str) -> None:
    demonstration = demonstrations()[module]
    assert demonstration.key == module
    assert demonstration.summary.endswith(".") and "?" in demonstration.question and demonstration.answer
    assert demonstration.topics and len(set(demonstration.controls)) == len(demonstration.controls)
    assert re.search(r"\.link\(", parts(module)), "no link into another page"
    assert re.search(r"\.picture\(", parts(module)), "no picture to take along"


def test_no_two_scripts_of_the_page_hold_the_same_function() -> None:
    found: dict[str, str] = {}
    for path in sorted((ROOT / "dashboard" / "lens").glob("*.js")):
        for function in re.findall(r"^(?:async )?function .*?^}$", path.read_text(encoding="utf-8"), re.S | re.M):
            first = found.setdefault(function, path.name)
            assert first == path.name, f"{function.splitlines()[0]} stands in {first} and in {path.name}"


def test_no_demonstration_loads_torch_before_it_is_drawn() -> None:
    code = (
        "import sys; from dashboard.learn.demonstrations import demonstrations; demonstrations();"
        "from dashboard.learn.place import lessons; lessons();"
        "sys.exit(', '.join({'torch', 'torchvision', 'captum', 'matplotlib', 'sklearn'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
