"""The borders between the packages, and what the project's style bans, read from the syntax tree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Found = Iterator[tuple[int, str]]
GLOBAL_SEEDS = re.compile(
    r"(torch\.(random\.|cuda\.)?(manual_seed|seed)(_all)?|(np|numpy)\.random\.(seed|rand\w*|normal|uniform|choice|shuffle|"
    r"permutation)|random\.(seed|random|randint|choice|shuffle|sample|uniform))"
)
#: The CPU may be named: numbers are taken there to become numpy.
DEVICES = ("cuda", "mps")
PRESET_FIGURES = {0.485, 0.456, 0.406, 0.229, 0.224, 0.225}
BROAD = {"Exception", "BaseException"}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


PRODUCT = [*sources("models", "explain", "dashboard"), ROOT / "app.py"]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """Write a name or attribute as in the source: "torch.device"; anything else in it becomes "?"."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def imports(path: Path) -> Found:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def importing(*packages: str) -> Callable[[Path], Found]:
    def find(path: Path) -> Found:
        for line, name in imports(path):
            if name.split(".")[0] in packages:
                yield line, f"imports {name}"

    return find


def attributes(pattern: str) -> Callable[[Path], Found]:
    def find(path: Path) -> Found:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and re.fullmatch(pattern, node.attr):
                yield node.lineno, f"uses {dotted(node)}"

    return find


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def breaches(paths: Iterable[Path], find: Callable[[Path], Found], but: str = "") -> list[str]:
    """List every place, except in the one file where it belongs."""
    inside = [path for path in paths if str(path.relative_to(ROOT)) != but]
    return [f"{path.relative_to(ROOT)}:{line} {what}" for path in inside for line, what in find(path)]


def test_models_knows_torch_and_nobody_else_here() -> None:
    assert not breaches(sources("models"), importing("explain", "dashboard", "streamlit", "plotly", "matplotlib"))


def test_explain_never_sees_the_page() -> None:
    assert not breaches(sources("explain"), importing("streamlit", "dashboard"))


def test_views_never_import_torch() -> None:
    assert not breaches(sources("dashboard/views"), importing("torch", "torchvision", "captum"))


def test_methods_never_import_each_other() -> None:
    def find(path: Path) -> Found:
        return ((line, f"imports {name}") for line, name in imports(path) if name.startswith("explain.methods"))

    assert not breaches(sources("explain/methods"), find, but="explain/methods/__init__.py")


@pytest.mark.parametrize(
    "modules",
    [
        "models",
        "explain",
        "explain.results, explain.params, explain.target, explain.method",
        "explain.pictures",
        "explain.figures",
        "dashboard.uploads, dashboard.samples",
    ],
)
def test_what_the_first_screen_needs_loads_no_torch(modules: str) -> None:
    loaded = "', '.join({'torch', 'torchvision', 'captum'} & set(sys.modules))"
    code = f"import sys; import {modules}; sys.exit({loaded} or None)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"import {modules} loads {done.stderr}"


def test_only_one_file_registers_hooks() -> None:
    pattern = r"register_(full_)?(module_)?(forward|backward)\w*hook|register_hook|register_post_accumulate_grad_hook"
    assert not breaches(PRODUCT, attributes(pattern), but="models/hooks.py")


def test_only_one_file_caches() -> None:
    assert not breaches(PRODUCT, attributes(r"cache_(data|resource)"), but="dashboard/cache.py")


def test_only_one_file_touches_the_session_and_the_address() -> None:
    assert not breaches(PRODUCT, attributes(r"session_state|query_params"), but="dashboard/state.py")


