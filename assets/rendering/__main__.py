"""Renders one scene to a file: python -m assets.rendering orange --out orange.png."""

from __future__ import annotations

import argparse
from pathlib import Path

from assets.rendering import FINE, SIDE, rendered

asked = argparse.ArgumentParser(prog="python -m assets.rendering", description="Render a sample picture.")
asked.add_argument("scene", choices=sorted(path.stem for path in (Path(__file__).parent / "scenes").glob("[!_]*.py")))
asked.add_argument("--side", type=int, default=SIDE, help="pixels of a side")
asked.add_argument("--fine", type=int, default=FINE, help="rays across a pixel")
asked.add_argument("--out", type=Path, required=True, help="the file to write")
given = asked.parse_args()
picture = rendered(given.scene, given.side, given.fine)
picture.image.save(given.out)
print(f"{given.scene}: box {picture.box()}")
