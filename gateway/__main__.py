"""`python -m gateway` is `switchgear`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
