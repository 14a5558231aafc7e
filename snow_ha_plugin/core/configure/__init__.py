"""What snow-ha writes into a CIB, a kind a file."""
