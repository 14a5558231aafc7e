"""`add`, `remove` and `sync` on a running cluster: what runs is left running, what is refused changes nothing."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.pair import Pair, enabled
from tests.lab.site import DOMAIN_FILES, SiteDomain

pytestmark = pytest.mark.lab

ROUNDS = 5

# What stays of a domain that was taken out on purpose: that it was.
LEFT_OUT = "not-protected"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with enabled("domains", [SiteDomain("first01", "proxy", 256)]) as up:
        yield up


def manage(pair: Pair, *names: str) -> None:
    """Put domains into domains.conf, as the administrator does: `sync` is about those."""
    columns = "proxy eth0 10.77.0.99 xsnow0 none none none eth1 none none none none none"
    with (pair.lab.shared / "snow-tools/etc/domains.conf").open("a") as file:
        file.writelines(f"{name} {columns}\n" for name in names)


def timeout_of(pair: Pair, name: str, operation: str) -> str | None:
    primitive = pair.primitive(name)
    assert primitive is not None
    element = primitive.find(f"operations/op[@name='{operation}']")
    assert element is not None
    return element.get("timeout")


def size_of(pair: Pair, name: str) -> str | None:
    found = pair.cib().find(f".//primitive[@id='{name}']/utilization/nvpair[@name='hv_memory']")
    return None if found is None else found.get("value")


def refused(pair: Pair, *words: str, status: int, because: str) -> None:
    """The command ends with that status and one line of error, and leaves the configuration as it was."""
    before = ET.tostring(pair.cib().find("configuration"))
    done = pair.snow_ha(*words, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("[E]")]
    assert (done.returncode, len(errors)) == (status, 1), done.stderr
    assert because in errors[0]
    assert ET.tostring(pair.cib().find("configuration")) == before


class TestAdd:
    def test_running_domain_is_adopted_where_it_runs(self, pair: Pair) -> None:
        domid = pair.running("adopted", pair.there)
        epoch = pair.epoch()
        pair.snow_ha("add", "adopted")
        assert pair.epoch() == epoch + 1
        pair.settle()
        assert (pair.world.where("adopted"), pair.world.domid("adopted")) == ([pair.there], domid)
        shown = {domain["name"]: domain for domain in pair.status()["domains"]}
        assert (shown["adopted"]["state"], shown["adopted"]["server"]) == ("running", pair.there)

    def test_domain_that_does_not_run_is_started(self, pair: Pair) -> None:
        pair.deploy("started")
        pair.snow_ha("add", "started")
        pair.wait_for(lambda: len(pair.world.where("started")) == 1, "started does not start")

    def test_stopped_domain_stays_stopped(self, pair: Pair) -> None:
        pair.deploy("stopped")
        pair.snow_ha("add", "--stopped", "stopped")
        pair.settle()
        assert pair.world.where("stopped") == []
        pair.lab.run(pair.here, ["crm", "resource", "start", "stopped"])
        pair.wait_for(lambda: len(pair.world.where("stopped")) == 1, "stopped cannot be started")

    def test_stopped_is_no_order_to_stop(self, pair: Pair) -> None:
        domid = pair.running("busy", pair.there)
        pair.snow_ha("add", "--stopped", "busy")
        pair.settle()
        assert (pair.world.where("busy"), pair.world.domid("busy")) == ([pair.there], domid)

    def test_adding_twice_changes_nothing(self, pair: Pair) -> None:
        pair.running("again", pair.here)
        pair.snow_ha("add", "again")
        epoch = pair.epoch()
        assert "registered already" in pair.snow_ha("add", "again").stdout
        assert pair.epoch() == epoch

    def test_two_servers_add_at_the_same_time(self, pair: Pair) -> None:
        places = {"left": pair.here, "right": pair.there}
        domids = {name: pair.running(name, server) for name, server in places.items()}
        for turn in range(ROUNDS):
            with ThreadPoolExecutor() as pool:
                added = {name: pool.submit(pair.snow_ha, "add", name, server=places[name]) for name in places}
                for name, done in added.items():
                    assert f"register {name}" in done.result().stdout
            assert [pair.is_registered(name) for name in places] == [True, True], f"in round {turn}"
            pair.snow_ha("remove", *places)
        pair.settle()
        assert all(LEFT_OUT in found for name in places for found in pair.mentions(name))
        assert {name: pair.world.domid(name) for name in places} == domids


class TestAddRefuses:
    def test_a_name_that_another_resource_has(self, pair: Pair) -> None:
        pair.deploy("clash")
        dummy = '<primitive id="clash" class="ocf" provider="pacemaker" type="Dummy"/>'
        pair.change_cib("--create", "--scope", "resources", "--xml-text", dummy)
        refused(pair, "add", "clash", status=78, because="already has a primitive of this id")

    def test_what_a_rule_of_the_administrator_would_move(self, pair: Pair) -> None:
        domid = pair.running("ruled", pair.here)
        rule = f'<rsc_location id="not-here" rsc-pattern="^ruled$" node="{pair.here}" score="-INFINITY"/>'
        pair.change_cib("--create", "--scope", "constraints", "--xml-text", rule)
        refused(pair, "add", "ruled", status=107, because="migrate ruled")
        assert (pair.world.where("ruled"), pair.world.domid("ruled")) == ([pair.here], domid)

    def test_a_domain_that_runs_twice(self, pair: Pair) -> None:
        pair.deploy("twice")
        for server in pair.lab.names:
            pair.world.place(server, "twice", memory_mib=256)
        refused(pair, "add", "twice", status=107, because=f"twice runs on {pair.here} and on {pair.there} at once")


class TestRemove:
    def test_domain_runs_on_and_is_forgotten(self, pair: Pair) -> None:
        domid = pair.running("freed", pair.there)
        pair.snow_ha("add", "freed")
        pair.settle()
        pair.snow_ha("remove", "freed")
        pair.settle()
        assert all(LEFT_OUT in found for found in pair.mentions("freed"))
        assert (pair.world.where("freed"), pair.world.domid("freed")) == ([pair.there], domid)

    def test_domain_that_is_not_registered(self, pair: Pair) -> None:
        refused(pair, "remove", "nobody", status=105, because="nobody is not registered")


class TestSync:
    @pytest.fixture(autouse=True)
    def nothing_is_due(self, pair: Pair) -> None:
        """What other tests have registered without domains.conf is none of these tests' business."""
        pair.snow_ha("sync")

    def test_changed_size_is_registered_without_a_restart(self, pair: Pair) -> None:
        manage(pair, "grown")
        domid = pair.running("grown", pair.there, memory_mib=256)
        pair.snow_ha("sync")
        pair.settle()
        assert (size_of(pair, "grown"), timeout_of(pair, "grown", "start")) == ("256", "120s")

        file = pair.lab.shared / DOMAIN_FILES / "grown.cfg"
        file.write_text(file.read_text().replace("'256'", "'8192'"))
        pair.snow_ha("sync")
        pair.settle()
        assert (size_of(pair, "grown"), timeout_of(pair, "grown", "start")) == ("8192", "230s")
        assert (pair.world.where("grown"), pair.world.domid("grown")) == ([pair.there], domid)

    def test_removed_file_is_unregistered(self, pair: Pair) -> None:
        manage(pair, "gone")
        domid = pair.running("gone", pair.there)
        pair.snow_ha("sync")
        pair.settle()
        assert pair.is_registered("gone")
        (pair.lab.shared / DOMAIN_FILES / "gone.cfg").unlink()
        refused(pair, "sync", status=107, because="the domain files of gone are missing")
        assert pair.is_registered("gone")
        table = pair.lab.shared / "snow-tools/etc/domains.conf"
        table.write_text("".join(line for line in table.read_text().splitlines(True) if not line.startswith("gone ")))
        pair.snow_ha("sync")
        assert pair.mentions("gone") == []
        assert pair.world.domid("gone") == domid


