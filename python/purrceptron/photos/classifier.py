"""`PhotoClassifier`: settings, training, files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

from numpy.typing import ArrayLike

from .. import _core
from .._arrays import Array, ClassWeight
from ..augmentation import Augmentation, as_augmentation
from ..callbacks import Callback
from ..checkpoints import Checkpoint
from ..images.decoding import Progress
from ..images.features import Features, picture_features
from ..images.reading import Color, Fit, check_image_options
from ..model import Sequential
from ..optimizers import Optimizer, as_optimizer
from ..trainer import History
from .answers import Answers
from .calibration import calibration_of
from .classes import Classes, Indices
from .estimator import Estimator
from .novelty import FirstLayer, Novelty
from .pictures import Pictures, warn_of_contradictions
from .training import TrainingSummary, new_networks, summary, train
from .views import photo_views

__all__ = ["PhotoClassifier", "learnt"]


class PhotoClassifier(Answers, Estimator):
    """Learns to tell classes of photos apart.

    Of two classes the network gives the probability of the second (one sigmoid output), of more a probability each
    (softmax). It is trained by full-batch gradient descent on all photos, if you do not say otherwise.

    Args:
        network: Hidden sizes, such as (20, 7, 5), the default; or a string of sizes up to the output, "20-7-5-3",
            with the input's before them if you like, "12288-20-7-5-3", and activations as in
            `Sequential.from_string`. Hidden layers have ReLU.
        image_size: Side in pixels to which photo files are scaled; arrays must have it.
        color: "rgb", or "grey" for one channel.
        epochs: Passes over the photos.
        learning_rate: Length of a step, if `optimizer` is a name.
        batch_size: Photos of one step, all by default.
        optimizer: "sgd" (gradient descent, the default), "adam", or an object such as `purr.SGD(0.01, momentum=0.9)`,
            whose own settings count.
        kernel_initializer: First values of the weights, see `purr.Dense`.
        seed: Seed of the first weights and of the order of batches.
        n_threads: Threads; left out, `PURRCEPTRON_NUM_THREADS`, else the cores, or fewer by `OMP_NUM_THREADS`. The
            result is the same bit for bit.
        solver: "auto", "direct" or "reduced", as in `Sequential.fit`.
        ensemble: Networks that are trained side by side, see `purr.fit_many`, with the seeds `seed`, `seed` + 1, ...;
            their probabilities are averaged.
        image_fit: How photo files are brought to a square: "cover" crops, "contain" adds black bars, "stretch" bends;
            see `purr.images.load_image`.
        features: What the network sees: "pixels"; "colors", a histogram of colours; or "histograms", of colours and of
            gradients, see `purrceptron.images.features`. Photos go in as ever.
        mirror: Whether to train on the photos and their mirror images, and to average the probabilities of both: a
            photo and its mirror image then have the same answer.
        l2: Weight decay of all kernels, see `purr.Dense`.
        class_weight: "balanced" lets every class count alike however many photos it has, which suits photos whose
            class shares may differ from those trained on; or as in `Sequential.fit`.

        augmentation: What is done to the photos of a training, anew in every epoch, such as
            `[purr.augmentation.Flip(), purr.augmentation.Rotate(15)]`; predictions see photos as they are.
        mixup: Blends the photos of each batch two by two, as in `Sequential.fit`; 0.2 is usual.

    Attributes:
        model_ (Sequential): The trained network; of an ensemble the first.
        models_ (tuple[Sequential, ...]): All of them.
        classes_ (Array): The classes as `predict` answers them, in the order of the outputs.
        class_names_ (tuple[str, ...]): Their names, in the same order.
        class_shares_ (tuple[float, ...]): Their shares in the training, each photo counted by the weight of its class.
        history_ (History): Cost after cost of the training, of an ensemble that of the first network; not there in a
            classifier that was loaded.
        training_ (TrainingSummary): What it was trained on: photos of each class, epochs, costs (means over an
            ensemble), accuracy on these photos, SHA-256 of the data, hashes of the photos, curves of the costs at up
            to 200 epochs.
        calibration_ (Calibration | None): What `calibrate` learnt, None before.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> colours = np.zeros((30, 8, 8, 3), dtype="uint8")
        >>> names = ["red", "green", "blue"] * 10
        >>> for photo, name in zip(colours, names):
        ...     photo[..., ["red", "green", "blue"].index(name)] = 200
        >>> classifier = purr.PhotoClassifier((8,), image_size=8, epochs=200, learning_rate=0.5)
        >>> classifier.fit(colours, names).predict(colours[:3]).tolist()
        ['red', 'green', 'blue']
    """

    def __init__(
        self,
        network: str | Sequence[int] = (20, 7, 5),
        *,
        image_size: int = 64,
        color: Color = "rgb",
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
        self.network = network
        self.image_size = image_size
        self.color: Color = color
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.kernel_initializer = kernel_initializer
        self.seed = seed
        self.n_threads = n_threads
        self.solver = solver
        self.ensemble = ensemble
        self.image_fit: Fit = image_fit
        self.features: Features = features
        self.mirror = mirror
        self.l2 = l2
        self.class_weight = class_weight
        self.augmentation = augmentation
        self.mixup = mixup

    history_: History
    training_: TrainingSummary

    def fit(
        self,
        images: Pictures,
        labels: ArrayLike,
        *,
        class_names: Sequence[str] | None = None,
        validation_data: tuple[Pictures, ArrayLike] | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: int = 0,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Train a new network.

        Args:
            images: Photos `(photos, image_size, image_size, channels)`, bytes or floats 0..255, or rows of so many
                pixels; or paths of photo files.
            labels: Class of each photo `(photos,)`: its name, or a number from 0.
            class_names: Names of the classes 0, 1, ..., such as a folder's. Predictions are then names.
            validation_data: `(images, labels)` to evaluate after every epoch, for the history and callbacks.
            callbacks: Called after epochs, see `purrceptron.callbacks`; not for an ensemble.
            verbose: 1 shows a progress bar; an ensemble has none.
            checkpoint: Where the training leaves checkpoints, as in `Sequential.fit`; not for an ensemble.
            resume: Whether to go on from the last checkpoint there.
            progress: Called with the number of photos and mirror images whose features are known, and of all; not
                if these are the pixels.

        Warns:
            DataWarning: Equal photos have different labels.

        Raises:
            DataError: There are no photos, or of one class only; a label is no class; a pixel is no number 0 to 255; a
                file is no image.
            ValueError: Shapes or settings do not fit.
            DivergedError: The cost is no longer finite. What was learnt before this call stays.
            KeyboardInterrupt: The weights of the last epoch are kept; of an ensemble, what was learnt before. Once
                the training is whole, all that was learnt is.
        """
        check_image_options(self.image_size, self.color, self.image_fit)
        if self.features != "pixels" and as_augmentation(self.augmentation):
            raise ValueError(f"augmentation changes pixels, but features is {self.features!r}")
        classes = Classes.learn(labels, class_names, self._positive)
        targets = classes.indices(labels)
        models = new_networks(self, len(classes.names))
        as_optimizer(self.optimizer, learning_rate=self.learning_rate)  # refuses before photos are read
        if len(models) > 1 and callbacks:
            raise ValueError(f"callbacks watch one network, but ensemble is {len(models)}")
        if len(models) > 1 and checkpoint is not None:
            raise ValueError(f"checkpoint is for one network, but ensemble is {len(models)}")
        pictures = self._pictures(images, targets)
        warn_of_contradictions(pictures, targets, classes.names)
        if validation_data is not None:
            validation_targets = classes.indices(validation_data[1])
            validation_pictures = self._pictures(validation_data[0], validation_targets, "validation images")
            validation_data = picture_features(validation_pictures, self.features), validation_targets
        views = photo_views(pictures, self.features, self.mirror, progress)
        try:
            histories = train(
                self,
                models,
                views,
                targets,
                validation_data=validation_data,
                callbacks=callbacks,
                verbose=verbose,
                checkpoint=checkpoint,
                resume=resume,
            )
        except KeyboardInterrupt:
            if len(models) == 1:
                self._learnt(models, classes, pictures, views, targets, [])
            raise
        try:
            self._learnt(models, classes, pictures, views, targets, histories)
        except KeyboardInterrupt:
            self._learnt(models, classes, pictures, views, targets, histories)
            raise
        return self

    def _learnt(
        self,
        models: tuple[Sequential, ...],
        classes: Classes,
        pictures: Array,
        views: Array,
        targets: Indices,
        histories: list[History],
    ) -> None:
        self.models_, self._classes, self.calibration_ = models, classes, None
        if histories:
            self.history_ = histories[0]
        self.training_ = summary(self, models, pictures, views, targets, histories)
        self._novelty = Novelty.learn(pictures, views[0], FirstLayer(models))

    def calibrate(
        self,
        images: Pictures,
        labels: ArrayLike,
        *,
        folds: int | None = 5,
        progress: Progress | None = None,
    ) -> Self:
        """Learn from photos that a network has not seen how far its probabilities can be trusted.

        Afterwards `predict_proba` gives calibrated probabilities, for `class_shares_` whatever shares the classes have
        among these photos (the most probable class stays what it is), and `predict(..., abstain=...)` may leave an
        answer open. A new `fit` forgets it.

        Args:
            images: The photos of `fit`: networks of the same settings are then trained on all folds but one, and asked
                about that one, without callbacks. This takes about `folds` trainings. Photos that show the same
                (`purr.datasets.near_duplicates`) are in one fold.
            labels: As for `fit`.
            folds: Parts of the photos, at least 2. None says that the photos are others than those of the training:
                the network itself is asked about them, and the coverage of its sets is a theorem.
            progress: Called with the number of folds done, and of all.

        Raises:
            DataError: There are no two different photos of each class; or with folds the photos are not those of the
                training, or without folds some of them are.
            DivergedError: The cost of a fold is no longer finite; nothing is changed then.

        Example:
            >>> import purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(60, seed=0)
            >>> cats = purr.CatClassifier((4,), epochs=20).fit(images, labels).calibrate(images, labels)
            >>> cats.calibration_.folds, cats.prediction_sets(images, coverage=0.9).shape
            (5, (60, 2))
        """
        targets = self._fitted().indices(labels)
        pictures = self._pictures(images, targets)
        self.calibration_ = calibration_of(self, pictures, targets, folds, progress)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file (.safetensors), whole or not at all; `purr.load` gives the classifier back.

        Raises:
            OSError: The file cannot be written; an older file of that name is then as it was.
            ValueError: Nothing was learnt yet; or this is an ensemble of more networks than a file describes, some
                hundred of a few layers.
        """
        from .notes import to_notes

        self._fitted()
        _core.save([model._built() for model in self.models_], os.fspath(path), to_notes(self))

    @classmethod
    def _from_file(
        cls, models: tuple[Sequential, ...], notes: Mapping[str, str], path: str | os.PathLike[str]
    ) -> PhotoClassifier:
        from .notes import from_notes

        return from_notes(models, notes, path)

    def __eq__(self, other: object) -> bool:
        """Equal settings (threads aside, which change nothing) and equal networks."""
        if not isinstance(other, PhotoClassifier) or type(self) is not type(other):
            return NotImplemented
        return self._state() == other._state()

    __hash__ = None  # type: ignore[assignment]  # it learns

    def _state(self) -> list[Any]:
        settings = self.get_params() | {"n_threads": None}
        if not isinstance(self.network, str):
            settings["network"] = tuple(self.network)
        settings["augmentation"] = as_augmentation(self.augmentation)
        return [settings, *(getattr(self, name, None) for name in ("_classes", "training_", "models_", "calibration_"))]


def learnt(classifier: object) -> PhotoClassifier:
    """A classifier that has learnt, as one who asks it takes it.

    Raises:
        TypeError: It is none.
        ValueError: It has learnt nothing yet.
    """
    if not isinstance(classifier, PhotoClassifier):
        raise TypeError(f"expected a PhotoClassifier or CatClassifier, got {classifier!r:.80}")
    classifier._fitted()
    return classifier
