"""`python -m purrceptron` is the command `purr`."""

from .cli import main

if __name__ == "__main__":
    main()
