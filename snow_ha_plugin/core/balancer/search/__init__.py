"""The balancer's local search; `planner` is its only door.

state          a placement under way, with its loads: what a move or a swap would bring, and doing it
neighbourhood  the best single move or swap now
descent        from one best change to the next, until none is worth its cost
repair         first: domains that cannot stay where they are, or run nowhere yet
spare          then: room for the failure of any one server (N+1)
chance         seeded choices, the same at every run
"""
