"""Codes of what is so in a cluster that runs, or is left over in its configuration."""

from __future__ import annotations

from snow_ha_plugin.core.codes.entry import Entry
from snow_ha_plugin.model import Severity

ENTRIES = (
    Entry(
        "no-quorum", Severity.ERROR, "The cluster has no quorum",
        "This server does not see most of the others. Pacemaker starts nothing here and stops what runs, since the"
        " others may run it.",
        "Look whether the others run and the network between them is whole; start them with snow ha start. After a"
        " power loss, with the others off for certain: snow ha start --alone.",
        ("snow ha start", "corosync-quorumtool"), may_run_twice=True,
    ),
    Entry(
        "maintenance", Severity.ERROR, "The cluster is in maintenance mode",
        "Pacemaker looks after nothing: what fails stays down, also when a whole server fails. A snow ha verb that was"
        " killed half-way can leave it so, or somebody has set it by hand.",
        "Of a verb that was killed: snow ha enable, which starts the cluster on all servers before it ends it. Set by"
        " hand: once the work is done and Pacemaker runs on all servers, crm configure property maintenance-mode=false;"
        " what runs on a server without Pacemaker the others would start a second time.",
    ),
    Entry(
        "cluster-down", Severity.ERROR, "The cluster does not run on this server",
        "Pacemaker or corosync does not run here, so this server takes no domains and cannot say what the others do.",
        "snow ha start; if it ends at once, journalctl -u corosync -u pacemaker says why.",
        ("snow ha start",),
    ),
    Entry(
        "server-unclean", Severity.ERROR, "A server is to be fenced, and was not yet",
        "The others have lost a server, or something on it did not stop, and they could not make sure that it is dead."
        " It may still run its domains, so Pacemaker starts them nowhere else.",
        "snow ha fencing status shows whether fencing works. One that is lost: look at its console or BMC; once it is"
        " off for certain: snow ha confirm-off SERVER. One that is in the cluster: mend what has failed there, then"
        " crm resource cleanup NAME. Start none of its domains by hand before.",
        ("snow ha confirm-off", "snow ha fencing status"), may_run_twice=True,
    ),
    Entry(
        "server-offline", Severity.ERROR, "A server is not in the cluster",
        "It is off, was fenced, or its cluster was stopped: servers do not join by themselves after a boot. Its domains"
        " run on the others where there is room, and no further server may fail.",
        "Find out why it went (its console, its log), power it on, then snow ha start SERVER.",
        ("snow ha start",),
    ),
    Entry(
        "server-standby", Severity.WARNING, "A server is in standby",
        "It was drained, and takes no domains until it is given back.",
        "When the work on it is done: snow ha undrain SERVER.",
        ("snow ha drain", "snow ha undrain"),
    ),
    Entry(
        "server-maintenance", Severity.WARNING, "A server is in maintenance",
        "Somebody has told Pacemaker to keep its hands off everything on that server: its domains run on, and nobody"
        " looks after them. If it is lost, they are started elsewhere within two minutes of its fencing.",
        "When the work on it is done: crm node ready SERVER.",
    ),
    Entry(
        "server-leaving", Severity.WARNING, "A server is on its way out of the cluster",
        "Its cluster is being stopped, and its domains migrate away.",
        "Wait; if it lasts, see its journal for what does not stop.",
    ),
    Entry(
        "server-sick", Severity.WARNING, "A server's health is not green",
        "An agent of health has found trouble on it, such as a disk that is full or about to fail.",
        "crm_mon --show-node-attributes names the attribute (#health-...); mend what it is about.",
    ),
    Entry(
        "running-twice", Severity.ERROR, "A domain runs on two servers",
        "Two copies of a domain write to one image, which destroys it; each minute makes it worse. The rest of a slow"
        " migration looks the same for a moment.",
        "Look at both with xl list. If no migration is under way, decide which one is right, and xl destroy DOMAIN on"
        " the other server; then check the file system in the domain.",
        ("xl list", "snow ha status DOMAIN"), may_run_twice=True,
    ),
    Entry(
        "ran-twice", Severity.ERROR, "A domain has run on two servers",
        "Two servers that did not see each other both ran it for a while, without fencing between them, and wrote to"
        " one image. Pacemaker has stopped both and started one. What the file system in it has lost nobody knows.",
        "Check the file systems in the domain, or put its image back from before that time; then acknowledge it:"
        " snow ha accept ran-twice DOMAIN. Set up fencing: snow ha fencing set-up.",
        ("snow ha history DOMAIN", "snow ha accept"),
    ),
    Entry(
        "resource-failed", Severity.ERROR, "Something has failed, and Pacemaker has given up on it",
        "A stop has failed, or starts have failed too often. Pacemaker leaves it as it is, since to go"
        " on could run it twice.",
        "Mend what the reason names, look with xl list where it runs, then crm resource cleanup NAME.",
        ("snow ha status DOMAIN", "crm_mon"),
    ),
    Entry(
        "migration-failed", Severity.WARNING, "A domain could not be migrated, and runs where it was",
        "Its live migration has failed three times. Until the failure-timeout of ten minutes is over, when Pacemaker"
        " tries again, it looks after the domain no more: one that crashed would stay down.",
        "Mend what the reason names; snow ha release DOMAIN has it tried again at once, or lets it stay where it is if"
        " its server serves again.",
        ("snow ha release", "snow ha status DOMAIN"),
    ),
    Entry(
        "domain-down", Severity.ERROR, "A domain should run and does not",
        "Its start has failed, or Pacemaker finds no server for it: rules, sizes or failures are in the way. While"
        " Pacemaker is about to start it, as after a power loss, it is a warning alone.",
        "snow ha status DOMAIN tells what each server says. Mend that, then crm resource cleanup DOMAIN; one that shall"
        " not run: snow shutdown DOMAIN.",
        ("snow ha status DOMAIN", "snow boot"),
    ),
    Entry(
        "restarted", Severity.INFO, "A domain has failed and was restarted",
        "It had crashed or ended by itself, or what its guest is watched by (snow ha add --watch) had failed twice in a"
        " row. Pacemaker has started it again. The note goes with the failure-timeout of ten minutes.",
        "Nothing needs to be done if it was once; snow ha history DOMAIN shows whether it comes again and again.",
        ("snow ha history", "snow ha add"),
    ),
    Entry(
        "degraded", Severity.WARNING, "A domain runs, and its guest does not do its work",
        "What its guest is watched by (snow ha add --watch) goes on failing, also after three restarts in a row."
        " Pacemaker leaves the domain running and restarts it for that no more, until its guest has answered once.",
        "Mend the guest, or what it is watched by; snow ha add DOMAIN --watch none ends that.",
        ("snow ha add", "snow ha history DOMAIN"),
    ),
    Entry(
        "failed-there", Severity.WARNING, "A server may not have a domain, since it failed there",
        "After a failed start, or as many failures as its migration-threshold allows, Pacemaker keeps a domain off that"
        " server until somebody says that it is mended, or its failure-timeout is over.",
        "Mend it, then crm resource cleanup DOMAIN SERVER.",
    ),
    Entry(
        "held", Severity.WARNING, "Pacemaker keeps its hands off a domain",
        "Somebody works on it by hand (snow ha hold): it is neither started, stopped nor moved, whatever happens.",
        "When the work is done: snow ha release DOMAIN. Where its group, its template or rsc_defaults has"
        " is-managed=false: take that out.",
        ("snow ha hold", "snow ha release"),
    ),
    Entry(
        "orphan", Severity.WARNING, "Something is remembered that is configured no more",
        "A resource was deleted while it ran, or on a server that was away.",
        "crm_resource --refresh --resource NAME --force.",
    ),
    Entry(
        "stale-node", Severity.WARNING, "A server stands twice in the configuration",
        "It had another id once, and that entry stayed.",
        "Delete the old entry with the command that the finding shows.", is_safe=True,
    ),
    Entry(
        "server-left", Severity.ERROR, "A server that has left still counts",
        "SNOW_NODES has it no more, but Pacemaker's configuration: status calls it offline, and N+1 counts with it.",
        "snow ha enable has Pacemaker forget it, unless it was lost without being fenced.",
        ("snow ha enable",),
    ),
    Entry(
        "no-quorum-ignored", Severity.WARNING, "The cluster goes on without quorum",
        "no-quorum-policy=ignore lets a server that is cut off run every domain once more.",
        "crm configure property no-quorum-policy=stop.",
    ),
    Entry(
        "cli-constraint", Severity.WARNING, "A rule is left over from a move by hand",
        "crm resource move, ban or crm_resource --move write a rule that stays, and that keeps a domain on a server or"
        " off it.",
        "crm resource clear DOMAIN; a ban may be meant, a rule of a move (cli-prefer-) is never needed any more. Use"
        " snow ha move, which leaves no rule behind.",
        ("snow ha move",), is_safe=True,
    ),
    Entry(
        "foreign-constraint", Severity.INFO, "A rule was written by hand",
        "snow-ha respects it and never deletes it.",
        "Nothing needs to be done.",
    ),
    Entry(
        "foreign-domain", Severity.INFO, "A domain was registered by hand",
        "Its primitive has another agent than ocf:snow:Xen. snow-ha leaves it as it is.",
        "Nothing needs to be done; snow ha sync --replace-agents has it run by ours, without a restart.",
        ("snow ha sync",),
    ),
)  # fmt: skip
