"""A server is reset for a test: it has been once it is back with another boot, and not before."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.operations import fencing_test
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import fencer, waiting
from tests.unit.conftest import Machines

# By server: the looks at it, one after the other. `off`: it does not answer.
CAT = """
looks=$(cat "$ROOT/$SERVER.looks")
set -- $looks
shift
echo "$*" >"$ROOT/$SERVER.looks"
set -- $looks
[ "$1" != off ] || exit 255
echo "1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 $1 170000000 2000"
"""


@pytest.mark.parametrize(
    ("looks", "is_back"),
    [
        ("100 off off 200", True),
        # It answers for a moment more after the fencing device has said that it is off.
        ("100 100 off 200", True),
        ("100 100 100 100", False),
        ("100 off off off", False),
        # Nobody knows which boot it had: it answers again.
        ("off off 200 200", True),
    ],
)
def test_it_is_back_with_another_boot(
    site: Site, machines: Machines, mocker: MockerFixture, looks: str, is_back: bool
) -> None:
    fence = mocker.patch.object(fencer, "fence")
    mocker.patch.object(waiting, "turns", lambda *_: iter([True, True, False]))
    machines.stand_in("cat", CAT.replace("$ROOT", str(machines.root)).replace("$(cat ", "$(/bin/cat "))
    (machines.root / "snow02.looks").write_text(looks)
    if is_back:
        assert 0 <= fencing_test.reset(site, "snow02") < 60
    else:
        with pytest.raises(TimedOutError, match="is not back after"):
            fencing_test.reset(site, "snow02")
    fence.assert_called_once_with("snow02", 2 * Timing(site.conf.watchdog_s, 2).stonith_s)
    assert {server for server, _ in machines.calls} == {"snow02"}
