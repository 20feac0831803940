"""What augmentation costs: `python benches/augmentation.py`, by itself; with `--training`, in trainings.

By itself: pictures a second, against Pillow and NumPy doing the same. 1,000 pictures of 64 x 64 x 3 as bytes, one at a
time for Pillow, as its users do. Each figure is the best of five runs, ours and theirs by turns in one process.

In trainings: an epoch with augmented pictures against one with the same pictures as they are, Adam, batches of 32. Each
figure is the median of five, by turns in one process, each the second epoch of its training.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

import purrceptron as purr
from purrceptron.augmentation import (
    Augmentation,
    Brightness,
    Contrast,
    Cutout,
    Flip,
    Rotate,
    Scale,
    Shift,
    augment,
)

COUNT, SIDE, RUNS = 1000, 64, 5
BILINEAR = Image.Resampling.BILINEAR
RANDOM = np.random.default_rng(0)

Picture = Image.Image


def affine(picture: Picture, *matrix: float) -> Picture:
    """Through an affine map."""
    return picture.transform((SIDE, SIDE), Image.Transform.AFFINE, matrix, BILINEAR)


def hue(picture: Picture) -> Picture:
    """Colours turned, by way of HSV."""
    pixels = np.array(picture.convert("HSV"))
    pixels[..., 0] += np.uint8(RANDOM.integers(0, 12))
    return Image.fromarray(pixels, "HSV").convert("RGB")


def noise(picture: Picture) -> Picture:
    """Normal noise, by NumPy."""
    added = RANDOM.standard_normal((SIDE, SIDE, 3), dtype=np.float32) * 8
    return Image.fromarray(np.clip(np.asarray(picture) + added, 0, 255).astype(np.uint8))


def cutout(picture: Picture) -> Picture:
    """A grey square."""
    x, y = RANDOM.integers(0, SIDE - 16, 2).tolist()
    changed = picture.copy()
    changed.paste((128, 128, 128), (x, y, x + 16, y + 16))
    return changed


THEIRS: dict[str, Callable[[Picture], Picture]] = {
    "flip": lambda picture: ImageOps.mirror(picture) if RANDOM.random() < 0.5 else picture,
    "shift": lambda picture: affine(picture, 1, 0, RANDOM.uniform(-6, 6), 0, 1, RANDOM.uniform(-6, 6)),
    "crop": lambda picture: affine(picture, 0.9, 0, RANDOM.uniform(0, 6), 0, 0.9, RANDOM.uniform(0, 6)),
    "rotate": lambda picture: picture.rotate(RANDOM.uniform(-15, 15), BILINEAR),
    "scale": lambda picture: affine(picture, 1.1, 0, -3, 0, 1.1, -3),
    "brightness": lambda picture: ImageEnhance.Brightness(picture).enhance(RANDOM.uniform(0.8, 1.2)),
    "contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(RANDOM.uniform(0.8, 1.2)),
    "saturation": lambda picture: ImageEnhance.Color(picture).enhance(RANDOM.uniform(0.8, 1.2)),
    "hue": hue,
    "noise": noise,
    "cutout": cutout,
}


def seconds(work: Callable[[], Any]) -> float:
    """Time that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def pillow(images: Any, names: list[str]) -> None:
    """One picture after the other, from an array and back."""
    for image in images:
        picture = Image.fromarray(image)
        for name in names:
            picture = THEIRS[name](picture)
        np.asarray(picture)


TYPICAL = [Flip(), Rotate(), Scale(), Shift(), Brightness(), Contrast(), Cutout()]
BATCH = 32
NETWORKS = {  # units of the hidden layers, side of a picture, pictures
    "12288-20-7-5-1": ((20, 7, 5), 64, 1024),
    "3072-16-1": ((16,), 32, 4096),
    "12288-512-64-1": ((512, 64), 64, 256),
}


class Epochs(purr.callbacks.Callback):
    """Seconds of wall and of processor that each epoch takes."""

    def __init__(self) -> None:
        self.at: list[tuple[float, float]] = []

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        """Look at the clocks."""
        self.at.append((time.perf_counter(), time.process_time()))

    def last(self) -> tuple[float, float]:
        """Those of the last."""
        (wall, processor), (later, more) = self.at[-2:]
        return later - wall, more - processor


def epoch(units: tuple[int, ...], images: Any, augmentation: list[Augmentation], threads: int) -> tuple[float, float]:
    """Seconds of wall and of processor for the second epoch of a training."""
    layers = [purr.Rescale(1 / 255), *(purr.Dense(count, "relu") for count in units), purr.Dense(1, "sigmoid")]
    net = purr.Sequential(layers, input_shape=images.shape[1:], seed=0)
    clock = Epochs()
    labels = np.arange(len(images)) % 2
    settings: dict[str, Any] = {"optimizer": "adam", "n_threads": threads, "callbacks": [clock]}
    net.fit(images, labels, epochs=2, batch_size=BATCH, augmentation=augmentation, **settings)
    return clock.last()


def in_trainings() -> None:
    """Print a table in Markdown: what a network waits for its pictures."""
    print(f"purrceptron {purr.__version__}, batches of {BATCH}, median of {RUNS}; milliseconds an epoch\n")
    print("| network | threads | plain | augmented | ratio | both on one thread / threads | cores at work |")
    print("|---|---|---|---|---|---|---|")
    for name, (units, side, count) in NETWORKS.items():
        images = RANDOM.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
        for threads in (1, 2):
            runs = []
            for _ in range(RUNS):
                alone = epoch(units, images, [], 1)[0] + seconds(partial(augment, images, TYPICAL, n_threads=1))
                plain, _ = epoch(units, images, [], threads)
                wall, processor = epoch(units, images, TYPICAL, threads)
                runs.append((plain * 1e3, wall * 1e3, wall / plain, alone / threads * 1e3, processor / wall))
            plain, wall, ratio, least, cores = np.median(runs, axis=0)
            print(f"| {name} | {threads} | {plain:,.0f} | {wall:,.0f} | {ratio:.2f} | {least:,.0f} | {cores:.2f} |")


def alone() -> None:
    """Print a table in Markdown: what pictures cost."""
    images = RANDOM.integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    kinds = {kind.type_name(): kind() for kind in Augmentation.__subclasses__()}
    rows = {name: [one] for name, one in kinds.items()} | {"all together": list(kinds.values())}
    print(
        f"purrceptron {purr.__version__}, {COUNT} pictures of {SIDE} x {SIDE} x 3, best of {RUNS}; pictures a second\n"
    )
    print("| augmentation | 1 thread | 2 threads | Pillow | ratio, 1 thread |\n|---|---|---|---|---|")
    for name, augmentation in rows.items():
        names = list(kinds) if len(augmentation) > 1 else [name]
        works: list[Callable[[], Any]] = [
            partial(augment, images, augmentation, n_threads=1),
            partial(augment, images, augmentation, n_threads=2),
            partial(pillow, images, names),
        ]
        best = np.min([[seconds(work) for work in works] for _ in range(RUNS)], axis=0)
        one, two, theirs = (round(COUNT / value, -2) for value in best)
        print(f"| {name} | {one:,.0f} | {two:,.0f} | {theirs:,.0f} | {best[2] / best[0]:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--training", action="store_true", help="with it, in trainings")
    work = in_trainings if parser.parse_args().training else alone
    work()
