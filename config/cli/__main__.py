"""`python -m config.cli`: the command line, for processes that the supervisor starts."""

from config.cli import main

main()