class TestShowing:
    @pytest.fixture(scope="class")
    def ready(self, pair: Pair) -> Pair:
        """`shown` can be added, `first01` removed, and both is due for sync."""
        manage(pair, "shown")
        pair.running("shown", pair.there)
        return pair

    WORDS = (["add", "shown"], ["remove", "first01"], ["sync"])

    @pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
    def test_dry_run_tells_and_changes_nothing(self, ready: Pair, words: list[str]) -> None:
        before = ready.epoch()
        told = ready.snow_ha(*words, "--dry-run").stdout
        assert "[I] would " in told
        assert ready.epoch() == before

    @pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
    def test_json_says_the_same(self, ready: Pair, words: list[str]) -> None:
        told = json.loads(ready.snow_ha(*words, "--dry-run", "--json").stdout)
        assert told["dry_run"] is True
        assert told["changes"]
        assert {change["action"] for change in told["changes"]} <= {"register", "unregister"}


class TestHistory:
    def test_what_was_changed_is_told_on_all_servers_and_taken_back(self, pair: Pair) -> None:
        pair.running("told", pair.there)
        before = configuration(pair)
        pair.snow_ha("add", "told")
        pair.settle()
        pair.snow_ha("move", "told", pair.here)
        domid = pair.world.domid("told")
        pair.snow_ha("rollback", "--yes", server=pair.there)
        assert configuration(pair) == before
        assert pair.mentions("told") == []
        assert (pair.world.where("told"), pair.world.domid("told")) == ([pair.here], domid)
        tellings = [
            json.loads(pair.snow_ha("history", "told", "--json", server=server).stdout) for server in pair.lab.names
        ]
        assert tellings[0]["events"] == tellings[1]["events"]
        assert (tellings[0]["unknown"], tellings[0]["missing"]) == (0, [])
        changes = [event for event in tellings[0]["events"] if event["kind"] == "change"]
        assert [(change["server"], change["text"], change["by"]) for change in changes] == [
            (pair.here, "register told (256 MiB, 1 vcpu)", "root: snow-ha add told"),
            (pair.here, f"migrate told from {pair.there} to {pair.here}", f"root: snow-ha move told {pair.here}"),
            (pair.there, "unregister told", "root: snow-ha rollback --yes"),
        ]
        shown = pair.snow_ha("history", "told").stdout
        assert "root: snow-ha add told (before it: rollback " in shown
        assert max(map(len, shown.splitlines())) <= 80

    def test_a_rollback_that_would_disturb_a_domain_is_refused(self, pair: Pair) -> None:
        pair.running("wanted", pair.there)
        pair.snow_ha("add", "wanted")
        pair.settle()
        role = ["crm_resource", "--resource", "wanted", "--meta", "--set-parameter=target-role"]
        pair.lab.run(pair.here, [*role, "--parameter-value=Stopped"])
        pair.settle()
        pair.snow_ha("hold", "first01")
        pair.lab.run(pair.here, [*role, "--parameter-value=Started"])
        pair.settle()
        refused(pair, "rollback", "--yes", status=107, because="Pacemaker would disturb domains: stop wanted")
        assert len(pair.world.where("wanted")) == 1
        pair.snow_ha("release", "first01")


def configuration(pair: Pair) -> bytes:
    """Without when Pacemaker last had to forget something."""
    found = pair.cib().find("configuration")
    assert found is not None
    for options in found.iterfind("crm_config/cluster_property_set"):
        for option in options.findall("nvpair[@name='last-lrm-refresh']"):
            options.remove(option)
    return ET.tostring(found)
