"""What scikit-learn's users do with estimators: pipelines, searches, pickles, frames."""

import copy
import os
import pickle
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
import sklearn
import sklearn.neural_network as theirs
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import purrceptron as purr
from purrceptron.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)


def _small(**settings):
    return MLPClassifier(8, **{"max_iter": 20, "random_state": 0, **settings})


def test_parameters_and_their_defaults_are_theirs():
    for ours, its in ((MLPClassifier(), theirs.MLPClassifier()), (MLPRegressor(), theirs.MLPRegressor())):
        mine = ours.get_params()
        assert {name: mine[name] for name in its.get_params()} == its.get_params()
        assert set(dir(its)) - {name for name in dir(its) if name.startswith("_")} <= set(dir(ours))


class _Derived(MLPClassifier):
    """With another default, which is out of range, and settings handed on."""

    def __init__(self, extra=1, early_stopping="no", **settings):
        super().__init__(early_stopping=early_stopping, **settings)
        self.extra = extra

    def get_params(self, deep=True):
        return {**{name: getattr(self, name) for name in MLPClassifier._get_param_names()}, "extra": self.extra}


def test_settings_of_a_class_derived_from_it_are_checked():
    assert _Derived(early_stopping=False, max_iter=2).fit(*IRIS).n_iter_ == 2
    with pytest.raises(ValueError, match="early_stopping"):
        _Derived(max_iter=2).fit(*IRIS)
    with pytest.raises(ValueError, match="alpha"):
        _Derived(early_stopping=False, alpha=-1.0).fit(*IRIS)


def test_attributes_after_fit_are_theirs():
    for kind, its in ((MLPClassifier, theirs.MLPClassifier), (MLPRegressor, theirs.MLPRegressor)):
        for settings in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
            fitted = its(hidden_layer_sizes=4, max_iter=5, **settings).fit(*IRIS)
            ours = kind(hidden_layer_sizes=4, max_iter=5, **settings).fit(*IRIS)
            public = {name for name in vars(fitted) if not name.startswith("_")}
            assert {name for name in public if not hasattr(ours, name)} == set()
            extra = {name for name in vars(ours) if not name.startswith("_")} - public - set(ours.get_params())
            assert extra == set()


