"""Which domain goes to which server: the problem from a CIB, the search for a placement, and the decision."""
