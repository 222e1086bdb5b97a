"""`python -m simulcast.cli`: the command line, where the command `simulcast` is not on the PATH."""

from simulcast.cli import main

main()
