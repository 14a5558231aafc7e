"""`move`, `drain`, `undrain`, `what-if`, and the change of agents: on a running cluster, and killed half-way."""

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from snow_ha_plugin.operations.failed_migrations import ATTEMPTS
from tests.cluster.failing_migrations import Story, ways
from tests.cluster.pair import Pair, enabled
from tests.lab import ledger
from tests.lab.site import SiteDomain

pytestmark = pytest.mark.lab

DOMAINS = ("a01", "b01", "c01")
UNSAFE = 107
# Where a server's sendmail puts what it is given.
MAILBOX = "/var/mail/sent"
# Each takes about 15 s; the second one is begun by a shutdown.
FAILED_MIGRATIONS = int(os.environ.get("SNOW_HA_FAILED_MIGRATIONS", "2"))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    domains = [SiteDomain(name, "proxy", memory_mib=512, vcpus=1) for name in DOMAINS]
    with enabled("moves", domains, SNOW_HA_ALERT_MAIL="root") as up:
        for server in up.lab.names:
            sendmail = up.lab.disk(server) / "usr/local/sbin/sendmail"
            sendmail.write_text(f"#!/bin/sh\ncat >>{MAILBOX}\n")
            sendmail.chmod(0o755)
        yield up


@pytest.fixture(autouse=True)
def at_rest(pair: Pair) -> Iterator[None]:
    """Each test begins and ends with all domains running, both servers in service, and no rule of a move."""
    pair.world.mend()
    pair.settle()
    yield
    pair.world.mend()
    for server in pair.lab.names:
        pair.snow_ha("undrain", server)
    pair.settle()
    assert rules(pair) == []
    assert not pair.world.doubles()


def rules(pair: Pair) -> list[str]:
    return [rule.get("id", "") for rule in pair.cib().iterfind("configuration/constraints/*")]


def place(pair: Pair, name: str) -> tuple[str, str]:
    """The server that a domain runs on, and the other one."""
    (server,) = pair.world.where(name)
    return server, next(other for other in pair.lab.names if other != server)


def interrupted(pair: Pair, began: float) -> list[str]:
    runs = pair.world.intervals()
    return [name for name in DOMAINS if ledger.interrupted(runs, name, began, time.monotonic())]


def test_a_domain_moves_live_and_no_rule_stays(pair: Pair) -> None:
    began = time.monotonic()
    server, other = place(pair, "a01")
    pair.snow_ha("move", "a01", other)
    assert pair.world.where("a01") == [other]
    assert rules(pair) == []
    pair.settle()
    assert pair.world.where("a01") == [other], "it went back when the rule went"
    assert interrupted(pair, began) == []
    assert "there already" in pair.snow_ha("move", "a01", other).stdout
    assert json.loads(pair.snow_ha("move", "a01", server, "--dry-run", "--json").stdout)["moves"] == [
        {"domain": "a01", "source": other, "target": server, "memory_mib": 512, "restarts": False}
    ]
    assert pair.world.where("a01") == [other]


def test_a_move_that_fails_says_so_and_the_domain_runs_on(pair: Pair) -> None:
    began = time.monotonic()
    server, other = place(pair, "a01")
    pair.world.fault("copy", "fail", domain="a01")
    failed = pair.snow_ha("move", "a01", other, check=False)
    assert failed.returncode == 69
    assert failed.stderr.startswith("[E] a01 could not be migrated")
    assert "runs on where it was" in failed.stderr
    assert rules(pair) == []
    assert pair.mentions("snow-ha--move") == []
    pair.world.mend()
    pair.settle()
    assert pair.world.where("a01") == [server]
    assert interrupted(pair, began) == []
    pair.snow_ha("move", "a01", other)
    assert pair.world.where("a01") == [other]
    assert interrupted(pair, began) == []


def test_a_domain_that_is_lost_in_a_move_is_started_again(pair: Pair) -> None:
    server, other = place(pair, "a01")
    pair.world.configure(domain="a01", copy_s=30)
    move = subprocess.Popen(pair.lab.command(pair.here, ["snow-ha", "move", "a01", other]), stderr=subprocess.PIPE)
    pair.wait_for(lambda: "a01--incoming" in [guest.name for guest in pair.world.guests(other)], "it does not begin")
    pair.lab.run(server, ["xl", "destroy", "a01"])
    pair.lab.run(server, ["pkill", "-TERM", "-f", "^/usr/bin/python3 -IS.*/Xen migrate_to$"])
    _, said = move.communicate(timeout=120)
    assert move.returncode == 69
    assert b"has started it again" in said
    pair.settle()
    assert len(pair.world.where("a01")) == 1
    assert pair.mentions("snow-ha--move") == []
    pair.world.configure(domain="a01", copy_s=0.5)


