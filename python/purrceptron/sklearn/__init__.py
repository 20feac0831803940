"""scikit-learn's multi-layer perceptrons, trained by this library.

`from purrceptron.sklearn import MLPClassifier, MLPRegressor` instead of `from sklearn.neural_network import ...`: the
same parameters, attributes and numbers, in less time, and further parameters. Needs scikit-learn
(`pip install purrceptron[sklearn]`). `docs/migration.md` says what is the same, what differs and what is new.
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("purrceptron.sklearn needs scikit-learn: pip install purrceptron[sklearn]") from error

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
