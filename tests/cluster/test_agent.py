"""The agent under a real Pacemaker: what its answers make Pacemaker do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.pair import Pair, enabled
from tests.lab import host
from tests.lab.site import DOMAIN_FILES, SiteDomain

pytestmark = pytest.mark.lab

DOMAIN = "web01"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with enabled("agent", [SiteDomain(DOMAIN, "proxy", 256)], SNOW_HA_WATCH_GRACE_S="1") as up:
        yield up


@pytest.fixture
def home(pair: Pair) -> str:
    """Where the domain runs when a test begins; nothing else of it is anywhere."""
    pair.world.mend()
    pair.settle()
    (server,) = pair.world.where(DOMAIN)
    assert [guest.name for guest in pair.world.guests()] == [DOMAIN]
    return server


def other(pair: Pair, server: str) -> str:
    return pair.there if server == pair.here else pair.here


def probe_again(pair: Pair) -> None:
    pair.lab.run(pair.here, ["crm_resource", "--refresh", "--resource", DOMAIN])
    pair.settle()


def last_result(pair: Pair, server: str, operation: str) -> str | None:
    path = f"status/node_state[@uname='{server}']//lrm_resource[@id='{DOMAIN}']/lrm_rsc_op[@operation='{operation}']"
    found = pair.cib().findall(path)
    return found[-1].get("rc-code") if found else None


def test_an_incoming_domain_left_on_the_other_server_restarts_nothing(pair: Pair, home: str) -> None:
    domid = pair.world.domid(DOMAIN)
    pair.world.place(other(pair, home), f"{DOMAIN}--incoming", "paused")
    probe_again(pair)
    assert last_result(pair, other(pair, home), "monitor") == "7"
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([home], domid)
    pair.move(DOMAIN, other(pair, home))
    assert [guest.name for guest in pair.world.guests()] == [DOMAIN]
    assert not pair.world.doubles()


def test_every_server_shows_how_far_a_migration_is(pair: Pair, home: str) -> None:
    target = other(pair, home)
    pair.world.configure(copy_s=15)
    pair.lab.run(pair.here, ["crm_resource", "--move", "--resource", DOMAIN, "--node", target])
    for server in pair.lab.names:
        pair.wait_for(lambda server=server: progress(pair, server) is not None, f"{server} shows no progress")
    assert progress(pair, target)["target"] == target
    pair.settle()
    assert progress(pair, home) is None
    pair.lab.run(pair.here, ["crm_resource", "--clear", "--resource", DOMAIN])
    pair.world.configure(copy_s=0.4)


def progress(pair: Pair, server: str) -> dict[str, Any] | None:
    """What `status` on a server says of the domain's migration."""
    view = json.loads(pair.snow_ha("status", "--json", server=server).stdout)
    return next(domain["migration"] for domain in view["domains"] if domain["name"] == DOMAIN)


def test_a_changed_shutdown_timeout_is_reloaded_without_a_restart(pair: Pair, home: str) -> None:
    domid = pair.world.domid(DOMAIN)
    words = ["crm_resource", "--resource", DOMAIN, "--set-parameter", "shutdown_timeout", "--parameter-value", "31"]
    pair.lab.run(pair.here, words)
    pair.settle()
    assert pair.world.domid(DOMAIN) == domid
    assert last_result(pair, home, "start") == "0" or last_result(pair, home, "monitor") == "0"


def test_a_migration_that_fails_ends_with_one_copy_and_nothing_left(pair: Pair, home: str) -> None:
    pair.world.fault("ready", "die", server=home)
    words = ["crm_resource", "--move", "--resource", DOMAIN, "--node", other(pair, home)]
    pair.lab.run(pair.here, words)
    pair.wait_for(lambda: last_result(pair, home, "migrate_to") == "1", "the migration did not fail")
    pair.world.mend()
    pair.settle()
    pair.lab.run(pair.here, ["crm_resource", "--clear", "--resource", DOMAIN])
    assert len(pair.world.where(DOMAIN)) == 1
    assert [guest.name for guest in pair.world.guests()] == [DOMAIN]
    assert not pair.world.doubles()
    pair.lab.run(pair.here, ["crm_resource", "--cleanup", "--resource", DOMAIN])


def test_a_domain_whose_file_gets_another_name_while_it_runs_never_runs_twice(pair: Pair, home: str) -> None:
    """By the new name it would be gone: Pacemaker would start it on the image that is in use."""
    file, there, domid = pair.lab.shared / DOMAIN_FILES / f"{DOMAIN}.cfg", other(pair, home), pair.world.domid(DOMAIN)
    before = file.read_text()
    file.write_text(before.replace(f"'{DOMAIN}'", "'renamed01'"))
    try:
        probe_again(pair)
        assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([home], domid)
        pair.lab.run(pair.here, ["crm_resource", "--move", "--resource", DOMAIN, "--node", there])
        pair.wait_for(lambda: last_result(pair, home, "migrate_to") == "1", "its migration is not refused")
        assert [(guest.name, guest.domid) for guest in pair.world.guests()] == [(DOMAIN, domid)]
        pair.lab.run(pair.here, ["crm_resource", "--clear", "--resource", DOMAIN])
        pair.lab.run(pair.here, ["crm_resource", "--cleanup", "--resource", DOMAIN])
        pair.settle()
        pair.lab.run(pair.here, ["crm_resource", "--restart", "--resource", DOMAIN], timeout=90)
        assert [guest.name for guest in pair.world.guests()] == ["renamed01"]
    finally:
        file.write_text(before)
    pair.lab.run(pair.here, ["crm_resource", "--restart", "--resource", DOMAIN], timeout=90)
    assert [guest.name for guest in pair.world.guests()] == [DOMAIN]


def known(pair: Pair) -> dict[str, str]:
    return {finding["id"]: finding["message"] for finding in pair.status()["findings"]}


def test_a_guest_that_answers_no_more_is_restarted_three_times_and_status_says_why(pair: Pair, home: str) -> None:
    look, silent, domid = "/usr/local/bin/look", pair.lab.shared / "silent", pair.world.domid(DOMAIN)
    for server in pair.lab.names:
        program = pair.lab.disk(server) / look[1:]
        program.write_text("#!/bin/sh\necho it is silent >&2\ntest ! -e /sNow/silent\n")
        program.chmod(0o755)
    pair.snow_ha("add", DOMAIN, "--watch", f"script:{look}")
    pair.change_cib("--modify", "--xml-text", f'<op id="snow-ha--op.monitor--{DOMAIN}" interval="1s"/>')
    pair.settle()
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([home], domid), "to be watched costs a restart"
    silent.touch()
    pair.wait_for(lambda: pair.world.domid(DOMAIN) not in (domid, None), "it is not restarted")
    silent.unlink()
    pair.settle()
    (found,) = [finding for finding in pair.status()["findings"] if finding["id"] == "restarted"]
    assert f"failed its watch twice: `{look} {DOMAIN}` exited with 1 (it is silent)" in found["message"]
    silent.touch()
    # Three times two failed looks, a stop and a start.
    host.wait_until(lambda: "degraded" in known(pair), 180, "it is restarted for ever")
    assert "also after 3 restarts" in known(pair)["degraded"]
    domid = pair.world.domid(DOMAIN)
    silent.unlink()
    pair.wait_for(lambda: "degraded" not in known(pair), "that its guest answers again is not seen")
    pair.snow_ha("add", DOMAIN, "--watch", "none")
    silent.touch()
    pair.settle()
    assert (pair.world.where(DOMAIN), pair.world.domid(DOMAIN)) == ([home], domid)
    silent.unlink()
