"""A small model of how a server is fenced, explored through all interleavings of a few faults.

timing.py        the one table of durations, the product's and the model's, and the inequalities between them
rules.py         a site's set-up, and every assumption of the protocol as a switch that can be broken
state.py         what is remembered of a server and of the whole site
server.py        one second of one server: sbd, membership, fencer, start of the domain
site.py          one second of the site, and the faults and repairs that may come between two seconds
explorer.py      breadth first search for two copies of the domain, with the shortest trace; and for its return
assumptions.py   the table of broken assumptions that docs/guarantees.md refers to
"""
