"""What only snow-ha knows of a cluster, in Prometheus's text format (prometheus.io, "Exposition formats").

Sizes are in bytes and times in seconds, as is usual there. What is not known has no sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from snow_ha_plugin.core.reports.overview import Overview
from snow_ha_plugin.core.reports.verdict import Verdict, Word

MIB = 1 << 20

# Always told, so that a graph has a line at zero where there are none.
STATES = ("running", "stopped", "migrating", "failed", "down")


class Metric(NamedTuple):
    """A gauge, with its value for each set of labels."""

    name: str
    explanation: str
    values: tuple[tuple[Mapping[str, str], float], ...]

    @property
    def lines(self) -> Iterator[str]:
        yield f"# HELP snow_ha_{self.name} {self.explanation}"
        yield f"# TYPE snow_ha_{self.name} gauge"
        for labels, value in self.values:
            named = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"snow_ha_{self.name}{{{named}}} {value:.15g}" if named else f"snow_ha_{self.name} {value:.15g}"


def text(view: Overview, told: Verdict, tested_at: Mapping[str, float], now: float) -> str:
    """`tested_at` has, in seconds since 1970, when the fencing of those servers was last tested where it ever was."""
    metrics = (*_of_state(view, told, now), *_of_room(view), *_of_fencing(view, tested_at, now))
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines)


def _of_state(view: Overview, told: Verdict, now: float) -> Iterator[Metric]:
    yield _one("written_timestamp_seconds", "When this was written.", now)
    words = [({"verdict": word.text.lower()}, float(word == told.word)) for word in Word]
    yield Metric("verdict", "1 for how the cluster is, as snow ha status says it; 0 for the others.", tuple(words))
    states = Counter(dict.fromkeys(STATES, 0))
    states.update(
        "down" if domain.wanted and domain.state in ("stopped", "unknown") else domain.state for domain in view.domains
    )
    yield _by("domains", "Domains by state; those that are down should run and do not.", "state", states)
    migrations = sum(domain.state == "migrating" for domain in view.domains)
    yield _one("migrations", "Live migrations under way.", migrations)
    found = Counter((finding.id, finding.severity) for finding in view.findings)
    values = [({"code": code, "severity": severity}, float(count)) for (code, severity), count in found.items()]
    yield Metric("findings", "What is not as it should be, by code and severity.", tuple(values))
    accepted = Counter(finding.id for finding, _ in view.accepted)
    yield _by("findings_accepted", "What an administrator has accepted, by code.", "code", accepted)


def _of_room(view: Overview) -> Iterator[Metric]:
    known = [server for server in view.servers if server.capacity_mib]
    sizes = [(server.name, server.capacity_mib * MIB) for server in known]
    yield _by("server_memory_bytes", "Memory of a server for domains.", "server", dict(sizes))
    used = {server.name: server.used_mib * MIB for server in view.servers}
    yield _by("server_used_bytes", "Memory of the domains on a server.", "server", used)
    if not view.standing:
        return
    spread, n_plus_1 = view.standing.spread, view.standing.n_plus_1
    yield _one("fullest_server_ratio", "Memory in use on the fullest server that takes domains.", spread.peak_memory)
    bound = view.standing.lower_bound
    yield _one("fullest_server_best_ratio", "The same in the best placement that there could be.", bound)
    if n_plus_1.holds is not None:
        yield _one("n_plus_1", "1 if any one server may fail; nothing where that is not known.", n_plus_1.holds)
    victims = {server: len(failure.victims) for server, failure in n_plus_1.failures.items()}
    yield _by("failure_victims", "Domains that would not run after the failure of a server.", "server", victims)


def _of_fencing(view: Overview, tested_at: Mapping[str, float], now: float) -> Iterator[Metric]:
    yield _one("fencing", "1 if a lost server is made sure to be dead.", view.fencing.enabled)
    ages = {server: max(0.0, now - when) for server, when in tested_at.items()}
    yield _by("fencing_test_age_seconds", "Since the last fencing test of a server, if there was one.", "server", ages)


def _one(name: str, explanation: str, value: float) -> Metric:
    return Metric(name, explanation, (({}, float(value)),))


def _by(name: str, explanation: str, label: str, values: Mapping[str, float]) -> Metric:
    return Metric(name, explanation, tuple(({label: key}, float(value)) for key, value in values.items()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
