"""The command line as `python -m chatislav_source`."""

from chatislav_source.cli.commands import main

if __name__ == "__main__":
    main()
