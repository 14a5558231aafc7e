"""snow-ha: high availability for the Xen domains of an sNow! cluster.

    cli/      the verbs: read, decide, apply; the only place that prints
    plugin    what snow-ha answers to the host's events (pluggy); hookspecs.py says when each one fires
    steps/    the HA guide as code: a section a file
    core/     pure: trees and values in, trees and plans out
    system/   one adapter per outside thing: the only code that runs commands or opens files
    xlcfg     what xl reads in a domain file; for the resource agent, too
    model, errors

Imports point downwards only; tests/test_layers.py holds the rule.
"""

__version__ = "0.1.0"
