"""The verbs of `snow ha`: read, decide, apply. The only code that prints."""
