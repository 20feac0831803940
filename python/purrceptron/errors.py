"""The library's own errors and a warning; a caller's other mistakes are `ValueError`, `TypeError` or `OSError`."""

__all__ = ["CheckpointError", "DataError", "DataWarning", "DivergedError", "ModelFileError", "told"]

_MOST_LETTERS = 300


def told(words: object) -> str:
    r"""What a file says, or an error about it, as a message may repeat it: short, and no terminal obeys it.

    Example:
        >>> told("two\nlines"), len(told("a" * 10**6))
        ('two\\nlines', 301)
    """
    text = str(words)
    plain = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[:_MOST_LETTERS])
    return plain + "…" * (len(text) > _MOST_LETTERS)


class CheckpointError(ValueError):
    """A training cannot go on from a checkpoint: it is of another training, and the message says what differs."""


class DataError(ValueError):
    """Data cannot be used: not an image, a wrong shape, a missing column, NaN, one class only."""


class DataWarning(UserWarning):
    """Data can be used, but something in it is wrong: equal photos with different labels."""


class ModelFileError(ValueError):
    """A model file cannot be read: truncated, foreign, damaged, or written by a newer version."""


class DivergedError(ArithmeticError):
    """Training left the finite numbers; the weights are those from before the call, or as a callback last saw them.

    Attributes:
        epoch: Epoch (from 0) in which the loss or a weight stopped being finite.
        loss: Last finite loss, or None when there was none.
        layer: The first layer whose outputs or weights are not finite, "layers.1"; None if it is the loss alone.
    """

    def __init__(self, message: str, epoch: int = 0, loss: float | None = None, layer: str | None = None) -> None:
        super().__init__(message, epoch, loss, layer)
        self.epoch = epoch
        self.loss = loss
        self.layer = layer

    def __str__(self) -> str:
        return str(self.args[0])
