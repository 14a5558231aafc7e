"""A stand-in for Xen's `xl` (4.17): its output, flags and exit statuses over a world of make-believe domains.

    cli.py        which verb is meant
    listing.py    verbs that only look
    lifecycle.py  verbs that change one server's domains
    migration.py  both ends of `xl migrate`
    store.py      the world's file, its lock, its ledger, and what time does to a domain

Standard library only, and few imports: `xl list` runs every few seconds on every server.
What real Xen does is taken from observation of 4.17 and from its public sources (tools/xl).
"""
