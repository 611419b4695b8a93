"""``python -m thyrodata`` is the command line."""

from thyrodata.cli import main

if __name__ == "__main__":
    main()
