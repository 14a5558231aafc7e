"""How far live migrations are: the agent notes it on the server that a domain comes from, as long as it lasts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.model import MigrationProgress
from snow_ha_plugin.system.servers import Servers

# It is only worth a look: who asks wants to know the state of the cluster.
TIMEOUT_S = 5

_READ = 'cd /run/snow-ha && for name; do echo "$name $(cat "$name.migration")"; done'


def progress(servers: Servers, sources: Mapping[str, str]) -> dict[str, MigrationProgress]:
    """By domain, for those of `sources` (domain to server) of which something is known; one look at each server."""

    def look(server: str) -> str:
        names = [domain for domain, source in sources.items() if source == server]
        return servers.run(server, ["sh", "-c", _READ, "sh", *names], timeout_s=TIMEOUT_S).text

    answers = servers.outcomes(look, sorted(set(sources.values())))
    return parse(answer for answer in answers.values() if not isinstance(answer, SnowHaError))


def parse(answers: Iterable[str]) -> dict[str, MigrationProgress]:
    """Lines of a domain's name and the agent's note, which is missing or cut off where a migration begins or ends."""
    found = {}
    for line in "".join(answers).splitlines():
        domain, _, note = line.partition(" ")
        try:
            fields = json.loads(note)
            found[domain] = MigrationProgress(
                str(fields["target"]), int(fields["sent_mib"]), int(fields["memory_mib"]), int(fields["mib_per_s"])
            )
        except (ValueError, TypeError, KeyError):
            continue
    return found
