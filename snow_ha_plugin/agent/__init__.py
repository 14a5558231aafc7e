"""The resource agent ocf:snow:Xen, but for the quick look at a domain that runs: ocf/Xen has that, and comes here next.

    main          from the word that Pacemaker gives to what is done, and its exit status
    decisions     what each action does about what it finds: two tables, and nothing else decides
    domains       what `xl list` says of a domain; pure, as are the decisions
    watch         what the guest itself is asked
    monitor, lifecycle (start and stop), migration, validation: the actions
    recovery      after a migration that did not end well; progress: while it lasts; orphans: of killed agents
    host          the domain on one server, this one or another one over ssh
    domain_file   what the domain's file says, by xlcfg; naming: the name that the domain has here
    operation     parameters, times, exit statuses; process: programs and processes; metadata

Rules:
- Unknown is an error, never "not running": only a whole list of domains, without any instance of this one, is 7. One
  exception, in a probe: an incoming domain that a migration has left behind.
- Nothing is waited for without a deadline, and all deadlines lie inside the operation's own timeout. Storage that does
  not answer is asked by another process: nothing that runs is failed for it.
- A migration that did not end well leaves at most one instance that can run, and one wherever one is whole.
- All that an action needs of these files is imported before it begins: an upgrade may replace them while it lasts.
- A probe runs for every domain on every server. Nothing is imported for it that costs milliseconds: no re, dataclasses,
  enum, typing.

Facts about xl are from observation of Xen 4.17 and from tools/xl of its source. An instance of a domain is one of the
forms in which xl lists it: under its own name, as `NAME--incoming` while a migration brings it in, as
`NAME--migratedaway` once its migration's target has it, or nameless while it is being taken down.
"""