def test_what_cannot_migrate_is_restarted_once_that_is_agreed_to(pair: Pair) -> None:
    pair.world.configure(server=pair.there, shadow=False)
    try:
        assert "have a01 restarted, not migrated: a server has no shadow paging" in pair.snow_ha("sync").stdout
        assert "restarts" in {finding["id"] for finding in pair.status()["findings"]}
        server, other = place(pair, "a01")
        for words in (["move", "a01", other], ["drain", server]):
            refused = pair.snow_ha(*words, check=False)
            assert (refused.returncode, "there is nobody to ask" in refused.stderr) == (64, True)
        assert pair.world.where("a01") == [server]
        domid = pair.world.domid("a01")
        pair.snow_ha("move", "a01", other, "--yes")
        assert pair.world.where("a01") == [other]
        assert pair.world.domid("a01") != domid
        assert rules(pair) == []
    finally:
        pair.world.configure(server=pair.there, shadow=True)
    assert "let a01 migrate live" in pair.snow_ha("sync").stdout


def test_live_migration_is_tested_on_the_smallest_domain_and_measured(pair: Pair) -> None:
    began = time.monotonic()
    server, other = place(pair, "a01")
    refused = pair.snow_ha("check", "--migration", check=False)
    assert (refused.returncode, "there is nobody to ask" in refused.stderr) == (64, True)
    told = json.loads(pair.snow_ha("check", "--migration", "--yes", "--json").stdout)
    assert told["domain"] == "a01"
    assert [(leg["source"], leg["target"]) for leg in told["migrations"]] == [(server, other), (other, server)]
    assert all(leg["took_s"] > 0 and leg["silent_s"] is None for leg in told["migrations"])
    assert told["mib_per_s"] > 0
    assert pair.world.where("a01") == [server]
    assert rules(pair) == []
    assert interrupted(pair, began) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_move_that_is_ended_half_way_goes_on_and_leaves_no_rule(pair: Pair, number: signal.Signals) -> None:
    began = time.monotonic()
    _, other = place(pair, "b01")
    pair.world.configure(domain="b01", copy_s=15)
    process = subprocess.Popen(pair.lab.command(pair.here, ["snow-ha", "move", "b01", other]))
    pair.wait_for(lambda: "b01--incoming" in pair.lab.run(other, ["xl", "list"]).stdout, "the migration does not begin")
    pid = pair.lab.run(pair.here, ["pgrep", "--full", "^/usr/bin/python3 /usr/bin/snow-ha move b01"]).stdout.split()[0]
    pair.lab.run(pair.here, ["kill", f"-{number:d}", pid])
    process.wait(timeout=30)
    assert process.returncode in (-number, 128 + number)
    refused = pair.snow_ha("move", "a01", place(pair, "a01")[1], check=False)
    assert "an interrupted verb still moves b01; nothing was changed" in refused.stderr
    pair.wait_for(lambda: pair.mentions("snow-ha--move") == [], "something of the move stays")
    pair.settle()
    assert pair.world.where("b01") == [other]
    assert interrupted(pair, began) == []
    pair.world.configure(domain="b01", copy_s=0.5)


def test_a_move_that_a_rule_of_the_administrator_forbids_is_refused(pair: Pair) -> None:
    _, other = place(pair, "c01")
    rule = f'<rsc_location id="never" rsc="c01" node="{other}" score="-INFINITY"/>'
    pair.change_cib("--create", "--scope", "constraints", "--xml-text", rule)
    refused = pair.snow_ha("move", "c01", other, check=False)
    assert refused.returncode == 107
    assert "would not migrate c01" in refused.stderr
    assert rules(pair) == ["never"]
    pair.change_cib("--delete", "--xml-text", '<rsc_location id="never"/>')
    for server in pair.lab.names:
        told = " ".join(pair.snow_ha("history", "c01", "--since", "5min", server=server).stdout.split())
        assert f"root: cibadmin prefer {other} for c01 (score -INFINITY)" in told


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["move", "nobody"], 105),
        (["move", "a01", "snow09"], 105),
        (["drain", "snow09"], 105),
        (["what-if", "snow09"], 105),
    ],
)
def test_what_is_not_there_is_one_clear_line(pair: Pair, words: list[str], status: int) -> None:
    refused = pair.snow_ha(*words, check=False)
    assert refused.returncode == status
    assert refused.stderr.startswith("[E] ") and refused.stderr.count("\n") == 1


def test_a_drained_server_is_empty_until_it_is_given_back(pair: Pair) -> None:
    began = time.monotonic()
    epoch = pair.epoch()
    foreseen = json.loads(pair.snow_ha("drain", pair.there, "--dry-run", "--json").stdout)["domains"]
    assert pair.epoch() == epoch
    pair.snow_ha("drain", pair.there)
    for row in foreseen:
        assert pair.world.where(row["domain"]) == [row["after"]] == [pair.here]
    assert interrupted(pair, began) == []
    pair.snow_ha("undrain", pair.there)
    pair.settle()
    assert all(pair.world.where(name) == [pair.here] for name in DOMAINS), "a domain moved back by itself"
    assert "nothing to do" in pair.snow_ha("undrain", pair.there).stdout


