"""``python -m bus.cli`` is the command ``chiikibus``."""

from bus.cli import main

main()
