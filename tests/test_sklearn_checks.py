"""scikit-learn's checks of estimators, all of them, and what its users do with estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from purrceptron.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks(
    [
        MLPClassifier(max_iter=100),
        MLPRegressor(max_iter=100),
        MLPRegressor(solver="sgd", learning_rate="adaptive", max_iter=100),
        MLPClassifier(max_iter=20, solver="adamw", normalization="layer"),
        MLPClassifier(max_iter=20, early_stopping=False, activation=("gelu",), clip_norm=1.0),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)
