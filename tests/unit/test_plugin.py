"""Plugins of the `snow` host: our own, and third parties' that are installed beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin import plugin, plugins
from snow_ha_plugin.cli import main
from snow_ha_plugin.errors import ConfigurationError, UnsafeError
from snow_ha_plugin.hookspecs import hookimpl
from snow_ha_plugin.model import Handled
from snow_ha_plugin.operations import domain_actions, host_events
from snow_ha_plugin.system import snowtools

ROOT = Path(__file__).parents[2]

GOOD = """
import click
from snow_ha_plugin.hookspecs import hookimpl

@click.command()
def greet():
    "Say hello."
    click.echo("hello")

@hookimpl
def snow_ha_commands(group):
    group.add_command(greet)

@hookimpl
def snow_domain_created(domain, config_path):
    click.echo(f"created {domain} {config_path}")

@hookimpl
def snow_domain_removing(domain):
    click.echo(f"removing {domain}")
"""
RAISES = """
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.hookspecs import hookimpl

@hookimpl
def {hook}:
    raise {error}
"""


def never(name: str, error: Exception) -> None:
    raise AssertionError(f"{name}: {error}")


class Site:
    """A directory of installed plugins, and snow-ha started with it as by the hook; its own events find no cluster."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        hooks = directory / "snow-tools/share/hooks.d"
        hooks.mkdir(parents=True)
        (hooks / snowtools.HOOK).touch()

    def install(self, name: str, source: str, entry: str | None = None) -> None:
        (self.directory / f"{name}.py").write_text(source)
        info = self.directory / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[snow]\n{name} = {entry or name}\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": f"{self.directory}:{ROOT}", "SNOW_ROOT": str(self.directory)}
        command = [sys.executable, "-m", "snow_ha_plugin", *words]
        return subprocess.run(command, cwd=self.directory, env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_plugin_adds_a_verb(site: Site) -> None:
    site.install("third", GOOD)
    ended = site.run("greet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "hello\n", "")
    shown = site.run("--help").stdout
    assert "greet" in shown
    assert "enable" in shown


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("import no_such_module", None),
        ("raise RuntimeError('broken')", None),
        ("", "third:missing"),
        (RAISES.format(hook="snow_domain_created(nonsense)", error="ValueError"), None),
        ("def f(:", None),
    ],
)
def test_a_plugin_that_cannot_be_loaded_only_warns(site: Site, source: str, entry: str | None) -> None:
    site.install("third", source, entry)
    ended = site.run("--version")
    assert (ended.returncode, ended.stdout.split()[0]) == (0, "snow-ha")
    assert ended.stderr.startswith("[W] the plugin third cannot be loaded: ")
    assert "Traceback" not in ended.stderr


def test_a_plugin_that_fails_to_add_its_verbs_only_warns(site: Site) -> None:
    site.install("third", RAISES.format(hook="snow_ha_commands(group)", error="RuntimeError('broken')"))
    ended = site.run("--help")
    assert ended.returncode == 0
    assert ended.stderr == "[W] the verbs of the plugin third are missing: broken\n"
    assert "enable" in ended.stdout


def test_every_plugin_hears_of_an_event_although_others_fail(site: Site) -> None:
    site.install("aaa", RAISES.format(hook="snow_domain_created(domain)", error="RuntimeError('broken')"))
    site.install("third", GOOD)
    site.install("zzz", RAISES.format(hook="snow_domain_created(domain)", error="UnsafeError('no')"))
    ended = site.run("event", "created", "web01", "/d/web01.cfg")
    assert ended.returncode == 0
    assert ended.stdout == "created web01 /d/web01.cfg\n"
    warnings = ended.stderr.splitlines()
    assert sorted(line.split(": ")[0] for line in warnings) == ["[W] aaa", "[W] snow-ha", "[W] zzz"]
    assert all(line.endswith("; to repair: snow ha sync") for line in warnings)


@pytest.fixture
def keep(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The plugin that the documentation shows, as its own pyproject.toml has it installed; nis01 is to be kept."""
    shown = ROOT / "docs/example-plugin"
    entries = tomllib.loads((shown / "pyproject.toml").read_text())["project"]["entry-points"]["snow"]
    assert entries == {"keep": "snow_keep"}
    site.install("snow_keep", (shown / "snow_keep.py").read_text())
    (site.directory / "keep").write_text("nis01\n")
    monkeypatch.setenv("SNOW_KEEP", str(site.directory / "keep"))
    return site


def test_the_example_adds_its_verb(keep: Site) -> None:
    ended = keep.run("kept")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "nis01\n", "")


@pytest.mark.parametrize("event", ["removing", "replacing"])
def test_the_example_keeps_a_domain_and_no_other(
    keep: Site, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    mocker.patch.object(host_events, "end")
    monkeypatch.syspath_prepend(keep.directory)
    manager = plugins.load(plugin, never)
    assert list(plugins.fire(manager, f"snow_domain_{event}", domain="nis02")) == []
    ((name, error),) = plugins.fire(manager, f"snow_domain_{event}", domain="nis01")
    assert (name, type(error)) == ("snow_keep", UnsafeError)


class Objector:
    """A plugin that has something against every event."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @hookimpl
    def snow_domain_ending(self, domain: str) -> None:
        raise self.error

    @hookimpl
    def snow_domain_replacing(self, domain: str) -> None:
        raise self.error

    @hookimpl
    def snow_domain_removing(self, domain: str) -> None:
        raise self.error


def event_with(objector: Objector, mocker: MockerFixture, *words: str) -> int:
    """The exit status of an event that our own plugin has nothing against, and another one has."""
    for function in ("ending", "end"):
        mocker.patch.object(host_events, function)
    manager = plugins.load(plugin, never)
    manager.register(objector, "third")
    mocker.patch.object(plugins, "load", return_value=manager)
    mocker.patch.object(sys, "argv", ["snow-ha", "event", *words])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("event", "error", "status"),
    [
        ("removing", UnsafeError("it holds a lock"), 107),
        ("replacing", UnsafeError("it holds a lock"), 107),
        ("ending", UnsafeError("it holds a lock"), 107),
        ("removing", ValueError("it holds a lock"), 0),
        ("replacing", ConfigurationError("it holds a lock"), 0),
    ],
)
def test_a_plugin_can_keep_the_host_from_destroying_a_domain_and_from_nothing_else(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str], event: str, error: Exception, status: int
) -> None:
    assert event_with(Objector(error), mocker, event, "web01") == status
    warned, refused = "[W] third: it holds a lock; to repair: snow ha sync\n", "[E] it holds a lock\n"
    assert capsys.readouterr().err == (refused if status else warned)


