"""Maps of relevance: gradient times input, and occlusion."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from .._spec import check_whole
from ..images.reading import PathLike, channels_of
from ..photos import PhotoClassifier
from ..photos.classifier import learnt
from ..photos.parts import logit_network
from ..photos.pictures import as_pictures

__all__ = ["gradient_times_input", "occlusion"]

Map = NDArray[np.float64]

# Bytes of the covered copies of a photo that are there at a time.
_AT_A_TIME = 2**26


def gradient_times_input(
    classifier: PhotoClassifier, image: ArrayLike | PathLike, target: str | int | None = None
) -> Map:
    """How much each pixel adds to the logit of a class, by the slope: `Σ_c x_c ∂z/∂x_c` over the channels `c`.

    The logit `z` is the network's output before sigmoid or softmax; of two classes, which share one output, it is that
    output for the second class and its negative for the first. Of an ensemble it is the mean of the members' logits.
    All is computed in float64.

    For a network that is linear in its pixels the map sums to the logit less its bias; ReLU makes it so around each
    photo. A black pixel gets 0 whatever it means, for what is multiplied is how far it is from black. (Simonyan et al.,
    2014, arXiv:1312.6034, for the gradient; Shrikumar et al., 2016, arXiv:1605.01713, for the product.)

    Args:
        classifier: A classifier that has learnt.
        image: One photo, `(image_size, image_size, channels)` of 0..255, or the path of a file.
        target: The class that the map speaks of: a name, or its place in the order of the outputs. Left out, the one
            that the classifier answers.

    Returns:
        `(height, width)`: above 0 where a pixel speaks for the class, below where against it.

    Raises:
        ValueError: It has learnt nothing; there is no such class; the photo has another shape; or the network reads
            features of photos, not their pixels.
        DataError: The file is no image, or a pixel is no number 0 to 255.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(40, seed=0)
        >>> cats = purr.CatClassifier(epochs=20).fit(images, labels)
        >>> purr.explanation.gradient_times_input(cats, images[0], "cat").shape
        (64, 64)
    """
    picture = one_picture(classifier, image)
    if not reads_pixels(classifier):
        raise ValueError("this network reads features of the photo, so there is no gradient of pixels: use occlusion")
    place = target_place(classifier, picture, target)
    maps = []
    for model in classifier.models_:
        network = logit_network(model)
        dout = np.zeros((1, network.outputs))
        dout[0, place if network.outputs > 1 else 0] = 1 if network.outputs > 1 or place == 1 else -1
        _, gradient = network.backward(picture, dout, n_threads=classifier.n_threads)
        maps.append((gradient[0] * picture[0]).sum(axis=-1))
    return np.asarray(np.mean(maps, axis=0), np.float64)


def occlusion(
    classifier: PhotoClassifier,
    image: ArrayLike | PathLike,
    target: str | int | None = None,
    patch: int | None = None,
    stride: int | None = None,
) -> Map:
    """How much the probability of a class falls when a part of the photo is covered.

    A square of the photo's mean colour is laid over every place in turn, and the classifier is asked again. A pixel
    gets the mean fall over all squares that cover it. Only answers are needed, so it works for any network. (Zeiler and
    Fergus, 2014, arXiv:1311.2901.)

    Args:
        classifier: As of `gradient_times_input`.
        image: As of `gradient_times_input`.
        target: As of `gradient_times_input`.
        patch: Side of the square in pixels, at most that of the photo; left out, an eighth of it: 8 of 64.
        stride: Pixels from one square to the next, at most `patch`, so that none is left out; left out, half of it. The
            last square of a row or column ends at the border.

    Returns:
        `(height, width)`, from -1 to 1: above 0 where covering makes the class less probable, so where the photo
        speaks for it.

    Raises:
        ValueError: As of `gradient_times_input`; or a size is out of its range.
        DataError: As of `gradient_times_input`.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(40, seed=0)
        >>> cats = purr.CatClassifier(epochs=20).fit(images, labels)
        >>> purr.explanation.occlusion(cats, images[0], "cat", patch=16, stride=16).shape
        (64, 64)
    """
    picture = one_picture(classifier, image)
    size = picture.shape[1]
    patch = max(1, round(size / 8)) if patch is None else check_whole("patch", patch, 1, size)
    stride = max(1, patch // 2) if stride is None else check_whole("stride", stride, 1, patch)
    place = target_place(classifier, picture, target)
    starts = sorted({*range(0, size - patch + 1, stride), size - patch})
    corners = [(top, left) for top in starts for left in starts]
    colour = picture[0].mean(axis=(0, 1))
    fill = colour.round() if picture.dtype == np.uint8 else colour  # bytes stay bytes

    def covered(some: list[tuple[int, int]]) -> Array:
        copies = np.repeat(picture, len(some), axis=0)
        for copy, (top, left) in zip(copies, some, strict=True):
            copy[top : top + patch, left : left + patch] = fill
        return classifier.predict_proba(copies)[:, place].astype(np.float64)

    whole = float(classifier.predict_proba(picture)[0, place])
    many = max(1, _AT_A_TIME // picture.nbytes)
    falls = whole - np.concatenate([covered(corners[i : i + many]) for i in range(0, len(corners), many)])
    total, squares = np.zeros((size, size)), np.zeros((size, size))
    for (top, left), fall in zip(corners, falls, strict=True):
        total[top : top + patch, left : left + patch] += fall
        squares[top : top + patch, left : left + patch] += 1
    return total / squares


def reads_pixels(classifier: PhotoClassifier) -> bool:
    """Whether the network's input is the photo itself, and not features of it."""
    shape = (classifier.image_size, classifier.image_size, channels_of(classifier.color))
    return all(model.input_shape == shape for model in classifier.models_)


def one_picture(classifier: PhotoClassifier, image: ArrayLike | PathLike) -> Array:
    """The photo as the classifier takes it, `(1, size, size, channels)`."""
    learnt(classifier)
    several = [image] if isinstance(image, str | os.PathLike) else np.asarray(image)[None]
    return as_pictures(several, classifier.image_size, classifier.color, "image", classifier.image_fit)


def target_place(classifier: PhotoClassifier, picture: Array, target: str | int | None) -> int:
    """Place of a class among the outputs; that of the answer, if none is named."""
    names = classifier.class_names_
    if target is None:
        return int(classifier.predict_proba(picture)[0].argmax())
    if isinstance(target, str):
        if target not in names:
            raise ValueError(f"target must be one of the classes {', '.join(map(repr, names))}, got {target!r}")
        return names.index(target)
    return check_whole("target", target, 0, len(names) - 1)
