"""From the same `random_state`, the estimators have scikit-learn's weights, losses and predictions."""

import warnings

import numpy as np
import pytest
import sklearn
import sklearn.neural_network as theirs
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

import purrceptron.sklearn as ours

if sklearn.__version__ < "1.7":
    pytest.skip("scikit-learn 1.6 has neither sample weights nor loss here to compare with", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_RNG = np.random.RandomState(3)
_X, _Y = make_classification(330, 12, n_informative=6, n_classes=3, random_state=0)
_XM, _YM = make_multilabel_classification(150, random_state=0)
_XM = (_XM - _XM.mean(axis=0)) / _XM.std(axis=0)
_XR, _YR = make_regression(210, 8, random_state=1)
_XR3, _YR3 = make_regression(210, 8, n_targets=3, random_state=1)
_COUNTS = _RNG.poisson(np.exp(0.3 * _XR[:, 0] + 0.2))

# Kind of estimator, samples, targets, and what its loss takes.
TASKS = {
    "three classes": ("MLPClassifier", _X, _Y, {}),
    "two classes": ("MLPClassifier", _X, (_Y > 0).astype(int), {}),
    "words for classes": ("MLPClassifier", _X, np.array(["tabby", "calico", "tuxedo"])[_Y], {}),
    "several labels": ("MLPClassifier", _XM, _YM, {}),
    "one output": ("MLPRegressor", _XR, _YR / 100, {}),
    "three outputs": ("MLPRegressor", _XR3, _YR3 / 100, {}),
    "counts": ("MLPRegressor", _XR, _COUNTS, {"loss": "poisson"}),
}
SOLVERS = {
    "plain sgd": {"solver": "sgd", "momentum": 0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "Nesterov": {"solver": "sgd"},
    "adam": {"solver": "adam"},
    "lbfgs": {"solver": "lbfgs"},
}
# Each changes the result from what the defaults give; see `test_each_parameter_means_the_same`.
PARAMETERS = {
    "hidden_layer_sizes": {"hidden_layer_sizes": 7},
    "activation identity": {"activation": "identity"},
    "activation logistic": {"activation": "logistic"},
    "activation relu": {"activation": "relu"},
    "alpha": {"alpha": 0.5},
    "batch_size": {"batch_size": 37},
    "batch_size of one": {"batch_size": 1, "max_iter": 3},
    "learning_rate invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "learning_rate adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2},
    "learning_rate_init": {"learning_rate_init": 0.01},
    "power_t": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.1},
    "max_iter": {"max_iter": 13},
    "shuffle": {"shuffle": False},
    "random_state": {"random_state": 77},
    "random_state as a generator": {"random_state": np.random.RandomState(5)},
    "tol": {"tol": 0.02, "n_iter_no_change": 3, "max_iter": 300},
    "momentum": {"solver": "sgd", "momentum": 0.5},
    "nesterovs_momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "early_stopping": {"early_stopping": True, "n_iter_no_change": 3},
    "validation_fraction": {"early_stopping": True, "validation_fraction": 0.3},
    "beta_1": {"beta_1": 0.5},
    "beta_2": {"beta_2": 0.9},
    "epsilon": {"epsilon": 0.1},
    "n_iter_no_change": {"tol": 0.05, "n_iter_no_change": 5},
    "max_fun": {"solver": "lbfgs", "max_fun": 20},
}


def _both(kind, settings, x, y, **weights):
    common = {"hidden_layer_sizes": (16, 8), "activation": "tanh", "max_iter": 50, "random_state": 5, "tol": 0}
    common |= {"n_iter_no_change": 1000, **settings}
    fitted = []
    for library in (theirs, ours):
        estimator = getattr(library, kind)(**{**common, **_fresh(settings)})
        fitted.append(estimator.fit(x, y, **weights))
    return fitted


