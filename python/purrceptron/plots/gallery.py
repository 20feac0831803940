"""`GalleryDisplay`: the photos that are worth a look, with what they are and what they were taken for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from .._spec import check_whole
from ..assessment._inputs import checked_pair
from ..explanation.drawing import as_colour
from ..photos.classifier import learnt
from .canvas import MUTED, RIGHT, SECOND, Display
from .names import shown_ends, shown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..photos import PhotoClassifier
    from ..photos.pictures import Pictures

__all__ = ["GalleryDisplay", "Shown", "Which", "choose", "photo_names"]

Which = Literal["right", "wrong", "border", "unlike"]


@dataclass(frozen=True, eq=False)
class Shown:
    """A photo, what it is, and what the classifier says.

    Attributes:
        number: Its place among the photos, from 0.
        name: What it is called: the name of its file, or "photo" and its number.
        image: `(height, width, channels)`, 0..255.
        truth: Name of its class.
        answer: Name of the class that is answered.
        probability: How probable the classifier finds the answer.
        novelty: How unlike the training photos it is, above 1 for unlike; None if that is not known.
    """

    number: int
    name: str
    image: Array
    truth: str
    answer: str
    probability: float
    novelty: float | None

    @property
    def right(self) -> bool:
        """Whether the answer is the truth."""
        return self.answer == self.truth


class GalleryDisplay(Display):
    """Photos side by side; below each the answer, how probable it was found, what is true, and the photo's name.

    Args:
        photos: The photos, the first at the top left.

    Attributes:
        photos: As given.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(60, seed=0)
        >>> cats = purr.CatClassifier(epochs=20).fit(images[:40], labels[:40])
        >>> display = purr.plots.GalleryDisplay.from_estimator(cats, images[40:], labels[40:], which="border")
        >>> len(display.photos)
        6
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    # In points: the side of a photo on axes of its own, and the text below it, of so wide letters.
    _SIDE, _TEXT, _LINE, _LETTER = 84, 40, 11, 5
    _MOST_COLUMNS, _GAP = 6, 0.12  # the gap in sides of a photo

    def __init__(self, photos: Sequence[Shown]) -> None:
        self.photos = tuple(photos)
        columns = min(max(len(photos), 2), self._MOST_COLUMNS)
        rows = max(1, -(-len(photos) // columns))
        self._size = (self._SIDE * (1 + self._GAP) * columns / 72, (self._SIDE + self._TEXT) * rows / 72)

    @classmethod
    def from_predictions(
        cls,
        images: Array,
        labels: ArrayLike,
        probabilities: ArrayLike,
        class_names: Sequence[str],
        *,
        which: Which = "wrong",
        count: int = 6,
        names: Sequence[str] | None = None,
        novelty: NDArray[np.float64] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Choose photos by what was answered, and draw them.

        Args:
            images: `(photos, height, width, channels)`, 0..255.
            labels: True classes `(photos,)`, as numbers in the order of the names.
            probabilities: `(photos, classes)`.
            class_names: Names of the classes.
            which: The surest of those told "right" or "wrong", those nearest the "border" between two classes, or those
                most "unlike" the photos of the training, of those that are unlike them at all.
            count: So many at most.
            names: What the photos are called, such as their files; "photo 0", "photo 1", ... by default.
            novelty: How unlike the training's each photo is `(photos,)`, as `PhotoClassifier.novelty` says.
            ax: As of `plot`.

        Raises:
            ValueError: Labels, probabilities or names do not fit; or `which` is "unlike", and there is no `novelty`.
        """
        return cls(
            choose(which, images, labels, probabilities, class_names, count=count, names=names, novelty=novelty)
        ).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        classifier: PhotoClassifier,
        images: Pictures,
        labels: ArrayLike,
        *,
        which: Which = "wrong",
        count: int = 6,
        names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Ask a classifier, and draw.

        Args:
            classifier: As of `ScoresDisplay.from_estimator`, and so are images and labels.
            images: See there.
            labels: See there.
            which: As of `from_predictions`, and so are count and names.
            count: See there.
            names: See there.
            ax: As of `plot`.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: Nothing was learnt yet, or photos, labels or names do not fit.
        """
        targets = learnt(classifier)._fitted().indices(labels)
        asked = classifier._asked(images)
        novelty = asked.novelty if which == "unlike" else None
        return cls.from_predictions(
            asked.pictures,
            targets,
            asked.probabilities,
            classifier.class_names_,
            which=which,
            count=count,
            names=names,
            novelty=novelty,
            ax=ax,
        )

    def _draw(self, ax: Axes) -> None:
        ax.set_axis_off()
        self.figure_.draw_without_rendering()  # now the axes are where they will be
        height, width = self._room(ax)
        columns = max(range(1, len(self.photos) + 1), key=lambda n: self._side(n, height, width), default=1)
        side = self._side(columns, height, width)
        step_down, step_right = 1 + self._TEXT / side, 1 + self._GAP  # in sides of a photo, as the axes count
        for place, photo in enumerate(self.photos):
            top, left = place // columns * step_down, place % columns * step_right
            pixels = np.rint(as_colour(photo.image)).astype(np.uint8)
            ax.imshow(pixels, extent=(left, left + 1, top + 1, top), interpolation="nearest")
            self._name(ax, photo, left, top + 1, int(side / self._LETTER))
        if not self.photos:
            ax.text(0.5, 0.5, "no such photo", color=MUTED, size=9, ha="center", va="center")
        rows = max(1, -(-len(self.photos) // columns))
        ax.set(xlim=(0, columns * step_right - self._GAP), ylim=(rows * step_down, 0), aspect="equal", anchor="NW")

    def _room(self, ax: Axes) -> tuple[float, float]:
        """Height and width of the axes in points."""
        box = ax.get_window_extent()
        return box.height * 72 / self.figure_.dpi, box.width * 72 / self.figure_.dpi

    def _side(self, columns: int, height: float, width: float) -> float:
        """Side of a photo in points, if there are so many columns on axes of a height and a width."""
        rows = max(1, -(-len(self.photos) // columns))
        return max(min(width / (columns * (1 + self._GAP) - self._GAP), height / rows - self._TEXT), 1.0)

    def _name(self, ax: Axes, photo: Shown, left: float, bottom: float, letters: int) -> None:
        """The lines below a photo, cut to so many letters."""
        mark, color = ("✓", RIGHT) if photo.right else ("✗", SECOND)
        share = f"{100 * photo.probability:.0f} %"
        lines = [(f"{mark} {shown_name(photo.answer, letters - len(share) - 3)} {share}", color)]
        if not photo.right:
            lines.append((f"is {shown_name(photo.truth, letters - 3)}", color))
        lines.append((shown_ends(photo.name, letters), MUTED))
        for place, (text, its_color) in enumerate(lines):
            ax.annotate(
                text, (left, bottom), xytext=(0, -3 - self._LINE * place), textcoords="offset points",
                color=its_color, size=8, va="top", annotation_clip=False, parse_math=False,
            )  # fmt: skip


def choose(
    which: Which,
    images: Array,
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    *,
    count: int = 6,
    names: Sequence[str] | None = None,
    novelty: NDArray[np.float64] | None = None,
) -> tuple[Shown, ...]:
    """The photos that `GalleryDisplay.from_predictions` draws, of equals the first first."""
    if which not in get_args(Which):
        raise ValueError(f"which must be one of {', '.join(map(repr, get_args(Which)))}, got {which!r}")
    truth, rows = checked_pair(labels, probabilities)
    if (len(images), len(class_names)) != rows.shape:
        raise ValueError(
            f"probabilities: expected those of {len(images)} photos and {len(class_names)} classes, got {rows.shape}"
        )
    called, check = photo_names(names, len(images)), check_whole("count", count, 1)
    predicted, sure = rows.argmax(axis=1), rows.max(axis=1)
    return tuple(
        Shown(
            number=int(place),
            name=called[place],
            image=images[place],
            truth=class_names[truth[place]],
            answer=class_names[predicted[place]],
            probability=float(sure[place]),
            novelty=None if novelty is None else float(novelty[place]),
        )
        for place in _order(which, truth, rows, novelty)[:check]
    )


def _order(
    which: Which, truth: NDArray[np.int64], rows: NDArray[np.float64], novelty: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    """Places of the photos that are such, those first that are most so."""
    if which == "border":  # the two most probable classes are closest
        two = np.sort(rows, axis=1)[:, -2:]
        return np.argsort(two[:, 1] - two[:, 0], kind="stable")
    if which == "unlike":
        if novelty is None:
            raise ValueError("novelty: nobody knows which photos are unlike those of the training")
        order = np.argsort(-novelty, kind="stable")
        return order[novelty[order] > 1]
    members = np.flatnonzero((rows.argmax(axis=1) == truth) == (which == "right"))
    return members[np.argsort(-rows[members].max(axis=1), kind="stable")]


def photo_names(names: Sequence[str] | None, photos: int) -> Sequence[str]:
    """What each photo is called: as given, else "photo" and its number.

    Raises:
        ValueError: There is not a name for each.
    """
    if names is None:
        return [f"photo {place}" for place in range(photos)]
    if len(names) != photos:
        raise ValueError(f"names: expected one for each of {photos} photos, got {len(names)}")
    return names
