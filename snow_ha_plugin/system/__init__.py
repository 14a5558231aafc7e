"""One adapter per outside thing: the only code that runs commands or opens files."""
