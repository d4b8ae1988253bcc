"""The command `convlens`: flags from our configuration, and one sentence where torch and torchvision do not fit."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from dashboard import cli


def test_the_configuration_becomes_flags_wherever_the_command_is_started() -> None:
    flags = cli.flags()
    assert flags[flags.index("--server.address") + 1] == "127.0.0.1"
    assert flags[flags.index("--client.showErrorDetails") + 1] == "none"
    assert flags[flags.index("--runner.fastReruns") + 1] == "false"
    assert flags.count("--server.allowedHosts") == 2


def test_without_our_configuration_the_page_is_still_served_to_this_machine_only(tmp_path: Path) -> None:
    flags = cli.flags(tmp_path / "missing.toml")
    assert flags[flags.index("--server.address") + 1] == "127.0.0.1"


def test_packages_that_do_not_fit_are_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda package: ["torch==1.0.0"])
    assert cli.main([]) == 1
    assert "needs torch ==1.0.0" in capsys.readouterr().err


def test_the_installed_packages_fit() -> None:
    assert cli.mismatch() is None
