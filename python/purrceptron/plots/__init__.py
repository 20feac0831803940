"""Charts of a classifier, one by one: Display objects in scikit-learn's manner, drawn by matplotlib, and functions.

`from_...` makes a display and draws it, on the axes given as `ax` or on new ones; `plot` draws it again elsewhere. What
was drawn on is then in `ax_` and `figure_`. `from_estimator` asks a classifier; a function `plot_...` is what draws the
same of arrays, and gives the display, too. They need `pip install 'purrceptron[report]'`.
"""

from .calibration import CalibrationDisplay
from .confusion import ConfusionDisplay
from .cost import CostDisplay
from .gallery import GalleryDisplay
from .relevance import RelevanceDisplay
from .roc import RocDisplay
from .scores import ScoresDisplay
from .weights import WeightsDisplay

__all__ = [
    "CalibrationDisplay",
    "ConfusionDisplay",
    "CostDisplay",
    "GalleryDisplay",
    "RelevanceDisplay",
    "RocDisplay",
    "ScoresDisplay",
    "WeightsDisplay",
    "plot_calibration",
    "plot_confusion",
    "plot_cost",
    "plot_gallery",
    "plot_relevance",
    "plot_roc",
    "plot_scores",
    "plot_weights",
]

plot_calibration = CalibrationDisplay.from_predictions
plot_confusion = ConfusionDisplay.from_predictions
plot_cost = CostDisplay.from_history
plot_gallery = GalleryDisplay.from_predictions
plot_relevance = RelevanceDisplay.from_map
plot_roc = RocDisplay.from_predictions
plot_scores = ScoresDisplay.from_predictions
plot_weights = WeightsDisplay.from_kernel
