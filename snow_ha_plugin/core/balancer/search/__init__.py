"""The balancer's local search; `core.placement` is its only door.

layout    a placement under way, with its loads: what a move or a swap would bring, and doing it
scan      the best single move or swap now
descent   from one best change to the next, until none is worth its cost
settling  first: domains that cannot stay where they are, or run nowhere yet
mending   then: room for the failure of any one server (N+1)
chance    seeded choices, the same at every run
"""