def test_a_drain_that_fails_gives_the_server_back_and_its_domain_runs_on(pair: Pair) -> None:
    began = time.monotonic()
    server, _ = place(pair, "b01")
    pair.world.fault("copy", "fail", domain="b01")
    failed = pair.snow_ha("drain", server, check=False)
    assert failed.returncode == 69
    assert failed.stderr.startswith(f"[E] b01 could not be migrated from {server}")
    pair.world.mend()
    pair.settle()
    assert pair.mentions("snow-ha--move") == []
    assert pair.world.where("b01") == [server]
    assert interrupted(pair, began) == []
    assert "nothing to do" in pair.snow_ha("undrain", server).stdout


def test_a_migration_that_pacemaker_began_and_that_fails_restarts_nothing(pair: Pair) -> None:
    for begin, go_wrong in itertools.islice(ways(), FAILED_MIGRATIONS):
        story = Story(pair, "a01")
        way = f"{begin.__name__}, {go_wrong.__name__}"
        go_wrong(story)
        begin(story)
        pair.wait_for(lambda: story.failures() > 0, f"the migration does not fail: {way}")  # noqa: B023
        story.mend()
        pair.wait_for(lambda: pair.world.where("a01") == [story.target], f"it is not tried again: {way}")  # noqa: B023
        story.end()
        assert not story.was_interrupted(), way


def test_what_cannot_be_migrated_runs_on_is_told_in_one_mail_and_released(pair: Pair) -> None:
    story = Story(pair, "a01")
    mails = mails_of(pair, story.source)
    story.cut()
    story.standby()
    pair.wait_for(lambda: mails_of(pair, story.source) != mails, "nothing is told")
    assert story.failures() == ATTEMPTS
    assert pair.world.where("a01") == [story.source]
    assert [f["id"] for f in pair.status()["findings"] if "a01" in f["message"]] == ["migration-failed"]
    (mail,) = mails_of(pair, story.source)[len(mails) :]
    assert "Subject: [snow-ha] a01 could not be migrated\n" in mail
    assert f"({ATTEMPTS} times)" in mail
    story.mend()
    pair.snow_ha("release", "a01")
    pair.wait_for(lambda: pair.world.where("a01") == [story.target], "it is not tried again")
    story.end()
    assert not story.was_interrupted()


def mails_of(pair: Pair, server: str) -> list[str]:
    path = pair.lab.disk(server) / MAILBOX[1:]
    return path.read_text().split("To: ")[1:] if path.exists() else []


def test_draining_the_last_server_is_refused_unless_forced(pair: Pair) -> None:
    pair.snow_ha("drain", pair.there)
    assert pair.snow_ha("what-if", pair.there).returncode == 0
    refused = pair.snow_ha("drain", pair.here, check=False)
    assert refused.returncode == UNSAFE
    assert all(name in refused.stderr for name in DOMAINS)
    assert pair.snow_ha("what-if", pair.here, check=False).returncode == UNSAFE
    assert all(pair.world.where(name) == [pair.here] for name in DOMAINS)


def test_what_if_tells_what_then_happens(pair: Pair) -> None:
    foreseen = json.loads(pair.snow_ha("what-if", pair.there, "--json").stdout)
    assert foreseen["lost"] == []
    pair.lab.power_off(pair.there)
    for row in foreseen["domains"]:
        pair.wait_for(
            lambda row=row: pair.world.where(row["domain"]) == [row["after"]],
            f"{row['domain']} is not on {row['after']} as what-if said",
        )
    pair.lab.power_on(pair.there)
    pair.snow_ha("enable", "--without-fencing")


def test_the_agent_of_domains_by_hand_is_replaced_while_they_run(pair: Pair) -> None:
    by_hand = (
        '<primitive id="d01" class="ocf" provider="heartbeat" type="Xen"><instance_attributes id="d01-ia">'
        '<nvpair id="d01-x" name="xmfile" value="/sNow/snow-tools/etc/domains/d01.cfg"/></instance_attributes>'
        '<meta_attributes id="d01-ma"><nvpair id="d01-m" name="allow-migrate" value="true"/></meta_attributes>'
        "</primitive>"
    )
    pair.deploy("d01")
    pair.change_cib("--create", "--scope", "resources", "--xml-text", by_hand)
    pair.wait_for(lambda: pair.world.where("d01") != [], "the stock agent does not start it")
    pair.settle()
    began, domid = time.monotonic(), pair.world.domid("d01")

    assert "nothing to do" in pair.snow_ha("sync").stdout
    assert "run d01 with ocf:snow:Xen" in pair.snow_ha("sync", "--replace-agents", "--dry-run").stdout
    pair.snow_ha("sync", "--replace-agents")
    element = pair.primitive("d01")
    assert element is not None and element.get("provider") == "snow"
    assert element.find("meta_attributes/nvpair[@name='maintenance']") is None
    assert pair.world.domid("d01") == domid
    pair.settle()
    assert not ledger.interrupted(pair.world.intervals(), "d01", began, time.monotonic())
    assert "nothing to do" in pair.snow_ha("sync", "--replace-agents").stdout
    assert [d["state"] for d in pair.status()["domains"] if d["name"] == "d01"] == ["running"]
