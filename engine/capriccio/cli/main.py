"""The command `capriccio`."""

import click

from .. import __version__
from .bench import bench
from .check import check
from .doctor import doctor
from .inspect import inspect
from .new import new
from .options import PluginGroup
from .parts import parts
from .plugins import plugins
from .remote import midi, osc
from .replay import replay
from .run import demo, run
from .train import train


@click.group(
    cls=PluginGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="With --help after its name, a command lists its options, and examples.",
)
@click.version_option(__version__, prog_name="capriccio")
def main() -> None:
    """Play neural networks as instruments: pictures and music on one clock.

    \b
    Start here:
      capriccio demo                     watch and hear five pieces, 12 s each
      capriccio new sketch mine          write mine.py, a sketch of your own to change
      capriccio run mine.py              play it; Esc or Ctrl-C ends it
      capriccio run mine.py --offline --seconds 20 --to video:mine.mp4
      capriccio parts                    list the parts that a sketch can use
      capriccio parts gan                list the knobs and models of one
      capriccio plugins                  list the plugins, and what did not load
      capriccio doctor                   check this machine, and what to install
    """


COMMANDS = (run, demo, replay, inspect, midi, osc, new, parts, plugins, check, bench, train, doctor)
for _command in COMMANDS:
    main.add_command(_command)
