"""What the estimators have beyond scikit-learn's, and how they end a training."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score, mean_pinball_loss

import purrceptron as purr
from purrceptron import _core
from purrceptron.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(300, 10, n_informative=5, n_classes=3, random_state=0)
XR, YR = make_regression(300, 6, noise=10.0, random_state=0)
YR = YR / YR.std()


def _small(**settings):
    return MLPClassifier((16, 8), **{"max_iter": 20, "random_state": 0, **settings})


def test_the_network_is_the_library_s_own(tmp_path):
    model = _small().fit(X, Y)
    assert model.network_.layers[0] == purr.Dense(16, "relu", kernel_initializer="zeros")
    np.testing.assert_array_equal(model.network_.predict(X), model.predict_proba(X))
    model.network_.save(tmp_path / "model.safetensors")
    assert purr.load(tmp_path / "model.safetensors").fingerprint() == model.network_.fingerprint()
    model.coefs_[0][:] = 0
    assert not model.network_.parameters["layers.0.kernel"].any()


@pytest.mark.parametrize("activation", sorted(set(_core.names("activation")) - {"softmax", "log_softmax"}))
def test_every_activation_trains(activation):
    model = _small(activation=activation, max_iter=60, learning_rate_init=0.01).fit(X, Y)
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]


def test_each_layer_has_an_activation_of_its_own():
    model = _small(activation=["tanh", purr.LeakyReLU(0.2)]).fit(X, Y)
    assert [layer.activation for layer in model.network_.layers[:2]] == ["tanh", purr.LeakyReLU(0.2)]
    with pytest.raises(ValueError, match="one for each of the 2 hidden layers, got 1"):
        _small(activation=["tanh"]).fit(X, Y)
    with pytest.raises(ValueError, match="known: identity"):
        _small(activation=["tanh", "tan"]).fit(X, Y)


@pytest.mark.parametrize("solver", sorted(set(_core.names("optimizer")) - {"adadelta"}))
def test_every_optimizer_trains(solver):
    model = _small(solver=solver, max_iter=60, learning_rate_init=0.003).fit(X, Y)
    assert model.loss_curve_[-1] < 0.95 * model.loss_curve_[0]


def test_an_optimizer_s_object_brings_its_settings():
    by_name = _small(learning_rate_init=0.01).fit(X, Y)
    by_object = _small(solver=purr.Adam(0.01, epsilon_hat=True)).fit(X, Y)
    assert by_name.network_.fingerprint() == by_object.network_.fingerprint()


def test_a_schedule_is_the_learning_rate():
    rates = purr.callbacks.LearningRateLog()
    _small(learning_rate=purr.StepDecay(0.1, steps=4, factor=0.5), callbacks=[rates], max_iter=5).fit(X, Y)
    expected = [0.1 * 0.5 ** (2 * epoch // 4) for epoch in range(1, 6)]
    np.testing.assert_allclose(rates.rates, expected)


def test_class_weights_are_sample_weights_by_class():
    by_class = _small(class_weight={0: 2.0, 1: 0.5}).fit(X, Y)
    by_sample = _small().fit(X, Y, np.array([2.0, 0.5, 1.0])[Y])
    assert by_class.network_.fingerprint() == by_sample.network_.fingerprint()


def test_balanced_class_weights_help_the_rare_class():
    x, y = make_classification(600, 10, weights=[0.95], flip_y=0.02, random_state=1)
    scores = [
        balanced_accuracy_score(y, _small(class_weight=w, max_iter=60).fit(x, y).predict(x)) for w in (None, "balanced")
    ]
    assert scores[1] > scores[0]


def test_words_have_class_weights():
    words = np.array(["calico", "tabby", "tuxedo"])[Y]
    by_word = _small(class_weight={"calico": 2.0, "tabby": 0.5, "tuxedo": 1.0}).fit(X, words)
    assert by_word.network_.fingerprint() == _small(class_weight={0: 2.0, 1: 0.5}).fit(X, Y).network_.fingerprint()


@pytest.mark.parametrize("normalization", [None, "batch", "layer", "rms"])
@pytest.mark.parametrize("dropout", [0.0, 0.2, [0.3, 0.0]])
def test_dropout_and_normalization_train_and_copy(normalization, dropout):
    longer = {"max_iter": 60, "learning_rate_init": 0.01, "early_stopping": True, "n_iter_no_change": 60}
    model = _small(normalization=normalization, dropout=dropout, **longer).fit(X, Y)
    again = _small(normalization=normalization, dropout=dropout, **longer).fit(X, Y)
    assert model.network_.fingerprint() == again.network_.fingerprint()
    assert model.score(X, Y) > 0.5
    assert [coef.shape for coef in model.coefs_] == [(10, 16), (16, 8), (8, 3)]
    best = max(model.validation_scores_)
    assert model.best_validation_score_ == best


def test_dropout_leaves_the_first_weights_as_they_are():
    plain, dropped = (_small(dropout=rate, max_iter=1, learning_rate_init=1e-300).fit(X, Y) for rate in (0.0, 0.5))
    np.testing.assert_array_equal(plain.coefs_[0], dropped.coefs_[0])


def test_clipping_shortens_the_steps():
    def way(**settings):
        model = _small(solver="sgd", momentum=0, max_iter=1, batch_size=300, learning_rate_init=1.0, **settings)
        moved = model.fit(X, Y).network_._built().parameters()
        start = _small(solver="sgd", momentum=0, max_iter=1, batch_size=300, learning_rate_init=1e-300).fit(X, Y)
        return np.linalg.norm(moved - start.network_._built().parameters())

    assert way(clip_norm=0.01) == pytest.approx(0.01)
    assert way(clip_value=1e-4) <= 1e-4 * np.sqrt(10 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3)
    assert way() > 0.02


def test_validation_data_given_by_hand_is_what_is_scored():
    part = np.arange(len(X)) % 4 == 0
    model = _small(early_stopping=True, n_iter_no_change=3, max_iter=100)
    model.fit(X[~part], Y[~part], X_val=X[part], y_val=Y[part])
    assert model.score(X[part], Y[part]) == model.best_validation_score_
    watched = _small().fit(X[~part], Y[~part], X_val=X[part], y_val=Y[part])
    assert watched.network_.fingerprint() == _small().fit(X[~part], Y[~part]).network_.fingerprint()
    assert len(watched.validation_scores_) == watched.n_iter_
    with pytest.raises(ValueError, match="X_val and y_val belong together"):
        model.fit(X, Y, X_val=X)
    with pytest.raises(ValueError, match="X_val has 300 samples, but y_val has 2"):
        model.fit(X, Y, X_val=X, y_val=Y[:2])


def test_callbacks_are_called_and_may_stop():
    class Watch(purr.Callback):
        def __init__(self):
            self.logs, self.batches = [], 0

        def on_batch_end(self, batch, logs):
            self.batches += 1

        def on_epoch_end(self, epoch, logs):
            self.logs.append(logs)
            return epoch == 4

    watch = Watch()
    model = _small(callbacks=[watch], early_stopping=True, batch_size=100).fit(X, Y)
    assert model.n_iter_ == 5
    assert watch.batches == 15
    assert [logs["loss"] for logs in watch.logs] == model.loss_curve_
    assert [logs["val_score"] for logs in watch.logs] == model.validation_scores_


@pytest.mark.parametrize("loss", ["mean_absolute_error", "huber", "log_cosh", purr.losses.Quantile(0.9)])
def test_a_regression_has_the_library_s_losses(loss):
    model = MLPRegressor(loss, 16, max_iter=150, random_state=0, learning_rate_init=0.01).fit(XR, YR)
    usual = MLPRegressor("squared_error", 16, max_iter=150, random_state=0, learning_rate_init=0.01).fit(XR, YR)
    assert model.network_.fingerprint() != usual.network_.fingerprint()
    if isinstance(loss, purr.losses.Quantile):
        pinball = [mean_pinball_loss(YR, one.predict(XR), alpha=0.9) for one in (model, usual)]
        assert pinball[0] < pinball[1]
    else:
        assert model.score(XR, YR) > 0.8


def test_a_classifier_has_the_library_s_losses():
    smoothed = _small(loss=purr.losses.CrossEntropy(label_smoothing=0.2), max_iter=200).fit(X, Y)
    assert smoothed.predict_proba(X).max() < _small(max_iter=200).fit(X, Y).predict_proba(X).max()
    assert _small(loss="focal", max_iter=100).fit(X, Y > 0).score(X, Y > 0) > 0.7
    with pytest.raises(ValueError, match="focal"):
        _small(loss="focal").fit(X, Y)


def test_partial_fit_takes_class_weights_but_not_balanced_ones():
    _small(class_weight={0: 2.0}).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="balanced"):
        _small(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize(
    "beyond", [{"dropout": 0.1}, {"normalization": "batch"}, {"callbacks": [purr.EarlyStopping()]}]
)
def test_lbfgs_refuses_what_needs_epochs(beyond):
    with pytest.raises(ValueError, match="not with solver 'lbfgs'"):
        _small(solver="lbfgs", **beyond).fit(X, Y)


def test_an_interrupt_leaves_the_weights_of_the_last_epoch():
    class Interrupt(purr.Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        model = _small(callbacks=[Interrupt()]).fit(X, Y)
    assert model.network_.fingerprint() == _small(max_iter=3).fit(X, Y).network_.fingerprint()


def test_a_callback_that_fails_leaves_whole_weights():
    class Fail(purr.Callback):
        def on_epoch_end(self, epoch, logs):
            raise OSError("disk full")

    model = _small(callbacks=[Fail()])
    with pytest.raises(OSError, match="disk full"):
        model.fit(X, Y)
    assert model.network_.fingerprint() == _small(max_iter=1).fit(X, Y).network_.fingerprint()


def test_a_divergence_is_an_error_and_leaves_finite_weights():
    model = MLPRegressor(solver="sgd", activation="identity", learning_rate_init=10, momentum=0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.fit(XR * 100, YR)
    assert all(np.isfinite(coef).all() for coef in model.coefs_)


def test_a_divergence_with_early_stopping_leaves_the_best_weights():
    model = MLPRegressor(
        solver="sgd", activation="identity", learning_rate_init=1, max_iter=30, early_stopping=True, random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(XR * 100, YR)
    assert model.n_iter_ == 30
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(XR)).all()


def test_a_warm_start_follows_changed_layers():
    model = _small(warm_start=True, normalization="batch").fit(X, Y)
    before = model.network_._built().parameters()
    model.set_params(dropout=0.3, activation="tanh", learning_rate_init=1e-300).fit(X, Y)
    np.testing.assert_array_equal(model.network_._built().parameters(), before)
    assert purr.Dropout(0.3) in model.network_.layers
    kernels = [coef.copy() for coef in model.coefs_]
    model.set_params(normalization=None).fit(X, Y)
    for kernel, before in zip(model.coefs_, kernels, strict=True):
        np.testing.assert_array_equal(kernel, before)


def test_the_order_of_an_epoch_must_be_one_index_for_each_sample():
    network = purr.Sequential.from_string("10-3", dtype="float64")
    trainer = purr.Trainer(network, optimizer="sgd")
    options = '{"epochs":1,"batch_size":50,"shuffle":false,"metrics":[],"solver":"direct","accumulate":1,"mixup":null}'
    before = network.fingerprint()
    for order, message in ((np.arange(299), "300 indices"), (np.arange(300) + 1, "below 300")):
        with pytest.raises(ValueError, match=message):
            trainer._core.fit(X, Y.astype(np.uint32), options, order=lambda epoch, order=order: order.astype(np.uint32))
        assert network.fingerprint() == before


def test_a_learning_rate_that_is_set_replaces_the_schedule():
    network = purr.Sequential.from_string("10-3", dtype="float64")
    trainer = purr.Trainer(network, optimizer=purr.SGD(purr.StepDecay(0.1, steps=1, factor=0.5)))
    trainer.learning_rate = 0.25
    trainer.step(X, Y)
    assert trainer.learning_rate == 0.25
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="learning_rate"):
            trainer.learning_rate = wrong

    class Halve(purr.Callback):
        def on_epoch_end(self, epoch, logs):
            self.trainer.learning_rate = self.trainer.learning_rate / 2

    trainer.fit(X, Y, epochs=3, callbacks=[Halve()])
    assert trainer.learning_rate == 0.25 / 8


def test_digits_are_learned():
    x, y = load_digits(return_X_y=True)
    model = MLPClassifier(32, max_iter=150, random_state=0, early_stopping=True).fit(x[:1500] / 16, y[:1500])
    assert model.score(x[1500:] / 16, y[1500:]) > 0.85


def test_many_labels_may_be_weighed_by_sample():
    x, y = make_multilabel_classification(100, random_state=0)
    model = _small(max_iter=100).fit(x, y, np.linspace(0.5, 1.5, 100))
    assert model.predict(x).shape == y.shape
