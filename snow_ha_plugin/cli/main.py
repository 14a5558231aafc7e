"""The entry point: finds the verb, and turns every expected error into one line and its exit status."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from snow_ha_plugin import __version__, plugin, plugins
from snow_ha_plugin.cli import interruption, options, output
from snow_ha_plugin.cli.verbs import Verbs
from snow_ha_plugin.errors import SnowHaError, UsageError

# sysexits(3), EX_SOFTWARE
DEFECT = 70

log = logging.getLogger(__name__)


# Without a verb click 8.1 shows the help, and 8.2 calls it an error of many lines.
@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, prog_name="snow-ha", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show every command that is run.")
@options.cib_file
@click.pass_context
def group(context: click.Context, debug: bool, cib_path: Path | None) -> None:
    """Keep the Xen domains of an sNow! cluster highly available.

    `snow ha VERB` and `snow-ha VERB` are the same program.
    """
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="[D] %(message)s")
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    elif cib_path and all(option.name != "cib_path" for option in group.commands[context.invoked_subcommand].params):
        raise click.UsageError(f"{context.invoked_subcommand} is about the running cluster, it takes no --cib")


def main() -> None:
    # The host exports the LANG of snow.conf, often one whose character set lacks what a table is drawn with.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    interruption.listen()
    manager = plugins.load(plugin, lambda name, error: output.warning(f"the plugin {name} cannot be loaded: {error}"))
    for name, failure in plugins.fire(manager, "snow_ha_commands", group=group):
        output.warning(f"the verbs of the plugin {name} are missing: {failure}")
    try:
        sys.exit(group(prog_name="snow-ha", standalone_mode=False, obj=manager) or 0)
    except SnowHaError as error:
        for each in (*error.others, error):
            output.error(str(each))
        sys.exit(error.exit_code)
    except click.UsageError as error:
        verb = error.ctx.command_path if error.ctx else "snow-ha"
        output.error(f"{error.format_message().rstrip('.')}; see {verb} --help")
        sys.exit(UsageError.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        sys.exit(interruption.tell(error))
    except Exception as error:
        log.debug("the trace:", exc_info=True)
        what = " ".join(f"{type(error).__name__}: {error}".split())
        output.error(f"{what}; this is a defect of snow-ha; please report what snow-ha --debug shows")
        sys.exit(DEFECT)


if __name__ == "__main__":
    main()
