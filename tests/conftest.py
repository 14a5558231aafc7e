"""What all tests share."""

import os

from hypothesis import settings

# How long one example takes says more of what else the machine does than of the code. In CI the examples are the same
# each time: a change is judged by itself; new ones are looked for wherever else the tests run.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")
