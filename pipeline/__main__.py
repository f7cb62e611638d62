"""`python -m pipeline` is `stackyard`."""

from pipeline.cli import main

main()
