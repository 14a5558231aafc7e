"""A transport that stands between `xl migrate` and ssh, and holds a migration at a word of its final handshake.

It is called `ssh`: a PATH with its directory first brings it in. What it holds goes on, or the relay ends and ssh with
it, once a verdict is there.
"""

import subprocess

from tests.lab import host
from tests.xen.guests import Servers

PROGRAMS = "/root/relay"
PATH = f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"

# What each side says at a stage of the migration (tools/xl/xl.h); before the copy, the target greets.
WORDS = {
    "greeting": "xl migration receiver ready, send binary domain data.",
    "ready": "domain received, ready to unpause",
    "permission": "domain is yours, you are cleared to unpause",
    "report": "my copy unpause results are as follows",
}

# What is behind the word in the same block is held as well. `unpause` must not be taken for the whole of `ready`, so
# the word is looked for as it is; it comes in one write, and so far always in one read.
PROGRAM = """#!/usr/bin/python3
import os, select, subprocess, sys, time
words = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "/usr/bin/ssh", *sys.argv[1:]]
if "migrate-receive" not in " ".join(words):
    os.execv(words[0], words)
word, reached, verdict = WORD, "PROGRAMS/reached", "PROGRAMS/verdict"
ssh = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
ways = {0: ssh.stdin.fileno(), ssh.stdout.fileno(): 1}
while ways:
    for source in select.select(list(ways), [], [])[0]:
        data = os.read(source, 65536)
        if word and word in data:
            word = None
            open(reached, "w").close()
            while not os.path.exists(verdict):
                time.sleep(0.05)
            if open(verdict).read() == "end":
                os._exit(1)
        try:
            if data:
                os.write(ways[source], data)
        except BrokenPipeError:
            data = b""
        if not data:
            os.close(ways.pop(source))
sys.exit(ssh.wait())
"""


class Relay:
    """The relay on one server."""

    def __init__(self, lab: Servers, server: str) -> None:
        self.lab, self.server = lab, server

    def install(self, stage: str) -> None:
        """Have the next migrations from here held at that stage; any other word than those of WORDS: at none."""
        word = WORDS.get(stage)
        text = PROGRAM.replace("WORD", repr(word and word.encode())).replace("PROGRAMS", PROGRAMS)
        self.lab.put(self.server, f"{PROGRAMS}/ssh", text, mode=0o755)
        self.lab.run(self.server, ["rm", "-f", f"{PROGRAMS}/reached", f"{PROGRAMS}/verdict"])

    def wait_until_held(self, migration: "subprocess.Popen[str]", seconds: float) -> None:
        def held() -> bool:
            assert migration.poll() is None, "the migration has ended before it came so far"
            return self.lab.run(self.server, ["test", "-e", f"{PROGRAMS}/reached"], check=False).returncode == 0

        host.wait_until(held, seconds, "the migration did not come so far")

    def go_on(self) -> None:
        self._decide("go on")

    def end(self) -> None:
        self._decide("end")

    def _decide(self, verdict: str) -> None:
        # Written whole before it can be seen.
        self.lab.put(self.server, f"{PROGRAMS}/decided", verdict)
        self.lab.run(self.server, ["mv", f"{PROGRAMS}/decided", f"{PROGRAMS}/verdict"])
