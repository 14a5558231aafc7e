"""snow-ha that runs a shell command at a point of `images migrate`; in a server, with the real code.

Its first argument is `before|after N FUNCTION`, the Nth call of one of system/imagefiles.py or domainfiles.py; its
second the command, of which snow-ha is the parent.
"""

import itertools
import subprocess
import sys

from snow_ha_plugin.cli import main
from snow_ha_plugin.system import domainfiles, imagefiles

WHEN, NUMBER, NAME = sys.argv.pop(1).split()
COMMAND = sys.argv.pop(1)
MODULE = domainfiles if hasattr(domainfiles, NAME) else imagefiles
function, calls = getattr(MODULE, NAME), itertools.count(1)


def watched(*words, **options):
    is_it = next(calls) == int(NUMBER)
    if is_it and WHEN == "before":
        subprocess.run(["sh", "-c", COMMAND], check=True)
    result = function(*words, **options)
    if is_it and WHEN == "after":
        subprocess.run(["sh", "-c", COMMAND], check=True)
    return result


setattr(MODULE, NAME, watched)
main.main()