def _fresh(settings):
    """A generator is used up by whoever draws from it first."""
    state = settings.get("random_state")
    return {"random_state": np.random.RandomState(5)} if isinstance(state, np.random.RandomState) else {}


def _assert_same(theirs_fitted, ours_fitted, x, within=1e-8):
    for name in ("coefs_", "intercepts_"):
        for expected, got in zip(getattr(theirs_fitted, name), getattr(ours_fitted, name), strict=True):
            assert got.dtype == expected.dtype
            assert np.abs(got - expected).max() <= within * np.abs(expected).max()
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours_fitted, name) == getattr(theirs_fitted, name), name
    for name in ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        expected, got = getattr(theirs_fitted, name, "absent"), getattr(ours_fitted, name, "absent")
        if expected in ("absent", None):
            assert got == expected, name
        else:
            np.testing.assert_allclose(got, expected, rtol=100 * within, err_msg=name)
    predicted, expected = ours_fitted.predict(x), theirs_fitted.predict(x)
    assert predicted.dtype == expected.dtype
    assert predicted.shape == expected.shape
    if isinstance(ours_fitted, ours.MLPClassifier):
        np.testing.assert_array_equal(predicted, expected)
        np.testing.assert_array_equal(ours_fitted.classes_, theirs_fitted.classes_)
        for method in ("predict_proba", "predict_log_proba"):
            answers = getattr(ours_fitted, method)(x), getattr(theirs_fitted, method)(x)
            np.testing.assert_allclose(*answers, rtol=1000 * within, atol=1000 * within)
    else:
        np.testing.assert_allclose(predicted, expected, rtol=1000 * within, atol=1000 * within)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_the_same_weights_after_fifty_epochs(task, solver):
    kind, x, y, settings = TASKS[task]
    within = 1e-6 if solver == "lbfgs" else 1e-8  # its line search goes by differences of losses
    _assert_same(*_both(kind, {**settings, **SOLVERS[solver]}, x, y), x, within)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_each_parameter_means_the_same(parameter):
    _, x, y, _ = TASKS["three classes"]
    settings = {"hidden_layer_sizes": (16, 8), "activation": "tanh", "max_iter": 50, **PARAMETERS[parameter]}
    pair = _both("MLPClassifier", settings, x, y)
    _assert_same(*pair, x, 1e-6 if settings.get("solver") == "lbfgs" else 1e-8)
    usual = _both("MLPClassifier", {"solver": settings.get("solver", "adam")}, x, y)[1]
    same = [np.array_equal(a, b) for a, b in zip(usual.coefs_, pair[1].coefs_, strict=False)]
    assert not all(same) or parameter == "random_state as a generator"


def test_each_parameter_is_walked():
    known = set(theirs.MLPClassifier().get_params()) - {"solver", "warm_start", "verbose"}  # have tests of their own
    assert known <= {name for settings in PARAMETERS.values() for name in settings}


