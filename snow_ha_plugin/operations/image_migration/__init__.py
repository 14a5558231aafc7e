"""Domain images to storage that all servers share, and back. The volumes that they come from are only read.

A domain file names the copies from one moment to the next, when all of them are whole and where they will stay; until
then it is as it was. Whatever is killed can be run again: copies that are whole are found, and read once more.
"""