@pytest.mark.skipif(sklearn.__version__ < "1.7", reason="scikit-learn 1.6 does not say that it takes sparse samples")
def test_tags_are_theirs():
    for ours, its in ((MLPClassifier(), theirs.MLPClassifier()), (MLPRegressor(), theirs.MLPRegressor())):
        assert ours.__sklearn_tags__() == its.__sklearn_tags__()


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_layer_sizes", -1),
        ("activation", "sigmoyd"),
        ("solver", "adams"),
        ("alpha", -1.0),
        ("batch_size", 0),
        ("batch_size", "some"),
        ("learning_rate", "constantly"),
        ("learning_rate_init", 0.0),
        ("power_t", -1.0),
        ("max_iter", 0),
        ("shuffle", "yes"),
        ("random_state", -3),
        ("tol", -1.0),
        ("warm_start", "no"),
        ("momentum", 1.5),
        ("momentum", -0.1),
        ("nesterovs_momentum", "yes"),
        ("early_stopping", "yes"),
        ("validation_fraction", 1.0),
        ("beta_1", 1.0),
        ("beta_2", -0.1),
        ("epsilon", 0.0),
        ("n_iter_no_change", 0),
        ("max_fun", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_as_theirs(kind, name, value):
    if kind is MLPClassifier:
        with pytest.raises(ValueError, match=name):
            theirs.MLPClassifier(**{name: value}).fit(*IRIS)
    with pytest.raises(ValueError, match=name):
        kind(**{name: value}).fit(*IRIS)


@pytest.mark.parametrize(
    ("name", "value"), [("dropout", 1.0), ("normalization", "both"), ("clip_norm", 0), ("loss", 1)]
)
def test_a_further_setting_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        _small(**{name: value}).fit(*IRIS)


def test_refused_data_leaves_an_estimator_as_it_was():
    model = _small().fit(*IRIS)
    before = model.network_.fingerprint()
    for x, y in ((IRIS[0] * np.nan, IRIS[1]), (IRIS[0][:, :0], IRIS[1]), (IRIS[0], IRIS[1][:-1])):
        with pytest.raises(ValueError):  # noqa: PT011 (scikit-learn's words)
            model.fit(x, y)
        assert model.network_.fingerprint() == before
    for x in (IRIS[0][:, :2], IRIS[0] * np.inf, IRIS[0][0]):
        with pytest.raises(ValueError) as ours:  # noqa: PT011
            model.predict(x)
        with pytest.raises(ValueError) as its:  # noqa: PT011
            theirs.MLPClassifier(8, max_iter=20).fit(*IRIS).predict(x)
        assert str(ours.value) == str(its.value)


def test_a_refused_setting_leaves_an_estimator_as_it_was():
    model = _small().fit(*IRIS)
    state = pickle.dumps(model)
    for wrong in ({"solver": "sgd", "momentum": 1.0}, {"loss": "focal"}, {"dropout": [0.1, 0.1]}):
        model.set_params(**wrong)
        with pytest.raises(ValueError, match=next(reversed(wrong))):
            model.fit(*IRIS)
        model.set_params(solver="adam", momentum=0.9, loss="log_loss", dropout=0.0)
        assert pickle.dumps(model) == state
    fresh = _small()
    with pytest.raises(ValueError, match="infinity"):
        fresh.partial_fit(IRIS[0] * np.inf, IRIS[1], classes=[0, 1, 2])
    assert not hasattr(fresh, "classes_")


def test_training_goes_on_after_lbfgs():
    model = _small(solver="lbfgs").fit(*IRIS)
    model.set_params(solver="adam").partial_fit(*IRIS)
    assert len(model.loss_curve_) == 1


def test_clones_and_nested_parameters_go_round():
    model = _small(
        solver=purr.AdamW(purr.CosineDecay(0.01, 100)),
        activation=("gelu",),
        callbacks=[purr.EarlyStopping(monitor="loss")],
    )
    twin = clone(model)
    assert twin.get_params()["solver"] == model.solver
    assert twin.activation == ("gelu",)
    assert twin.set_params(**model.get_params()).solver is model.solver
    assert not hasattr(twin.fit(*IRIS), "feature_names_in_")


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_copy_answers_and_goes_on_alike(copied, solver):
    model = _small(solver=solver, learning_rate="invscaling", random_state=np.random.RandomState(1)).fit(*CANCER)
    _ = model.coefs_
    twin = copied(model)
    np.testing.assert_array_equal(twin.predict_proba(CANCER[0]), model.predict_proba(CANCER[0]))
    assert twin.network_.fingerprint() == model.network_.fingerprint()
    if solver != "lbfgs":
        for one in (model, twin):
            one.random_state = 7
            one.partial_fit(*CANCER)
            one.partial_fit(*CANCER)
        assert twin.network_.fingerprint() == model.network_.fingerprint()


def test_a_pickle_holds_the_bytes_of_the_model_file(tmp_path):
    model = _small().fit(*CANCER)
    assert model.network_._built().to_bytes() in pickle.dumps(model)
    joblib.dump(model, tmp_path / "model.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "model.joblib").coefs_[0], model.coefs_[0])


def test_pipelines_calibration_and_votes():
    pipeline = make_pipeline(StandardScaler(), _small(max_iter=100)).fit(*CANCER)
    assert pipeline.score(*CANCER) > 0.95
    assert CalibratedClassifierCV(pipeline, cv=2).fit(*CANCER).score(*CANCER) > 0.95
    votes = VotingClassifier(
        [("ours", pipeline), ("its", make_pipeline(StandardScaler(), theirs.MLPClassifier(8)))], voting="soft"
    )
    assert votes.fit(*CANCER).score(*CANCER) > 0.95
    scaled = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=16, solver="lbfgs", random_state=0))
    assert scaled.fit(*load_diabetes(return_X_y=True)).score(*load_diabetes(return_X_y=True)) > 0.5


