"""The numbers for Prometheus, as its own parser reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from snow_ha_plugin.core.balancer.problem import Spread
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports import metrics, verdict
from snow_ha_plugin.core.reports.health import NPlus1, Standing
from snow_ha_plugin.core.reports.losses import Failure
from snow_ha_plugin.core.reports.overview import DomainView, FencingView, Overview, ServerView
from snow_ha_plugin.model import Finding, MigrationProgress, Severity

FAILURES = {"snow01": Failure(lost=("web01",)), "snow02": Failure()}
STANDING = Standing(Spread(0.9, 1.5, 0.2, 0.3), 0.47, NPlus1(FAILURES, (), (), True, ("snow01", "snow02")))
DOMAINS = (
    DomainView("web01", "running", "snow01", True, 512, 1, None),
    DomainView("web02", "migrating", "snow01", True, 512, 1, None, MigrationProgress("snow02", 1, 2, 3)),
    DomainView("web03", "stopped", None, True, 512, 1, None, wanted=True),
    DomainView("web04", "stopped", None, True, 512, 1, None, wanted=False),
)
VIEW = Overview(
    has_quorum=True,
    servers=(
        ServerView("snow01", True, False, False, ("web01", "web02"), 4096, 1024),
        ServerView("snow02", True, False, False, (), 0, 0),
    ),
    domains=DOMAINS,
    floating_ips=(),
    fencing=FencingView(True, ("ipmi",), "ipmi", {"snow01": "2026-11-20T12:00:00Z", "snow02": ""}),
    standing=STANDING,
    findings=(
        Finding(Severity.ERROR, "domain-down", "web03 is down"),
        Finding(Severity.WARNING, "held", 'a "quoted" \\ word'),
        Finding(Severity.WARNING, "held", "another"),
    ),
)


def samples(view: Overview = VIEW) -> dict[tuple[str, tuple[str, ...]], float]:
    """The samples by name and the values of their labels; each has an explanation, a type, and a name of ours."""
    text = metrics.text(view, verdict.of(view), {"snow01": 1000.0}, now=4600.0)
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type == "gauge"
        for sample in family.samples:
            assert sample.name.startswith("snow_ha_")
            found[sample.name, tuple(sample.labels.values())] = sample.value
    return found


def test_what_the_parser_reads_is_what_is_so() -> None:
    found = samples()
    assert found["snow_ha_fullest_server_ratio", ()] == 0.9
    assert found["snow_ha_fullest_server_best_ratio", ()] == 0.47
    assert found["snow_ha_n_plus_1", ()] == 0
    assert found["snow_ha_failure_victims", ("snow01",)] == 1
    assert found["snow_ha_migrations", ()] == 1
    assert found["snow_ha_fencing", ()] == 1
    assert found["snow_ha_fencing_test_age_seconds", ("snow01",)] == 3600
    assert found["snow_ha_findings", ("held", "warning")] == 2
    assert found["snow_ha_server_memory_bytes", ("snow01",)] == 4096 * 1024 * 1024
    assert found["snow_ha_server_used_bytes", ("snow01",)] == 1024 * 1024 * 1024
    assert found["snow_ha_written_timestamp_seconds", ()] == 4600


def test_labels_have_their_names() -> None:
    text = metrics.text(VIEW, verdict.of(VIEW), {"snow01": 1000.0}, now=4600.0)
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert {"code": "held", "severity": "warning"} in [sample.labels for sample in families["snow_ha_findings"]]
    assert {"server": "snow01"} in [sample.labels for sample in families["snow_ha_fencing_test_age_seconds"]]


def test_one_verdict_holds() -> None:
    held = {labels[0]: value for (name, labels), value in samples().items() if name == "snow_ha_verdict"}
    assert held == {"healthy": 0, "degraded": 0, "broken": 1, "cannot tell": 0, "not enabled": 0}


def test_each_domain_is_counted_once_and_states_without_any_are_zero() -> None:
    states = {labels[0]: value for (name, labels), value in samples().items() if name == "snow_ha_domains"}
    assert states == {"running": 1, "migrating": 1, "down": 1, "stopped": 1, "failed": 0}


def test_what_is_not_known_has_no_sample() -> None:
    found = samples()
    assert ("snow_ha_fencing_test_age_seconds", ("snow02",)) not in found
    assert ("snow_ha_server_memory_bytes", ("snow02",)) not in found
    names = {name for name, _ in samples(VIEW._replace(standing=None))}
    assert not names & {"snow_ha_n_plus_1", "snow_ha_fullest_server_ratio"}
    unknown = STANDING._replace(n_plus_1=NPlus1({}, ("snow01",), (), True, ("snow01",)))
    assert "snow_ha_n_plus_1" not in {name for name, _ in samples(VIEW._replace(standing=unknown))}


def test_a_name_may_have_any_letter() -> None:
    name = 'we"b\\01\n'
    view = VIEW._replace(servers=(VIEW.servers[0]._replace(name=name),))
    assert ("snow_ha_server_used_bytes", (name,)) in samples(view)


def family(name: str, view: Overview = VIEW, now: float = 4600.0) -> list[tuple[dict[str, str], float]]:
    text = metrics.text(view, verdict.of(view), {"snow01": 1000.0, "snow03": 4601.0}, now)
    found = {each.name: each.samples for each in text_string_to_metric_families(text)}
    return [(sample.labels, sample.value) for sample in found.get(f"snow_ha_{name}", [])]


def test_each_word_of_status_has_its_label() -> None:
    assert ({"verdict": "broken"}, 1) in family("verdict")
    assert all(set(labels) == {"verdict"} for labels, _ in family("verdict"))


def test_what_room_there_is_is_told_of_each_server_in_bytes() -> None:
    assert family("server_memory_bytes") == [({"server": "snow01"}, 4 * 1024**3)]
    assert family("server_used_bytes") == [({"server": "snow01"}, 1024**3), ({"server": "snow02"}, 0)]
    assert family("fullest_server_ratio") == [({}, 0.9)]
    assert family("fullest_server_best_ratio") == [({}, 0.47)]
    assert family("failure_victims") == [({"server": "snow01"}, 1), ({"server": "snow02"}, 0)]


def test_a_test_that_a_faster_clock_has_dated_is_no_second_old() -> None:
    assert family("fencing_test_age_seconds") == [({"server": "snow01"}, 3600), ({"server": "snow03"}, 0)]


def test_fencing_that_is_off_is_zero() -> None:
    assert family("fencing", VIEW._replace(fencing=VIEW.fencing._replace(enabled=False))) == [({}, 0)]


def test_a_wanted_domain_that_nobody_knows_is_down_and_an_unwanted_one_is_as_it_is() -> None:
    domains = (DOMAINS[2]._replace(state="unknown"), DOMAINS[3]._replace(state="unknown"), DOMAINS[0])
    told = {labels["state"]: value for labels, value in family("domains", VIEW._replace(domains=domains))}
    assert told == {"running": 1, "stopped": 0, "migrating": 0, "failed": 0, "down": 1, "unknown": 1}


def test_what_is_accepted_is_counted_by_code() -> None:
    acceptance = Acceptance("no-fencing", "", Severity.ERROR, 0, 0, "")
    accepted = ((Finding(Severity.ERROR, "no-fencing", "there is none"), acceptance),) * 2
    assert family("findings_accepted", VIEW._replace(accepted=accepted)) == [({"code": "no-fencing"}, 2)]
    assert family("findings_accepted") == []


def test_a_time_keeps_its_fraction() -> None:
    assert family("written_timestamp_seconds", now=1795350148.125) == [({}, 1795350148.125)]
