"""`python -m capriccio`: the same as the command `capriccio`."""

from .cli import main

main()