def named_devices(path: Path) -> Found:
    for call in calls(path):
        name = dotted(call.func)
        if (isinstance(call.func, ast.Attribute) and call.func.attr == "cuda") or "backends.mps" in name:
            yield call.lineno, f"calls {name}"
        given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "device")]
        texts = [part.value for part in given if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if name in ("torch.device", "device") or name.endswith(".to") or any(k.arg == "device" for k in call.keywords):
            for text in texts:
                if text.split(":")[0] in DEVICES:
                    yield call.lineno, f"{name} names {text!r}"


def test_only_one_file_names_a_device() -> None:
    assert not breaches(PRODUCT, named_devices, but="models/device.py")


def test_numbers_become_double_on_the_cpu_alone() -> None:
    """Apple's GPUs have no float64."""

    def find(path: Path) -> Found:
        for call in calls(path):
            before = "".join(ast.unparse(call).rpartition(".cpu()")[:1])
            if isinstance(call.func, ast.Attribute) and call.func.attr == "cpu" and ".double()" in before:
                yield call.lineno, f"calls {ast.unparse(call)}"

    assert not breaches(PRODUCT, find)


def test_explaining_never_calls_backward() -> None:
    """It would leave gradients in the network; torch.autograd.grad leaves none."""
    assert not breaches(sources("explain", "dashboard"), attributes("backward"))


def test_nothing_is_put_into_the_page_as_unsafe_html() -> None:
    def find(path: Path) -> Found:
        for call in calls(path):
            if any(keyword.arg == "unsafe_allow_html" for keyword in call.keywords):
                yield call.lineno, "allows unsafe HTML"

    assert not breaches(PRODUCT, find)


def global_seeds(path: Path) -> Found:
    """Find calls that touch the global random generators, except inside `with ...fork_rng(...)`."""

    def visit(node: ast.AST) -> Found:
        if isinstance(node, ast.With) and any("fork_rng" in ast.unparse(item.context_expr) for item in node.items):
            return
        if isinstance(node, ast.Call) and GLOBAL_SEEDS.fullmatch(dotted(node.func)):
            yield node.lineno, f"calls {dotted(node.func)}"
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    return visit(tree(path))


def test_no_random_generator_is_seeded_or_used_globally() -> None:
    assert not breaches(sources("models", "explain", "dashboard", "tests", "benchmarks", "assets"), global_seeds)


def test_only_models_knows_means_and_standard_deviations_of_colours() -> None:
    def find(path: Path) -> Found:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value in PRESET_FIGURES:
                yield node.lineno, f"types {node.value}"

    assert not breaches([*sources("explain", "dashboard"), ROOT / "app.py"], find)


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert path.stem not in ("utils", "helpers", "misc", "common")


def test_no_attribute_is_probed_and_nothing_is_undone_by_the_garbage_collector() -> None:
    def find(path: Path) -> Found:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and dotted(node.func) == "hasattr":
                yield node.lineno, "calls hasattr"
            if isinstance(node, ast.FunctionDef) and node.name == "__del__":
                yield node.lineno, "undoes something in __del__"

    assert not breaches(PRODUCT, find)


def test_only_the_page_itself_catches_errors_that_nobody_foresaw() -> None:
    def find(path: Path) -> Found:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                kinds = {"BaseException"} if node.type is None else {dotted(part) for part in ast.walk(node.type)}
                passed_on = any(isinstance(part, ast.Raise) for part in ast.walk(node))
                if BROAD & kinds and not passed_on:
                    yield node.lineno, "catches everything"

    assert not breaches(PRODUCT, find, but="dashboard/feedback.py")


def test_nothing_depends_on_a_methods_or_models_name() -> None:
    def find(path: Path) -> Found:
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            names = {dotted(side).split(".")[-1] for side in sides}
            texts = any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides)
            if texts and names & {"method", "method_name", "model", "model_name"}:
                yield node.lineno, f"compares {ast.unparse(node)}"

    assert not breaches(PRODUCT, find)


def test_no_file_of_weights_is_ever_unpickled() -> None:
    def find(path: Path) -> Found:
        for call in calls(path):
            name, options = dotted(call.func), {keyword.arg: keyword.value for keyword in call.keywords}
            safe = options.get("weights_only")
            if name == "torch.load" and not (isinstance(safe, ast.Constant) and safe.value is True):
                yield call.lineno, "calls torch.load without weights_only=True"
            if name in ("pickle.load", "pickle.loads") or (name == "np.load" and "allow_pickle" not in options):
                yield call.lineno, f"calls {name}"

    assert not breaches(PRODUCT, find)


def test_comments_are_neither_banners_nor_promises() -> None:
    pattern = re.compile(r"#\s*([-=#*~_]{3,}|(TODO|FIXME|XXX)\b)")

    def find(path: Path) -> Found:
        with tokenize.open(path) as file:
            for token in tokenize.generate_tokens(file.readline):
                if token.type == tokenize.COMMENT and pattern.search(token.string):
                    yield token.start[0], token.string

    assert not breaches([*PRODUCT, *sources("tests", "benchmarks", "assets")], find)


def test_no_file_names_a_folder_of_one_machine_or_a_package_registry() -> None:
    banned = ("/wo" "rk/", "/ro" "ot/", "py" "pi.org", "files.python" "hosted", "download.py" "torch.org")
    kinds = {".py", ".toml", ".md", ".txt", ".json", ".js", ".css", ".html", ".yml", ""}
    folders = ("models", "explain", "dashboard", "tests", "benchmarks", "assets", ".ci", ".streamlit")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")] + list(ROOT.glob("*"))
    texts = [path for path in paths if path.is_file() and path.suffix in kinds]

    def find(path: Path) -> Found:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            yield from ((number, f"names {word}") for word in banned if word in line)

    assert not breaches(texts, find)


def test_every_package_and_module_of_the_tree_is_installed() -> None:
    """The packages in pyproject.toml are listed by hand."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in sources("models", "explain", "dashboard")}
    assert found - set(listed) == set()
