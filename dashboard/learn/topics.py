"""The table of what the Learn page teaches, as it stands in README: `python -m dashboard.learn.topics` writes it."""

from __future__ import annotations

from dashboard.learn.demonstrations import demonstrations
from dashboard.learn.place import lessons

#: Where `make app` serves the page.
PAGE = "http://127.0.0.1:8501/learn"


def table() -> str:
    """Write the table, a row for each demonstration and each lesson, with a link that opens it."""
    rows = [
        f"| [{demonstration.title}]({PAGE}?demo={key}) | {' · '.join(demonstration.topics)} |"
        for key, demonstration in demonstrations().items()
    ]
    rows += [
        f"| [{lesson.title}]({PAGE}?lesson={key}) | a lesson of {lesson.minutes} minutes for a class |"
        for key, lesson in lessons().items()
    ]
    return "\n".join(["| Demonstration | Topics |", "|---|---|", *rows])


if __name__ == "__main__":
    print(table())
