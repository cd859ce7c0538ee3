"""Run the command: `python -m include.commands`, or ./driftgate."""

from include.commands.app import main

main()
