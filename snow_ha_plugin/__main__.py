"""The program: `snow-ha`, and `python3 -m snow_ha_plugin`."""

import gc


def main() -> None:
    # What is loaded is no garbage: to look for some meanwhile is a tenth of a start (measured, python 3.11).
    gc.disable()
    from snow_ha_plugin.cli.main import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
