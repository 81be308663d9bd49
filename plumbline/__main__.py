"""`python -m plumbline` is `plumbline`."""

from plumbline.cli import main

main()
