"""`CatClassifier`: the photo classifier of two classes."""

from __future__ import annotations

from collections.abc import Sequence

from .._arrays import ClassWeight
from ..augmentation import Augmentation
from ..images.features import Features
from ..images.reading import Color, Fit
from ..optimizers import Optimizer
from .classifier import PhotoClassifier

__all__ = ["CatClassifier"]


class CatClassifier(PhotoClassifier):
    """Learns to tell photos of a cat, or of whatever else, from others: two classes, and 1 is the cat.

    Args:
        network: Sizes up to the one output, "20-7-5-1", with the input's before them if you like; or as for
            `PhotoClassifier`.
        positive_class: Name of class 1. Labels that are names, or that count `class_names`, are put in that order.

    All else is as in `PhotoClassifier`.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(40, seed=0)
        >>> cats = purr.CatClassifier(network="12288-20-7-5-1", epochs=20, seed=0)
        >>> cats.fit(images, labels).predict_proba(images).shape
        (40, 2)
    """

    def __init__(
        self,
        network: str | Sequence[int] = "20-7-5-1",
        *,
        image_size: int = 64,
        color: Color = "rgb",
        positive_class: str = "cat",
        epochs: int = 2500,
        learning_rate: float = 0.0075,
        batch_size: int | None = None,
        optimizer: str | Optimizer = "sgd",
        kernel_initializer: str = "scaled_uniform",
        seed: int = 0,
        n_threads: int | None = None,
        solver: str = "auto",
        ensemble: int = 1,
        image_fit: Fit = "cover",
        features: Features = "pixels",
        mirror: bool = False,
        l2: float = 0.0,
        class_weight: ClassWeight | None = None,
        augmentation: Sequence[Augmentation] = (),
        mixup: float | None = None,
    ) -> None:
        super().__init__(
            network,
            image_size=image_size,
            color=color,
            epochs=epochs,
            learning_rate=learning_rate,
            batch_size=batch_size,
            optimizer=optimizer,
            kernel_initializer=kernel_initializer,
            seed=seed,
            n_threads=n_threads,
            solver=solver,
            ensemble=ensemble,
            image_fit=image_fit,
            features=features,
            mirror=mirror,
            l2=l2,
            class_weight=class_weight,
            augmentation=augmentation,
            mixup=mixup,
        )
        self.positive_class = positive_class

    @property
    def _positive(self) -> str:  # type: ignore[override]
        return self.positive_class
