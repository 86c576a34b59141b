"""`python -m kaproom` is the `kaproom` command."""

from kaproom.cli import main

if __name__ == "__main__":
    main()
