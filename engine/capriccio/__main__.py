"""`python -m capriccio`: the same as the command `capriccio`."""

from .cli.main import main

main()
