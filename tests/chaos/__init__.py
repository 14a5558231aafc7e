"""Rounds of faults against a cluster in the lab, and whether every domain ran once and came back: see command.py."""
