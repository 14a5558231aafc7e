"""`enable` on two fresh Debian servers with some domains that run already: what it promises is so after it."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lxml import etree

from tests.cluster import cluster_state as state
from tests.cluster.cluster_state import DOMAINS, EARLY, Snapshot
from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import FLOATING_IP, GUIDE_DOMAINS, HOOK, HOOKS

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Enabled:
    """What was seen on the way: `began` and `ended` are time.monotonic()."""

    lab: Lab
    fresh: Snapshot
    after_dry_run: Snapshot
    dry_run: str
    domids: dict[str, tuple[str, int]]
    began: float
    ended: float
    printed: str


# Times that `enable` asks the other server something where there is nothing to do: four, and as many again where a slow
# machine asks too late for a round.
MOST_ROUNDS = 8


@pytest.fixture(scope="module")
def enabled(lab: Lab) -> Iterator[Enabled]:
    state.boot_early_domains(lab)
    for server in lab.names:
        # Debian starts a cluster of one by itself; until that is done its CIB changes without anybody's doing.
        wait_until(lambda server=server: state.online(lab, server) == ["node1"], 60, f"no cluster of one on {server}")
    fresh = state.snapshot(lab)
    dry_run = state.snow_ha(lab, "enable", "--without-fencing", "--dry-run")
    after_dry_run = state.snapshot(lab)
    began = time.monotonic()
    domids = state.domids(lab)
    done = lab.run("snow01", ["snow-ha", "--debug", "enable", "--without-fencing"], timeout=state.ENABLE_WITHIN_S)
    yield Enabled(lab, fresh, after_dry_run, dry_run, domids, began, time.monotonic(), done.stdout + done.stderr)


class TestDryRun:
    def test_changes_nothing(self, enabled: Enabled) -> None:
        assert enabled.fresh.difference(enabled.after_dry_run) == []
        assert len(enabled.fresh.files) > 500

    def test_tells_each_step_and_each_domain(self, enabled: Enabled) -> None:
        for step in ("Cluster not started at boot", "Xen's own autostart", "Corosync key", "corosync.conf", "Hook"):
            assert f"[I] would mend: {step}" in enabled.dry_run
        for name in DOMAINS:
            assert f"[I] would register {name} " in enabled.dry_run


class TestDomains:
    def test_those_that_ran_before_were_never_interrupted(self, enabled: Enabled) -> None:
        assert {name: server for name, (server, _) in enabled.domids.items()} == EARLY
        now = state.domids(enabled.lab)
        assert {name: now.get(name) for name in EARLY} == enabled.domids
        assert state.interrupted(enabled.lab, list(EARLY), enabled.began, enabled.ended) == []

    def test_all_run_when_it_returns_and_none_ever_ran_twice(self, enabled: Enabled) -> None:
        assert sorted(state.domids(enabled.lab)) == DOMAINS
        assert state.interrupted(enabled.lab, DOMAINS, enabled.ended, time.monotonic()) == []
        assert state.doubles(enabled.lab) == []

    def test_each_is_a_primitive_with_its_size_and_explicit_timeouts(self, enabled: Enabled) -> None:
        tree = state.cib(enabled.lab)
        for domain in GUIDE_DOMAINS:
            primitive = tree.find(f"configuration/resources/primitive[@id='{domain.name}']")
            assert (primitive.get("provider"), primitive.get("type")) == ("snow", "Xen")
            size = {pair.get("name"): pair.get("value") for pair in primitive.iterfind("utilization/nvpair")}
            assert size == {"hv_memory": str(domain.memory_mib), "cpu": str(domain.vcpus)}
            timeouts = {op.get("name"): int(op.get("timeout").rstrip("s")) for op in primitive.iterfind(".//op")}
            assert set(timeouts) == {"start", "stop", "monitor", "migrate_to", "migrate_from"}
            assert min(timeouts[name] for name in timeouts if name != "monitor") >= 120


class TestFloatingIp:
    def test_is_on_one_server_and_the_others_reach_it(self, enabled: Enabled) -> None:
        assert len(state.address_holders(enabled.lab)) == 1
        assert all(state.address_answers(enabled.lab, server) for server in enabled.lab.names)


class TestConfiguration:
    def test_is_one_epoch_and_one_for_sizes_once_the_domains_run(self, enabled: Enabled) -> None:
        history = enabled.lab.shared / "snow-ha/history"
        before, running = (etree.parse(path).getroot() for path in sorted(history.glob("*.xml")))
        assert before.find("configuration/resources/primitive") is None
        strategy = "configuration/crm_config//nvpair[@name='placement-strategy']"
        assert running.find(strategy) is None
        assert state.cib(enabled.lab).find(strategy).get("value") == "balanced"
        admin_epoch, epoch = state.epoch(enabled.lab)
        assert (admin_epoch, epoch) == (int(before.get("admin_epoch")), int(before.get("epoch")) + 2)

    def test_has_the_guides_options(self, enabled: Enabled) -> None:
        lines = "\n".join(state.elements(state.cib(enabled.lab)))
        for wanted in (
            "name=resource-stickiness value=100", "name=timeout value=120s", "name=migration-limit value=2",
            "name=stonith-enabled value=false", "name=cluster-recheck-interval value=2min",
        ):  # fmt: skip
            assert wanted in lines

    def test_satisfies_pacemaker(self, enabled: Enabled) -> None:
        done = enabled.lab.run("snow01", ["crm_verify", "--live-check", "--verbose"])
        assert "error" not in (done.stdout + done.stderr).lower()

    def test_leaves_no_node_of_debians_cluster(self, enabled: Enabled) -> None:
        names = [node.get("uname") for node in state.cib(enabled.lab).iterfind("configuration/nodes/node")]
        assert sorted(names) == enabled.lab.names


class TestServers:
    def test_key_is_the_same_everywhere_and_roots_alone(self, enabled: Enabled) -> None:
        keys = [enabled.lab.disk(server) / "etc/corosync/authkey" for server in enabled.lab.names]
        assert len({key.read_bytes() for key in keys}) == 1
        assert [(key.stat().st_mode & 0o7777, key.stat().st_uid) for key in keys] == [(0o400, 0)] * 2
        assert keys[0].stat().st_size == 256

    def test_key_is_never_shown(self, enabled: Enabled) -> None:
        key = (enabled.lab.disk("snow01") / "etc/corosync/authkey").read_bytes()
        assert "/etc/corosync/authkey" in enabled.printed
        text = enabled.printed.lower()
        # Any part of it would be too much; eight bytes do not meet by chance.
        for at in range(0, len(key) - 8, 8):
            part = key[at : at + 8]
            assert part.hex() not in text
            assert part.hex(" ") not in text
            assert repr(part)[2:-1] not in enabled.printed
            # Three bytes are four characters, wherever in the text they begin.
            whole = base64.b64encode(key[at - at % 3 : at - at % 3 + 9]).decode()
            assert whole not in enabled.printed

    def test_corosync_accepts_the_configuration_and_encrypts(self, enabled: Enabled) -> None:
        for server in enabled.lab.names:
            enabled.lab.run(server, ["corosync", "-t"])
            settings = enabled.lab.run(server, ["corosync-cmapctl"]).stdout
            for key, value in (
                ("totem.crypto_cipher", "aes256"), ("totem.crypto_hash", "sha256"),
                ("quorum.two_node", "1"), ("quorum.wait_for_all", "1"),
                ("nodelist.node.0.name", "snow01"), ("nodelist.node.1.name", "snow02"),
            ):  # fmt: skip
                assert re.search(rf"^{re.escape(key)} \(\w+\) = {value}$", settings, re.MULTILINE), key

    def test_configuration_of_before_is_kept(self, enabled: Enabled) -> None:
        for server in enabled.lab.names:
            kept = enabled.lab.disk(server) / "etc/corosync/corosync.conf.before-snow-ha"
            digest = hashlib.sha256(kept.read_bytes()).hexdigest()
            assert enabled.fresh.files[f"{server}:/etc/corosync/corosync.conf"].endswith(digest)

    def test_nothing_of_it_starts_at_boot(self, enabled: Enabled) -> None:
        for server in enabled.lab.names:
            shown = enabled.lab.run(server, ["systemctl", "is-enabled", "corosync", "pacemaker"], check=False).stdout
            assert shown.split() == ["disabled", "disabled"]

    def test_xen_itself_saves_restores_and_starts_nothing(self, enabled: Enabled) -> None:
        script = '. /etc/default/xendomains; echo "[$XENDOMAINS_SAVE][$XENDOMAINS_RESTORE][$XENDOMAINS_AUTO]"'
        for server in enabled.lab.names:
            assert enabled.lab.run(server, ["sh", "-c", script]).stdout == "[][false][]\n"

    def test_pacemakers_state_belongs_to_its_user(self, enabled: Enabled) -> None:
        for server in enabled.lab.names:
            script = "find /var/lib/pacemaker -path '*/cores' -prune -o ! -user hacluster -print"
            assert enabled.lab.run(server, ["sh", "-c", script]).stdout == ""

    def test_hook_is_in_place(self, enabled: Enabled) -> None:
        assert (enabled.lab.shared / HOOKS / HOOK.name).read_bytes() == HOOK.read_bytes()


class TestStatus:
    def test_has_the_documented_shape(self, enabled: Enabled) -> None:
        shown = state.status(enabled.lab, server="snow02")
        assert set(shown) == {
            "servers",
            "domains",
            "about",
            "floating_ips",
            "fencing",
            "findings",
            "accepted",
            "balance",
            "verdict",
        }
        assert [server["name"] for server in shown["servers"]] == enabled.lab.names
        for server in shown["servers"]:
            assert {key: server[key] for key in ("online", "standby")} == {"online": True, "standby": False}
            assert server["memory_mib"]["capacity"] == 16384 - 1024
            mine = [domain for domain in GUIDE_DOMAINS if domain.name in server["domains"]]
            assert server["memory_mib"]["used"] == sum(domain.memory_mib for domain in mine)
        now = state.domids(enabled.lab)
        told = {domain.pop("name"): domain for domain in shown["domains"]}
        assert all(began.pop("since") for began in told.values())
        assert told == {
            domain.name: {
                "state": "running",
                "server": now[domain.name][0],
                "managed": True,
                "memory_mib": domain.memory_mib,
                "vcpus": domain.vcpus,
                "migration": None,
                "watch": "",
            }
            for domain in GUIDE_DOMAINS
        }
        assert [ip["address"] for ip in shown["floating_ips"]] == [FLOATING_IP]
        assert [ip["server"] for ip in shown["floating_ips"]] == state.address_holders(enabled.lab)
        assert shown["fencing"]["enabled"] is False
        assert shown["findings"] == []
        (accepted,) = shown["accepted"]
        assert (accepted["id"], accepted["reason"]) == ("no-fencing", "--without-fencing")

    def test_shows_missing_fencing_in_red(self, enabled: Enabled) -> None:
        # As on a terminal; it was accepted.
        done = state.attempt(enabled.lab, ["script", "--quiet", "--return", "--command", "snow-ha status", "/dev/null"])
        assert re.search(r"\x1b\[[0-9;]*31[0-9;]*mNONE", done.stdout.replace("\x1b[1m", ""))
        assert done.returncode == 0


class TestSecondRun:
    @pytest.mark.parametrize("server", ["snow01", "snow02"])
    def test_finds_nothing_to_do(self, enabled: Enabled, server: str) -> None:
        before, epoch = state.snapshot(enabled.lab), state.epoch(enabled.lab)
        shown = state.snow_ha(enabled.lab, "enable", "--without-fencing", server=server)
        assert "nothing to do" in shown
        assert before.difference(state.snapshot(enabled.lab)) == []
        assert state.epoch(enabled.lab) == epoch

    def test_asks_each_thing_once_over_one_connection(self, enabled: Enabled) -> None:
        begin = enabled.lab.run("snow02", ["date", "+%Y-%m-%d %H:%M:%S.%N"]).stdout.strip()
        done = state.attempt(enabled.lab, ["snow-ha", "--debug", "enable", "--without-fencing"])
        asked = [line for line in done.stderr.splitlines() if line.startswith("[D] run: ssh")]
        assert len(asked) <= MOST_ROUNDS
        log = enabled.lab.run("snow02", ["journalctl", "--unit=ssh", f"--since={begin}", "--output=cat"]).stdout
        # By name and without a question, as xl migrate would come.
        assert log.count("Accepted publickey") == 1

    def test_leaves_check_with_nothing_but_what_was_accepted(self, enabled: Enabled) -> None:
        done = state.attempt(enabled.lab, ["snow-ha", "check", "--json"])
        shown = json.loads(done.stdout)
        assert (shown["verdict"], shown["findings"], shown["todo"]) == ("healthy", [], [])
        assert [each["id"] for each in shown["accepted"]] == ["no-fencing"]
        assert done.returncode == 0

    def test_need_not_be_told_once_more_that_there_is_no_fencing(self, enabled: Enabled) -> None:
        assert "nothing to do" in state.snow_ha(enabled.lab, "enable")
