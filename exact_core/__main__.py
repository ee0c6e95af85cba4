"""Run the command line as ``python -m exact_core``."""

from exact_core.cli import main

if __name__ == "__main__":
    main()
