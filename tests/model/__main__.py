"""Print for each broken assumption the shortest way to a double run."""

from tests.model.assumptions import BROKEN

for broken in BROKEN:
    exploration = broken.explored()
    print(f"without '{broken.name}' ({exploration.states} states):", *exploration.trace or ["nothing found"], sep="\n")
