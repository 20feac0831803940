"""`PhotoClassifier`, and its two-class form `CatClassifier`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Self, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array, ClassWeight
from .._spec import MOST_SEED, check_whole
from ..assessment.calibration import scale_probabilities
from ..assessment.conformal import prediction_sets
from ..augmentation import Augmentation, as_augmentation
from ..callbacks import Callback
from ..checkpoints import Checkpoint
from ..errors import DataError
from ..images.features import Features, picture_features
from ..images.reading import Color, Fit, channels_of, check_image_options
from ..many import fit_many
from ..metrics import accuracy
from ..model import Sequential
from ..optimizers import Optimizer, as_optimizer
from ..trainer import History
from .calibration import Calibration, calibration_of
from .classes import Classes, Indices
from .curves import Curves, thinned_curves
from .network import input_shape, photo_layers
from .novelty import FirstLayer, Novelty
from .pictures import Pictures, as_pictures, data_hash, pack_hashes, photo_hashes

__all__ = ["NOT_SURE", "CatClassifier", "PhotoClassifier", "TrainingSummary"]

NOT_SURE = "not sure"
"""What `predict(..., abstain=...)` answers where it leaves the class open; among numbers it is -1."""


class TrainingSummary(TypedDict):
    """What a classifier was trained on, and how it went; it stands in the model file."""

    photos: list[int]
    epochs: int
    first_cost: float | None
    last_cost: float | None
    accuracy: float
    data_sha256: str
    photo_hashes: str
    curves: Curves


class PhotoClassifier:
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
            their probabilities are averaged. A model file holds one network: an ensemble can be pickled, but not saved.
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

    _positive: str | None = None

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

    models_: tuple[Sequential, ...]
    history_: History
    training_: TrainingSummary
    calibration_: Calibration | None = None
    _classes: Classes
    _novelty: Novelty | None = None  # as of files from before it was known

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

        Raises:
            DataError: There are no photos, or of one class only; a label is no class; a pixel is no number 0 to 255; a
                file is no image.
            ValueError: Shapes or settings do not fit.
            DivergedError: The cost is no longer finite. What was learnt before this call stays.
            KeyboardInterrupt: The weights of the last epoch are kept; of an ensemble, what was learnt before.
        """
        check_image_options(self.image_size, self.color, self.image_fit)
        if self.features != "pixels" and as_augmentation(self.augmentation):
            raise ValueError(f"augmentation changes pixels, but features is {self.features!r}")
        classes = Classes.learn(labels, class_names, self._positive)
        targets = classes.indices(labels)
        layers = photo_layers(
            self.network,
            image_size=self.image_size,
            channels=channels_of(self.color),
            classes=len(classes.names),
            kernel_initializer=self.kernel_initializer,
            features=self.features,
            l2=self.l2,
        )
        optimizer = as_optimizer(self.optimizer, learning_rate=self.learning_rate)
        shape = input_shape(self.features, self.image_size, channels_of(self.color))
        ensemble = check_whole("ensemble", self.ensemble, 1)
        if ensemble > 1 and callbacks:
            raise ValueError(f"callbacks watch one network, but ensemble is {ensemble}")
        if ensemble > 1 and checkpoint is not None:
            raise ValueError(f"checkpoint is for one network, but ensemble is {ensemble}")
        first = check_whole("seed", self.seed, 0, MOST_SEED + 1 - ensemble)
        models = tuple(Sequential(layers, input_shape=shape, seed=first + i) for i in range(ensemble))
        pictures = self._pictures(images, targets)
        if validation_data is not None:
            validation_targets = classes.indices(validation_data[1])
            validation_pictures = self._pictures(validation_data[0], validation_targets, "validation images")
            validation_data = picture_features(validation_pictures, self.features), validation_targets
        settings: dict[str, Any] = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": optimizer,
            "loss": "binary_cross_entropy" if models[0].outputs == 1 else "cross_entropy",
            "validation_data": validation_data,
            "class_weight": self.class_weight,
            "n_threads": self.n_threads,
            "solver": self.solver,
            "augmentation": self.augmentation,
            "mixup": self.mixup,
        }
        samples, answers = self._samples(pictures, targets)
        if ensemble > 1:
            histories = fit_many(models, samples, answers, **settings)
        else:
            try:
                settings |= {"callbacks": callbacks, "verbose": verbose, "checkpoint": checkpoint, "resume": resume}
                histories = [models[0].fit(samples, answers, **settings)]
            except KeyboardInterrupt:
                self._learnt(models, classes, pictures, targets, [])
                raise
        self._learnt(models, classes, pictures, targets, histories)
        return self

    def _learnt(
        self,
        models: tuple[Sequential, ...],
        classes: Classes,
        pictures: Array,
        targets: Indices,
        histories: list[History],
    ) -> None:
        self.models_, self._classes, self.calibration_ = models, classes, None
        if histories:
            self.history_ = histories[0]
        costs = [fmean(losses) for losses in zip(*(history.loss for history in histories), strict=True)]
        self.training_ = {
            "photos": np.bincount(targets, minlength=len(classes.names)).tolist(),
            "epochs": len(costs),
            "first_cost": costs[0] if costs else None,
            "last_cost": costs[-1] if costs else None,
            "accuracy": accuracy(targets, self._probabilities(pictures).argmax(axis=1)),
            "data_sha256": data_hash(pictures, targets),
            "photo_hashes": pack_hashes(photo_hashes(pictures)),
            "curves": thinned_curves(histories),
        }
        self._novelty = Novelty.learn(pictures, self._seen)

    @property
    def model_(self) -> Sequential:
        """The trained network; of an ensemble the first."""
        return self.models_[0]

    @property
    def classes_(self) -> Array:
        """The classes as `predict` answers them: names if `fit` knew names, else numbers."""
        return self._fitted().answers

    @property
    def class_names_(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        return self._fitted().names

    def calibrate(self, images: Pictures, labels: ArrayLike, *, folds: int | None = 5) -> Self:
        """Learn from photos that a network has not seen how far its probabilities can be trusted.

        Afterwards `predict_proba` gives calibrated probabilities (the most probable class stays what it is), and
        `predict(..., abstain=...)` may leave an answer open. A new `fit` forgets it.

        Args:
            images: The photos of `fit`: networks of the same settings are then trained on all folds but one, and asked
                about that one, without callbacks. This takes about `folds` trainings. Photos that show the same
                (`purr.datasets.near_duplicates`) are in one fold.
            labels: As for `fit`.
            folds: Parts of the photos, at least 2. None says that the photos are others than those of the training:
                the network itself is asked about them, and the coverage of its sets is a theorem.

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
        self.calibration_ = calibration_of(self, pictures, targets, folds)
        return self

    def predict(self, images: Pictures, *, abstain: float | None = None) -> Array:
        """Class of each photo, `(photos,)`.

        Names if the labels of `fit` were names or it was given `class_names`, else numbers as they were; of two classes
        1 is then the positive one.

        Args:
            images: As for `fit`.
            abstain: Share of each class's photos that may be given another class, at most, above 0 and below 1. A photo
                whose `prediction_sets` at a coverage of `1 - abstain` holds just one class is answered with that one;
                if several fit, or none does, the answer is left open: "not sure", or -1 among numbers.

        Raises:
            ValueError: Nothing was learnt yet; or `abstain` takes a calibration on more photos.
        """
        if abstain is None:
            answers: Array = self.classes_[self.predict_proba(images).argmax(axis=1)]
            return answers
        if isinstance(abstain, bool) or not 0 < abstain < 1:
            raise ValueError(f"abstain must be above 0 and below 1, got {abstain!r}")
        if NOT_SURE in self.class_names_:
            raise ValueError(f"a class is called {NOT_SURE!r}, which is what abstain answers")
        sets = self.prediction_sets(images, coverage=1 - abstain)
        open_answer = np.array([NOT_SURE if self._classes.answers_names else -1])
        return np.where(sets.sum(axis=1) == 1, self.classes_[sets.argmax(axis=1)], open_answer)

    def predict_proba(self, images: Pictures) -> Array:
        """Probability of each class, `(photos, classes)`, in the order of `classes_`; calibrated after `calibrate`."""
        self._fitted()
        return self._calibrated(
            self._probabilities(as_pictures(images, self.image_size, self.color, fit=self.image_fit))
        )

    def prediction_sets(self, images: Pictures, *, coverage: float = 0.9) -> NDArray[np.bool_]:
        """The classes that each photo may be of, `(photos, classes)`, in the order of `classes_`.

        Of the photos of each class at least the share `coverage` have their class in the set, whatever the shares of
        the classes are; `purrceptron.assessment.conformal` says when this holds. A set may hold several classes, or
        none, for a photo that is like none of them.

        Args:
            images: As for `fit`.
            coverage: Above 0 and below 1; each class takes `1 / (1 - coverage) - 1` calibration photos.

        Raises:
            ValueError: There was no `calibrate`, or it had too few photos of a class.
        """
        self._fitted()
        if self.calibration_ is None:
            raise ValueError(f"this {type(self).__name__} is not calibrated: call calibrate first")
        probabilities = self._probabilities(as_pictures(images, self.image_size, self.color, fit=self.image_fit))
        return prediction_sets(self.calibration_.scores, probabilities, coverage, class_names=self.class_names_)

    @property
    def knows_usual(self) -> bool:
        """Whether `novelty` can be asked: not of one trained on fewer than 20 photos, or by an early version."""
        self._fitted()
        return self._novelty is not None

    def novelty(self, images: Pictures) -> Array:
        """How unlike the training photos each photo is, `(photos,)`: up to 1 usual, above 1 not.

        The network answers whatever it is shown, and on what is nothing like its photos often with confidence. So two
        distances from the training photos are measured (Mahalanobis, with a shrunk covariance), in what the first dense
        layer makes of a photo, before its activation, and in plain numbers of its texture, for the layer is blind to
        most of a photo. Each is divided by the one that 2.5 % of the training photos exceed, and the larger counts: at
        most about 5 % of further photos of the same kind are above 1.

        On the course's photos 3 % of those held out are, and all of noise, blank pages, plain colours, checkerboards
        and pages of text; but of drawn cats a fifth, and of photos with inverted colours or upside down hardly any. A
        photo below 1 may still show something that no class is about.

        Args:
            images: As for `fit`.

        Raises:
            ValueError: Nothing was learnt yet, or not what is usual: from fewer than 20 photos or pictures smaller than
                4 pixels, or by a version that did not know of it.

        Example:
            >>> import numpy as np, purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(60, seed=0)
            >>> cats = purr.CatClassifier(epochs=20).fit(images, labels)
            >>> noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3))
            >>> bool(cats.novelty(noise)[0] > 1)
            True
        """
        self._fitted()
        if self._novelty is None:
            raise ValueError(
                f"this {type(self).__name__} does not know what is usual: it was trained on fewer than 20 photos, or "
                "by a version that did not measure it; train it again"
            )
        return self._novelty.of(as_pictures(images, self.image_size, self.color, fit=self.image_fit), self._seen)

    def _seen(self, pictures: Array) -> Array:
        """What the first dense layer makes of photos, before the activation."""
        return FirstLayer(self.models_)(picture_features(pictures, self.features))

    def score(self, images: Pictures, labels: ArrayLike) -> float:
        """Share of photos that are classified as labelled; labels as for `fit`."""
        targets = self._fitted().indices(labels)
        pictures = self._pictures(images, targets)
        return accuracy(targets, self._probabilities(pictures).argmax(axis=1))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file (.safetensors), whole or not at all; `purr.load` gives the classifier back.

        Raises:
            OSError: The file cannot be written; an older file of that name is then as it was.
            ValueError: Nothing was learnt yet; or this is an ensemble, and a model file holds one network.
        """
        from .notes import to_notes

        self._fitted()
        if len(self.models_) > 1:
            raise ValueError(
                f"a model file holds one network, but this {type(self).__name__} is an ensemble of "
                f"{len(self.models_)}: pickle it, or save its networks one by one (models_[0].save(...), ...)"
            )
        self.model_.save(path, notes=to_notes(self))

    @classmethod
    def _from_file(cls, model: Sequential, notes: Mapping[str, str], path: str | os.PathLike[str]) -> PhotoClassifier:
        from .notes import from_notes

        return from_notes(model, notes, path)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name, as they were given."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; they count from the next `fit`.

        Raises:
            ValueError: There is no such setting (lists those that there are).
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no setting {name!r}; it has {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn, which alone asks, may expect of it: pictures in, a class out."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_class=self._positive is None),
            input_tags=InputTags(two_d_array=False),
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it has learnt something."""
        return hasattr(self, "models_")

    def _fitted(self) -> Classes:
        if not hasattr(self, "models_"):
            raise ValueError(f"this {type(self).__name__} has learnt nothing yet: call fit first, or load a model file")
        return self._classes

    def _pictures(self, images: Pictures, targets: Indices, what: str = "images") -> Array:
        pictures = as_pictures(images, self.image_size, self.color, what, self.image_fit)
        if len(pictures) != len(targets):
            raise DataError(f"{what}: {len(pictures)} photos, but {len(targets)} labels; every photo needs one")
        return pictures

    def _samples(self, pictures: Array, targets: Indices) -> tuple[Array, Indices]:
        """What the networks learn from: the features of the photos, and then of their mirror images."""
        samples = picture_features(pictures, self.features)
        if not self.mirror:
            return samples, targets
        mirrored = picture_features(pictures, self.features, mirrored=True)
        return np.concatenate([samples, mirrored]), np.concatenate([targets, targets])

    def _probabilities(self, pictures: Array) -> Array:
        views = [picture_features(pictures, self.features, mirrored=m) for m in ((False, True)[: 1 + self.mirror])]
        each = [model.predict_proba(view, n_threads=self.n_threads) for model in self.models_ for view in views]
        probabilities = each[0] if len(each) == 1 else np.mean(each, axis=0)
        return probabilities if self.model_.outputs > 1 else np.hstack([1 - probabilities, probabilities])

    def _calibrated(self, probabilities: Array) -> Array:
        if self.calibration_ is None:
            return probabilities
        return scale_probabilities(probabilities, self.calibration_.temperature)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({settings})"

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
