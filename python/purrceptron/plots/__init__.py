"""Charts of a classifier, one by one: Display objects in scikit-learn's manner, drawn by matplotlib.

`from_...` makes a display and draws it, on the axes given as `ax` or on new ones; `plot` draws it again elsewhere. What
was drawn on is then in `ax_` and `figure_`. They need `pip install 'purrceptron[report]'`.
"""

from .calibration import CalibrationDisplay
from .confusion import ConfusionDisplay
from .cost import CostDisplay
from .relevance import RelevanceDisplay
from .roc import RocDisplay
from .scores import ScoresDisplay
from .weights import WeightsDisplay

__all__ = [
    "CalibrationDisplay",
    "ConfusionDisplay",
    "CostDisplay",
    "RelevanceDisplay",
    "RocDisplay",
    "ScoresDisplay",
    "WeightsDisplay",
]
