"""The command `capriccio`."""

import click

from .. import __version__
from .bench import bench
from .doctor import doctor
from .inspect import inspect
from .new import new
from .options import PluginGroup
from .parts import parts
from .remote import midi, osc
from .replay import replay
from .run import demo, run
from .train import train


@click.group(
    cls=PluginGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Plugins may bring more commands; `capriccio parts` names them.",
)
@click.version_option(__version__, prog_name="capriccio")
def main() -> None:
    """Play neural networks as instruments: pictures and music on one clock.

    \b
    A first evening:
      capriccio demo                     watch and hear the first piece
      capriccio new sketch mine          write mine.py, a piece to change
      capriccio run mine.py              play it; Esc or Ctrl-C ends
      capriccio run mine.py --offline --seconds 20 --to video:mine.mp4
      capriccio parts                    every part there is, and its knobs
      capriccio doctor                   what works on this machine, what to install
    """


for _command in (run, demo, replay, inspect, parts, bench, doctor, new, train, midi, osc):
    main.add_command(_command)
