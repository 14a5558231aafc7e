"""snow-ha: high availability for the Xen domains of an sNow! cluster.

    cli/         the verbs as they are typed; the only place that prints
    plugin       what snow-ha answers to the host's events; hookspecs.py says when each one fires
    plugins      who is told of an event, and how (pluggy)
    guide/       the HA guide: a section a file, `enable` runs them forwards, `disable` backwards
    operations/  what is done to a cluster that is there: one way to commit, and the verbs' work
    core/        pure: trees and values in, trees and plans out (cib, configure, balancer, reports)
    system/      one adapter per outside thing: the only code that runs commands or opens files
    agent/       the resource agent ocf:snow:Xen; imports xlcfg alone
    xlcfg        what xl reads in a domain file
    model, errors

Imports point downwards only; tests/unit/test_layers.py holds the rule.
"""

__version__ = "0.1.0"