@pytest.mark.parametrize("event", ["ending", "removing", "replacing"])
def test_without_an_answer_from_pacemaker_no_domain_is_destroyed(site: Site, event: str) -> None:
    ended = site.run("event", event, "web01")
    assert ended.returncode == 107
    assert ended.stderr.count("\n") == 1
    assert "web01" in ended.stderr


@pytest.mark.parametrize("error", [ConfigurationError("no"), ValueError("no"), OSError(5, "no")])
def test_whatever_fails_within_us_no_domain_is_destroyed(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    mocker.patch.object(host_events, "end", side_effect=error)
    mocker.patch.object(sys, "argv", ["snow-ha", "event", "removing", "web01"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == UnsafeError.exit_code
    assert capsys.readouterr().err.startswith("[E] web01 may still be in Pacemaker's hands; ")


def test_booting_a_domain_without_a_cluster_is_refused(site: Site) -> None:
    ended = site.run("act", "boot", "web01")
    assert ended.returncode == 69
    assert ended.stdout == ".\n"
    assert "nothing is done to web01" in ended.stderr


def test_a_deployed_domain_is_said_to_be_protected(mocker: MockerFixture, capsys: pytest.CaptureFixture[str]) -> None:
    mocker.patch.object(host_events, "created")
    mocker.patch.object(sys, "argv", ["snow-ha", "event", "created", "web01", "/d/web01.cfg"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 0
    assert capsys.readouterr().out == "[I] web01 is protected by high availability; start it: snow boot web01\n"


class Taker:
    """A plugin that has domains of its own."""

    def __init__(self, *domains: str, status: int = 0) -> None:
        self.domains, self.status = domains, status
        self.booting: list[str] = []

    @hookimpl
    def snow_domain_booting(self, domain: str) -> None:
        self.booting.append(domain)

    @hookimpl
    def snow_domain_action(self, domains: tuple[str, ...], action: str) -> dict[str, Handled]:
        return {name: Handled(self.status, f"{name}: {action}") for name in domains if name in self.domains}


class Broken:
    @hookimpl
    def snow_domain_action(self, domains: tuple[str, ...]) -> dict[str, Handled]:
        raise ValueError("not today")


def acting(mocker: MockerFixture, *others: object, words: Sequence[str]) -> int:
    """The exit status of `act`, with our own plugin's domains being ours01 and both."""
    ours = {name: Handled(0, f"{name}: ours") for name in ("ours01", "both")}
    mocker.patch.object(
        domain_actions, "act", side_effect=lambda names, *_: {name: ours[name] for name in names if name in ours}
    )
    manager = plugins.load(plugin, never)
    for number, each in enumerate(others):
        manager.register(each, f"third{number}")
    mocker.patch.object(plugins, "load", return_value=manager)
    mocker.patch.object(sys, "argv", ["snow-ha", "act", *words])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return int(caught.value.code or 0)


def test_each_domain_is_its_first_takers_and_the_rest_is_left(
    mocker: MockerFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["shutdown", "ours01", "both", "other"]
    assert acting(mocker, Taker("both"), Broken(), words=words) == 0
    said = capfd.readouterr()
    assert said.out == ".\nother\n"
    assert sorted(said.err.splitlines()) == [
        "[*] both: shutdown",
        "[*] ours01: ours",
        "[W] third1: not today; to repair: snow ha sync",
    ]


def test_a_failed_action_is_an_error_with_its_status(mocker: MockerFixture, capfd: pytest.CaptureFixture[str]) -> None:
    assert acting(mocker, Taker("their01", status=42), words=["reset", "their01", "ours01"]) == 42
    said = capfd.readouterr()
    assert said.out == ".\n"
    assert "[E] their01: reset\n" in said.err


def test_plugins_hear_of_a_boot_before_anybody_acts(mocker: MockerFixture) -> None:
    taker = Taker("their01")
    acting(mocker, taker, words=["boot", "their01", "ours01"])
    assert taker.booting == ["their01", "ours01"]


def test_our_own_plugin_is_there_once(mocker: MockerFixture) -> None:
    manager = plugins.load(plugin, never)
    assert [name for name, _ in manager.list_name_plugin()].count(plugins.OURS) == 1
    created = mocker.patch.object(host_events, "created")
    assert list(plugins.fire(manager, "snow_domain_created", domain="web01", config_path="/d/web01.cfg")) == []
    created.assert_called_once_with("web01")


@pytest.mark.parametrize(("event", "function"), [("ending", "ending"), ("replacing", "end"), ("removing", "end")])
def test_each_event_of_the_host_has_our_answer(mocker: MockerFixture, event: str, function: str) -> None:
    answer = mocker.patch.object(host_events, function)
    assert list(plugins.fire(plugins.load(plugin, never), f"snow_domain_{event}", domain="web01")) == []
    answer.assert_called_once_with("web01")