@pytest.mark.parametrize("task", ["three classes", "one output"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_sample_weights_count_the_same(task, solver):
    kind, x, y, settings = TASKS[task]
    weights = np.random.RandomState(0).uniform(0.1, 2, len(x))
    pair = _both(kind, {**settings, **SOLVERS[solver], "alpha": 0.1}, x, y, sample_weight=weights)
    _assert_same(*pair, x, 1e-6 if solver == "lbfgs" else 1e-8)


@pytest.mark.parametrize("task", TASKS)
def test_early_stopping_holds_out_and_keeps_the_same(task):
    kind, x, y, settings = TASKS[task]
    pair = _both(kind, {**settings, "early_stopping": True, "n_iter_no_change": 4, "max_iter": 100}, x, y)
    _assert_same(*pair, x)


def test_early_stopping_scores_with_the_weights_of_the_samples():
    kind, x, y, _ = TASKS["three classes"]
    weights = np.random.RandomState(0).uniform(0.1, 2, len(x))
    _assert_same(*_both(kind, {"early_stopping": True}, x, y, sample_weight=weights), x)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
def test_partial_fit_goes_on_the_same(task, solver):
    kind, x, y, settings = TASKS[task]
    fitted = []
    for library in (theirs, ours):
        estimator = getattr(library, kind)(hidden_layer_sizes=8, solver=solver, random_state=2, **settings)
        classes = {"classes": np.arange(y.shape[1]) if y.ndim > 1 else np.unique(y)} if kind == "MLPClassifier" else {}
        for part in (slice(0, 70), slice(70, 130), slice(10, 100)):
            estimator.partial_fit(x[part], y[part], **classes)
        fitted.append(estimator)
    _assert_same(*fitted, x)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_goes_on_the_same(solver):
    kind, x, y, _ = TASKS["three classes"]
    fitted = []
    for library in (theirs, ours):
        estimator = getattr(library, kind)(8, random_state=2, max_iter=10, warm_start=True, **SOLVERS[solver])
        fitted.append(estimator.fit(x, y).set_params(max_iter=15).fit(x, y))
    _assert_same(*fitted, x, 1e-6 if solver == "lbfgs" else 1e-8)


def test_verbose_prints_the_same(capsys):
    kind, x, y, _ = TASKS["three classes"]
    printed = []
    for library in (theirs, ours):
        settings = {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1}
        getattr(library, kind)(8, random_state=2, max_iter=40, verbose=True, **settings).fit(x, y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "Setting learning rate" in printed[1]


@pytest.mark.parametrize("task", TASKS)
def test_single_precision_stays_single(task):
    kind, x, y, settings = TASKS[task]
    pair = _both(kind, settings, x.astype(np.float32), y)
    _assert_same(*pair, x.astype(np.float32), 2e-4)
    assert pair[1].network_.dtype == "float32"


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "csr_array"])
def test_sparse_samples_give_the_weights_of_dense_ones(kind):
    import scipy.sparse

    name, x, y, _ = TASKS["three classes"]
    sparse = getattr(scipy.sparse, kind)(np.where(np.abs(x) > 1, x, 0.0))
    pair = _both(name, {}, sparse, y)
    _assert_same(*pair, sparse)


def test_sparse_labels_give_sparse_labels():
    from scipy.sparse import csr_matrix

    _, x, y, _ = TASKS["several labels"]
    pair = _both("MLPClassifier", {}, x, csr_matrix(y))
    expected, got = (estimator.predict(x) for estimator in pair)
    assert type(got) is type(expected)
    np.testing.assert_array_equal(got.toarray(), expected.toarray())


def test_a_generator_is_used_as_much():
    kind, x, y, _ = TASKS["two classes"]
    drawn = []
    for library in (theirs, ours):
        generator = np.random.RandomState(0)
        getattr(library, kind)(4, random_state=generator, max_iter=3, early_stopping=True).fit(x, y)
        drawn.append(generator.randint(2**31))
    assert drawn[0] == drawn[1]


def test_weights_written_into_the_lists_are_those_that_predict():
    kind, x, y, _ = TASKS["three classes"]
    expected, got = _both(kind, {}, x, y)
    for estimator in (expected, got):
        before = estimator.predict_proba(x)
        estimator.coefs_[0] *= -1
        estimator.intercepts_[-1][0] += 3
        estimator.coefs_[1] = estimator.coefs_[1] * 2
        assert not np.allclose(before, estimator.predict_proba(x))
    np.testing.assert_allclose(got.predict_proba(x), expected.predict_proba(x), rtol=1e-8)


def test_a_training_that_reaches_its_last_epoch_warns():
    _, x, y, _ = TASKS["two classes"]
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        ours.MLPClassifier(4, max_iter=2).fit(x, y)
    with pytest.warns(ConvergenceWarning, match="lbfgs"):
        ours.MLPClassifier(4, max_iter=2, solver="lbfgs").fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.MLPClassifier(4, max_iter=50, tol=1, n_iter_no_change=2).fit(x, y)
