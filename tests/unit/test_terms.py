"""Words of the field: each is explained where a text asks for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dashboard.learn.terms import TERMS, explained, meaning, plain, terms_in

LEARN = Path(__file__).resolve().parents[2] / "dashboard" / "learn"


def written(path: Path) -> list[str]:
    """List the texts in a file of Python; those written over several lines as one."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_terms_stand_in_alphabetical_order_each_in_a_sentence() -> None:
    assert list(TERMS) == sorted(TERMS)
    for term, told in TERMS.items():
        assert term == term.lower(), term
        assert told[0].isupper() and told.endswith(".") and len(told) < 200, term
        assert not re.search(r"[*_\[\]<>$`]", told), f"{term} is shown as plain text"


def test_every_term_that_a_text_uses_is_explained() -> None:
    paths = [path for path in LEARN.glob("*.py") if path.name not in ("terms.py", "desk.py")]
    used = {(path.name, term) for path in paths for text in written(path) for term in terms_in(text)}
    assert used
    assert [found for found in sorted(used) if meaning(found[1]) is None] == []


@pytest.mark.parametrize("words", ["kernel", "Kernels", "KERNEL", "ReLU", "depthwise  separable convolutions"])
def test_a_term_is_found_in_the_plural_and_in_any_case(words: str) -> None:
    assert meaning(words) is not None


def test_a_term_becomes_a_link_with_its_meaning_as_title() -> None:
    text = explained("A [[kernel]] and [[filter|several of them]].")
    assert f'[kernel](#term-kernel "{TERMS["kernel"]}")' in text
    assert f'[several of them](#term-filter "{TERMS["filter"]}")' in text


def test_a_word_that_is_not_listed_stands_as_it_is() -> None:
    assert explained("A [[flux capacitor]].") == "A flux capacitor."
    assert plain("A [[kernel|grid]].") == "A grid."


def test_softmax_raises_e_to_the_scores_and_a_leaky_relu_shrinks_what_is_negative() -> None:
    assert "e is raised to the power of each score" in TERMS["softmax"]
    assert "lets negative numbers through, made much smaller" in TERMS["leaky relu"]
