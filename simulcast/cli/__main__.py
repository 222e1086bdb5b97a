"""`python -m simulcast.cli`: the command line where the command isn't on the PATH."""

from simulcast.cli import main

main()