def test_a_search_finds_what_theirs_finds():
    grid = {"hidden_layer_sizes": [4, 8], "alpha": [1e-4, 1.0], "learning_rate_init": [0.001, 0.01]}
    x = StandardScaler().fit_transform(IRIS[0])
    found = [
        GridSearchCV(kind(max_iter=30, random_state=0), grid, cv=3).fit(x, IRIS[1])
        for kind in (theirs.MLPClassifier, MLPClassifier)
    ]
    np.testing.assert_array_equal(*(search.cv_results_["mean_test_score"] for search in found))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_folds_side_by_side_give_the_scores_of_one_after_the_other(backend):
    x = StandardScaler().fit_transform(CANCER[0])
    alone = cross_validate(_small(), x, CANCER[1], cv=4)["test_score"]
    with joblib.parallel_backend(backend):
        beside = cross_validate(_small(), x, CANCER[1], cv=4, n_jobs=2)["test_score"]
    np.testing.assert_array_equal(alone, beside)


def test_within_joblibs_threads_a_training_has_one_thread():
    seen = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(_small()._threads)() for _ in range(4))
    assert seen == [1, 1, 1, 1]
    assert _small()._threads() is None
    assert _small(n_jobs=3)._threads() == 3
    assert _small(n_jobs=-1)._threads() == joblib.cpu_count()


def test_any_number_of_threads_gives_the_same_bits():
    prints = {
        MLPClassifier((256, 256), max_iter=3, random_state=0, n_jobs=n).fit(*CANCER).network_.fingerprint()
        for n in (1, 2, 5)
    }
    assert len(prints) == 1


def test_predictions_from_many_threads_at_once():
    model, answers = _small().fit(*CANCER), []
    expected = model.predict_proba(CANCER[0])
    threads = [threading.Thread(target=lambda: answers.append(model.predict_proba(CANCER[0]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(np.array_equal(answer, expected) for answer in answers)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_their_names(library):
    frames = pytest.importorskip(library)
    names = ["sepal length", "sepal width", "petal length", "petal width"]
    frame = frames.DataFrame(dict(zip(names, IRIS[0].T, strict=True)))
    model = _small().fit(frame, IRIS[1])
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(model.predict(frame), _small().fit(*IRIS).predict(IRIS[0]))
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(IRIS[0])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])


def test_metadata_is_routed():
    weights = np.random.RandomState(0).uniform(0.1, 2, len(CANCER[1]))
    with sklearn.config_context(enable_metadata_routing=True):
        model = _small().set_fit_request(sample_weight=True, X_val=False)
        model.set_score_request(sample_weight=True)
        scores = cross_validate(model, *CANCER, cv=2, params={"sample_weight": weights})["test_score"]
    assert scores.shape == (2,)


def test_it_shows_itself():
    assert repr(MLPClassifier(max_iter=3)) == "MLPClassifier(max_iter=3)"
    assert "MLPRegressor" in MLPRegressor()._repr_html_()
    pytest.importorskip("pandas")
    scaler = make_pipeline(StandardScaler(), _small()).set_output(transform="pandas").fit(*IRIS)
    assert scaler[:-1].transform(IRIS[0]).shape == (150, 4)


def test_a_warning_points_at_the_call(recwarn):
    _small(max_iter=1, batch_size=1000).fit(*IRIS)
    _small(max_iter=1, solver="lbfgs").fit(*IRIS)
    assert {warning.filename for warning in recwarn} == {__file__}
    assert len(recwarn) >= 2


def test_importing_the_library_does_not_load_scikit_learn():
    code = "import sys, purrceptron; purrceptron.Sequential; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
