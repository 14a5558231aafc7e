"""What somebody met who typed these the first time, and the tests that hold what is expected there now.

A captured screen of tests/data/screens is named `screen NAME`, any other test by its file and name.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.cli.test_screens import CASES

TESTS = Path(__file__).parents[2]

MEETINGS: dict[str, tuple[str, ...]] = {
    "status on a fresh machine": (
        "screen not-enabled",
        "unit/cli/test_history.py test_without_pacemaker_status_tells_what_runs_here_by_xl",
    ),
    "snow ha before the hook is in": ("unit/cli/test_output.py test_commands_are_told_as_they_work_now",),
    "check on a fresh machine": (
        "unit/guide/test_check.py test_the_screen_has_what_is_wrong_last_and_a_summary",
        "unit/guide/test_check.py test_before_enable_what_it_mends_is_no_error",
    ),
    "enable": (
        "unit/guide/test_guide_run.py test_who_is_taken_over_and_who_is_started_is_told_first",
        "unit/cli/test_enable.py test_it_ends_with_the_verdict_and_the_next_steps",
    ),
    "a snow.conf that is wrong": (
        "unit/cli/test_bad_input.py test_a_snow_conf_that_will_not_do",
        "unit/system/test_snowtools.py test_a_name_without_an_address_is_told_in_words",
    ),
    "snow deploy web01": ("unit/test_plugin.py test_a_deployed_domain_is_said_to_be_protected",),
    "snow shutdown, boot, destroy": (
        "unit/operations/test_domain_actions.py test_a_shutdown_is_pacemakers_and_waited_for",
        "unit/operations/test_domain_actions.py test_a_destruction_reaches_the_server_where_the_domain_runs",
        "unit/operations/test_domain_actions.py test_a_boot_that_fails_says_why_for_each_server",
    ),
    "snow deploy web01 force without Pacemaker": (
        "unit/operations/test_host_events.py test_a_held_domain_is_refused_before_the_host_asks",
        "unit/operations/test_host_events.py test_where_pacemaker_does_not_answer_the_host_must_not_go_on",
    ),
    "move, and again to where it is": (
        "cluster/test_moves.py test_a_domain_moves_live_and_no_rule_stays",
        "unit/cli/test_status.py test_a_migration_is_shown_with_how_far_it_is",
    ),
    "move during a move": ("unit/cli/test_interruption.py test_a_domain_that_waits_is_told_for_whom_and_how_long",),
    "move that fails": (
        "cluster/test_moves.py test_a_move_that_fails_says_so_and_the_domain_runs_on",
        "unit/cli/test_history.py test_a_domains_week_is_one_screen",
        "screen migration-failed",
    ),
    "drain of which migrations fail": (
        "cluster/test_moves.py test_a_drain_that_fails_gives_the_server_back_and_its_domain_runs_on",
        "unit/core/test_hindrance.py test_a_reason_is_told_once_with_all_its_domains",
    ),
    "drain, what-if": ("screen what-if", "screen what-if-each", "screen degraded", "screen server"),
    "undrain": ("unit/cli/test_what_if.py test_undrain_says_that_what_left_stays_away",),
    "a server loses its power": ("screen lost", "screen lost-server", "screen unclean"),
    "a server is back": (
        "screen lost",
        "unit/operations/test_joining.py test_servers_without_pacemaker_are_found_and_started",
    ),
    "Pacemaker stopped here": (
        "unit/cli/test_history.py test_without_pacemaker_status_tells_what_runs_here_by_xl",
        "unit/guide/test_check.py test_without_pacemaker_the_servers_are_looked_at",
    ),
    "standby, maintenance, a ban, unmanaged": (
        "screen degraded",
        "screen server-maintenance",
        "screen banned",
        "screen banned-domain",
        "screen unmanaged",
        "screen held",
        "unit/guide/test_check.py test_what_status_sees_check_shows_too",
    ),
    "maintenance mode, no quorum": (
        "screen maintenance",
        "screen no-quorum",
        "unit/core/test_hindrance.py test_maintenance_mode_comes_before_all_else",
    ),
    "an image is missing, xl create fails, a stop hangs": (
        "screen broken",
        "unit/cli/test_status.py test_why_a_domain_is_down_is_told_in_its_agents_words",
        "unit/operations/test_domain_actions.py test_a_stop_that_hangs_ends_at_its_deadline",
    ),
    "status in a file, cron, NO_COLOR, LANG=C": (
        "screen healthy",
        "screen healthy-x",
        "screen nagios",
        "screen balance",
        "unit/cli/test_output.py test_no_color_means_none_also_in_errors",
        "unit/cli/test_screens.py test_a_serial_console_can_show_it",
        "unit/cli/test_status.py test_the_word_and_the_exit_status",
    ),
    "completion, --help": (
        "packaging/test_completion.py test_domains_where_a_verb_takes_one",
        "unit/cli/test_verbs.py test_the_help_has_an_example_that_can_be_typed",
    ),
    "not root, no file, a directory, no XML, an option without its value": (
        "unit/cli/test_bad_input.py test_a_live_cluster_needs_root",
        "unit/cli/test_bad_input.py test_a_cib_that_is_not_there",
        "unit/cli/test_bad_input.py test_a_cib_that_is_cut_short_or_invalid",
        "unit/cli/test_bad_input.py test_a_command_line_that_makes_no_sense",
    ),
    "disable, enable again": (
        "unit/cli/test_enable.py test_disable_asks_and_takes_nothing_for_yes",
        "unit/core/test_kept.py test_disable_keeps_them",
        "unit/core/test_kept.py test_they_come_back_as_they_were",
    ),
}


@pytest.mark.parametrize("meeting", MEETINGS)
def test_what_is_expected_has_its_tests(meeting: str) -> None:
    for named in MEETINGS[meeting]:
        where, name = named.split()
        if where == "screen":
            assert name in CASES
        else:
            assert re.search(rf"def {name}\(", (TESTS / where).read_text()), named
