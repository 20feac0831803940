"""Photos that stay on disk: speed beside memory, and memory at most: `python benches/streaming.py --pictures 200000`.

Draws pictures of 64 x 64 x 3 as PNG files of two classes into a temporary folder, then

- speed: `load_image_folder` with and without a mapping, at most 20,000 of them; an epoch of 12288-20-7-5-1 by batches
  of 1,024 from each by turns, the order changing from pair to pair; the ratio is that of the two times, median over
  the pairs;
- memory: a process of its own reads all of them, mapped, and trains on them for an epoch; the highest resident set by
  the system's own mark, the highest anonymous part by looking 100 times a second.

Linux only: the system's figures come from /proc.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

import purrceptron as purr
from purrceptron.datasets import Data, load_image_folder, make_cats

BATCH, GROUP, MOST_IN_MEMORY = 1024, 1000, 20_000


def draw(folder: Path, pictures: int) -> None:
    """So many files, half of them cats; every thousand has a seed of its own."""
    for name in ("cat", "not cat"):
        (folder / name).mkdir(parents=True)
    for seed, start in enumerate(range(0, pictures, GROUP)):
        images, labels = make_cats(min(GROUP, pictures - start), seed=seed)
        for number, (image, label) in enumerate(zip(images, labels, strict=True), start):
            Image.fromarray(image).save(folder / ("cat" if label else "not cat") / f"{number:07}.png")


def classifier() -> purr.PhotoClassifier:
    """The series' network, for one epoch."""
    return purr.PhotoClassifier(epochs=1, batch_size=BATCH)


def seconds(photos: Data) -> float:
    """Of one epoch, without what comes before and after it."""
    return classifier().fit(photos.images, photos.labels).history_.seconds


def speed(folder: Path, pairs: int) -> None:
    """Prints the ratios of speeds, disk to memory."""
    on_disk, in_memory = (load_image_folder(folder, memory_map=mapped) for mapped in (True, False))
    for photos in (on_disk, in_memory):
        seconds(photos)  # code, threads and the system's own cache are there
    ratios = []
    for pair in range(pairs):
        order = (on_disk, in_memory) if pair % 2 else (in_memory, on_disk)
        took = {id(photos): seconds(photos) for photos in order}
        ratios.append(took[id(in_memory)] / took[id(on_disk)])
    shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(
        f"speed from disk / from memory: median {statistics.median(ratios):.2f} of {shown} ({len(on_disk):,} pictures)"
    )


def status(name: str) -> int:
    """MB of this process that /proc has under this name."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) // 1000


def memory(folder: Path) -> None:
    """Reads and trains in this process, and prints what memory that took at most."""
    anonymous, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(0.01):
            anonymous.append(status("RssAnon"))

    watching = threading.Thread(target=look)
    watching.start()
    photos = load_image_folder(folder, memory_map=True)
    classifier().fit(photos.images, photos.labels)
    done.set()
    watching.join()
    size = photos.images.nbytes / 1e6
    print(
        f"memory for {len(photos):,} pictures, {size:,.0f} MB of pixels: "
        f"{status('VmHWM'):,} MB resident, {max(anonymous):,} MB of it anonymous, at most"
    )


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000, metavar="N", help="how many are drawn (20,000)")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="pairs of epochs (5)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # for the process that measures memory
    arguments = parser.parse_args()
    if arguments.folder:
        memory(arguments.folder)
        return
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place, "photos"), Path(place, "cache")
        os.environ["PURRCEPTRON_CACHE"] = str(cache)
        draw(folder / "first", min(arguments.pictures, MOST_IN_MEMORY))
        speed(folder / "first", arguments.pairs)
        every = folder / "first"
        if arguments.pictures > MOST_IN_MEMORY:
            draw(every := folder / "all", arguments.pictures)
        os.environ["PURRCEPTRON_CACHE"] = str(cache / "empty")  # everything is decoded
        subprocess.run([sys.executable, __file__, "--folder", str(every)], check=True)


if __name__ == "__main__":
    main()
