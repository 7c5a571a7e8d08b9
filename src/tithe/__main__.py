"""`python -m tithe` is the command `tithe`, for launchers that start modules, such as `accelerate launch -m tithe`."""

from tithe.cli import main

if __name__ == "__main__":
    main()
