"""A training that goes on from a checkpoint has the weights and the history of one that was never stopped."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import purrceptron as purr
from purrceptron.callbacks import CSVLog, HistoryLog, LambdaCallback, LearningRateLog, StopWhen
from purrceptron.checkpoints.files import newest_first
from purrceptron.checkpoints.plain import pack, unpack
from purrceptron.checkpoints.writer import Snapshot, Writer
from purrceptron.schedules import Schedule

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 6))
Y = (X[:, 0] + 0.3 * RANDOM.normal(size=40) > 0).astype(int)
WIDE = RANDOM.normal(size=(24, 60))
EPOCHS, STOP = 6, 3


def network(dtype: str = "float32", inputs: int = 6, *more: purr.Layer) -> purr.Sequential:
    layers = [purr.Dense(5, "tanh"), purr.BatchNorm(), purr.Dropout(0.2), *more, purr.Dense(1, "sigmoid")]
    return purr.Sequential(layers, input_shape=inputs, seed=1, dtype=dtype)


def outcome(net: purr.Sequential, history: purr.History) -> tuple[Any, ...]:
    """All that a training gives, but the time that it took."""
    return net.fingerprint(), dataclasses.replace(history, seconds=0.0, solver_reason="")


def run(make: Callable[[], purr.Sequential], epochs: int = EPOCHS, x: Any = X, y: Any = None, **options: Any) -> Any:
    net = make()
    options = {"batch_size": 7, **options}
    history = net.fit(x, Y[: len(x)] if y is None else y, epochs=epochs, **options)
    return outcome(net, history)


def assert_resumes(folder: Path, make: Callable[[], purr.Sequential], stop: int = STOP, **options: Any) -> None:
    """It goes on after `stop` epochs as if nothing had been."""
    whole = run(make, **options)
    run(make, epochs=stop, checkpoint=folder, **options)
    assert run(make, checkpoint=folder, resume=True, **options) == whole
    assert run(make, checkpoint=folder, resume=True, **options) == whole, "once it is finished, it stays so"


# Everything that can be trained with

OPTIMIZERS = [kind() for kind in purr.Optimizer.__subclasses__()]
SETTINGS = {"learning_rate": 0.05, "steps": 8, "boundaries": (4, 20), "then": purr.CosineDecay(0.05, 20)}


def schedule(kind: type[Schedule]) -> Schedule:
    needed = [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]
    return kind(**{name: SETTINGS[name] for name in needed})


SCHEDULES = [schedule(kind) for kind in Schedule.__subclasses__()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: type(optimizer).__name__)
def test_every_optimizer_resumes(optimizer: purr.Optimizer, dtype: str, tmp_path: Path) -> None:
    assert_resumes(tmp_path, lambda: network(dtype), optimizer=optimizer)


@pytest.mark.parametrize("rate", SCHEDULES, ids=lambda rate: type(rate).__name__)
def test_every_schedule_resumes(rate: Schedule, tmp_path: Path) -> None:
    assert_resumes(tmp_path, network, optimizer=purr.SGD(rate, momentum=0.9))


@pytest.mark.parametrize(
    "layer",
    [
        purr.Dense(5, purr.PReLU()),
        purr.Dense(5, "relu", l1=1e-3, l2=1e-3, max_norm=1.0),
        purr.Dense(5, trainable=False),
        purr.Activation("gelu"),
        purr.AlphaDropout(0.2),
        purr.GaussianNoise(0.2),
        purr.BatchNorm(momentum=0.7),
        purr.LayerNorm(),
        purr.RMSNorm(),
        purr.Normalize(),
        purr.Residual([purr.Dense(5, "relu"), purr.Dropout(0.5)]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_layer_resumes(layer: purr.Layer, tmp_path: Path) -> None:
    assert_resumes(tmp_path, lambda: network("float32", 6, layer))


def share_right(y: Any, predicted: Any) -> float:
    return float(np.mean(y == predicted))


OPTIONS: dict[str, dict[str, Any]] = {
    "all samples at once": {"batch_size": None},
    "no shuffling": {"shuffle": False},
    "gathered batches": {"accumulate": 4},
    "mixup": {"mixup": 0.3},
    "validation": {"validation_split": 0.25, "metrics": ["accuracy", "log_loss"]},
    "function as a metric": {"metrics": [share_right, "accuracy"], "validation_split": 0.2},
    "moving average": {"optimizer": purr.Adam(average=purr.EMA(0.9)), "validation_split": 0.25},
    "average from a step on": {"optimizer": purr.SGD(0.1, average=purr.SWA(start=10))},
    "weights of classes": {"class_weight": "balanced"},
    "weights of samples": {"sample_weight": np.linspace(0.1, 2, 40)},
    "clipping and decay": {"optimizer": purr.AdamW(clip_norm=0.5, clip_value=0.3, weight_decay=0.1)},
    "rates of layers": {"optimizer": purr.Adam(layer_rates={0: 0.1})},
    "loss with settings": {"loss": purr.losses.BinaryCrossEntropy(label_smoothing=0.1)},
    "loss of one's own": {"loss": lambda p, y: (float(np.mean((p - y) ** 2)), 2 * (p - y) / p.size)},
    "several threads": {"n_threads": 2},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_resumes(name: str, tmp_path: Path) -> None:
    assert_resumes(tmp_path, network, **OPTIONS[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize(
    "optimizer", [purr.SGD(0.1), purr.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01, clip_norm=1.0)], ids=str
)
def test_a_reduced_training_resumes(
    optimizer: purr.Optimizer, batch_size: int | None, dtype: str, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"x": WIDE, "optimizer": optimizer, "batch_size": batch_size, "solver": "reduced"}
    assert_resumes(tmp_path, lambda: network(dtype, 60), validation_data=(WIDE[:5] + 1, Y[:5]), **options)


def test_bytes_and_classes_resume(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (30, 4, 4), dtype=np.uint8)

    def make() -> purr.Sequential:
        return purr.Sequential(
            [purr.Rescale(1 / 255), purr.Flatten(), purr.Dense(8, "relu"), purr.Dense(3)], input_shape=(4, 4), seed=2
        )

    assert_resumes(tmp_path, make, x=images, y=np.arange(30) % 3, loss="cross_entropy", metrics=["accuracy"])


def test_a_trainer_that_has_made_steps_before_resumes(tmp_path: Path) -> None:
    def trained(resume: bool) -> tuple[Any, ...]:
        net = network()
        trainer = purr.Trainer(net, optimizer="nadam")
        if not resume:
            trainer.fit(X, Y, epochs=2)
            trainer.fit(X, Y, epochs=2, checkpoint=tmp_path)
        history = trainer.fit(X, Y, epochs=5, checkpoint=tmp_path, resume=True)
        trainer.fit(X, Y, epochs=1)
        return trainer.steps, *outcome(net, history)

    net = network()
    twin = purr.Trainer(net, optimizer="nadam")
    twin.fit(X, Y, epochs=2)
    history = twin.fit(X, Y, epochs=5)
    twin.fit(X, Y, epochs=1)
    assert trained(False) == trained(True) == (twin.steps, *outcome(net, history))


# Within an epoch


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("call", [1, 4, 12, 17])
def test_an_interrupt_within_an_epoch_leaves_a_checkpoint_of_the_last_step(
    call: int, accumulate: int, tmp_path: Path
) -> None:
    calls = 0

    def loss(p: Any, y: Any) -> tuple[float, Any]:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return float(np.mean((p - y) ** 2)), 2 * (p - y) / p.size

    options: dict[str, Any] = {"loss": loss, "metrics": ["accuracy", "r2"], "accumulate": accumulate}
    with pytest.raises(KeyboardInterrupt) as interrupt:
        run(network, checkpoint=tmp_path, **options)
    epochs, batches = divmod(call - 1, 6)
    last = f"epoch-{epochs:08}-batch-{batches:08}.safetensors"
    assert [path.name for path in tmp_path.glob("epoch-*")] == [last]
    assert interrupt.value.__notes__ == [f"the last checkpoint is {tmp_path / last}"]
    resumed = run(network, checkpoint=tmp_path, resume=True, **options)
    assert resumed == run(network, **options)


def test_seconds_count_within_long_epochs_too(tmp_path: Path) -> None:
    settings = purr.Checkpoint(tmp_path, every_seconds=1e-9, keep=None)
    whole = run(network, metrics=["accuracy"])
    assert run(network, checkpoint=settings, metrics=["accuracy"]) == whole
    places = sorted(tmp_path.glob("epoch-*-batch-*"))
    assert places
    for path in sorted(tmp_path.glob("epoch-*"))[::-1]:
        assert run(network, checkpoint=tmp_path, resume=True, metrics=["accuracy"]) == whole, path.name
        for later in tmp_path.glob("epoch-*"):
            if later.name >= path.name:
                later.unlink()


# Callbacks


def callbacks(folder: Path) -> dict[str, purr.Callback]:
    return {
        "stop": purr.EarlyStopping(patience=2, monitor="val_loss", min_delta=0.005),
        "history": HistoryLog(),
        "rates": LearningRateLog(),
        "csv": CSVLog(folder / "log.csv"),
        "when": StopWhen(lambda epoch, logs: epoch == 8),
    }


def shown(watching: dict[str, purr.Callback]) -> dict[str, Any]:
    return {
        f"{name}.{attribute}": value
        for name, callback in watching.items()
        for attribute, value in vars(callback).items()
        if not attribute.startswith("_")
    }


@pytest.mark.parametrize("stop", [1, 4, 6])
@pytest.mark.parametrize("patience", [2, 50])
def test_callbacks_go_on_with_their_state(stop: int, patience: int, tmp_path: Path) -> None:
    def fit(folder: Path, epochs: int, **options: Any) -> Any:
        folder.mkdir(exist_ok=True)
        watching = callbacks(folder)
        watching["stop"] = purr.EarlyStopping(patience=patience, min_delta=0.005)
        ran = run(
            network,
            epochs,
            validation_split=0.3,
            optimizer=purr.Adam(0.05),
            callbacks=list(watching.values()),
            metrics=["accuracy"],
            **options,
        )
        return ran, shown(watching), (folder / "log.csv").read_text()

    whole = fit(tmp_path / "whole", 12)
    assert (len(whole[0][1].loss) < 12) == (patience == 2) or len(whole[0][1].loss) == 9
    kept = tmp_path / "run" / "checkpoints"
    fit(tmp_path / "run", stop, checkpoint=kept)
    resumed = fit(tmp_path / "run", 12, checkpoint=kept, resume=True)
    np.testing.assert_equal(resumed, whole)
    np.testing.assert_equal(fit(tmp_path / "run", 12, checkpoint=kept, resume=True), whole)


def test_a_rate_that_a_callback_has_set_stays(tmp_path: Path) -> None:
    class Halve(purr.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch in (1, 4) and self.trainer is not None:
                self.trainer.learning_rate = self.trainer.learning_rate / 2

    assert_resumes(tmp_path / "direct", network, stop=2, callbacks=[Halve()])
    options: dict[str, Any] = {"x": WIDE, "optimizer": purr.SGD(0.1, momentum=0.5), "solver": "reduced"}
    assert_resumes(tmp_path / "reduced", lambda: network("float32", 60), stop=2, callbacks=[Halve()], **options)


class Counting(purr.Callback):
    """Counts batches, and keeps all kinds of plain data."""

    def __init__(self) -> None:
        self.batches = 0
        self.losses = np.zeros(0)
        self.begun: list[int] = []

    def state(self) -> dict[str, Any]:
        more = {"$array": [True, None, float("nan")], "$": "ж", "complex": np.array([1j]), "empty": np.zeros((0, 3))}
        return {"batches": self.batches, "losses": self.losses, "begun": self.begun, "more": more}

    def restore(self, state: dict[str, Any]) -> None:
        np.testing.assert_equal(state["more"], self.state()["more"])
        self.batches, self.losses, self.begun = state["batches"], state["losses"], state["begun"]

    def on_epoch_begin(self, epoch: int) -> None:
        self.begun.append(epoch)

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.batches += 1
        self.losses = np.append(self.losses, logs["loss"])


def test_a_callback_of_ones_own_goes_on_in_the_midst_of_batches(tmp_path: Path) -> None:
    whole, stopped, resumed = Counting(), Counting(), Counting()
    expected = run(network, callbacks=[whole])
    run(network, epochs=STOP, callbacks=[stopped], checkpoint=tmp_path)
    assert run(network, callbacks=[resumed], checkpoint=tmp_path, resume=True) == expected
    assert (resumed.batches, resumed.begun) == (whole.batches, whole.begun) == (36, [0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(resumed.losses, whole.losses)


@pytest.fixture
def every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> purr.Checkpoint:
    """Checkpoints after every batch, each of which is written while the training waits."""

    def put(writer: Writer, snapshot: Snapshot, is_best: bool) -> None:
        writer._write({"last": snapshot})

    monkeypatch.setattr(Writer, "put", put)
    return purr.Checkpoint(tmp_path, every_seconds=1e-9, keep=None)


def test_a_callback_of_ones_own_goes_on_from_every_batch(tmp_path: Path, every_batch: purr.Checkpoint) -> None:
    whole = Counting()
    expected = run(network, epochs=2, callbacks=[whole], checkpoint=every_batch)
    assert len(list(tmp_path.glob("epoch-*"))) == 2 * 7
    for path in newest_first(tmp_path):
        resumed = Counting()
        kept = purr.Checkpoint(tmp_path, keep=None)
        assert run(network, epochs=2, callbacks=[resumed], checkpoint=kept, resume=True) == expected
        assert (resumed.batches, resumed.begun) == (whole.batches, whole.begun) == (12, [0, 1]), path.name
        np.testing.assert_array_equal(resumed.losses, whole.losses)
        path.unlink()


def test_a_callback_without_state_is_told_of_the_epoch_that_it_comes_into(
    tmp_path: Path, every_batch: purr.Checkpoint
) -> None:
    begun: list[int] = []
    run(network, epochs=2, checkpoint=every_batch)
    (tmp_path / "epoch-00000002.safetensors").unlink()
    assert newest_first(tmp_path)[0].name == "epoch-00000001-batch-00000006.safetensors"
    run(network, checkpoint=tmp_path, resume=True, callbacks=[LambdaCallback(on_epoch_begin=begun.append)])
    assert begun == [1, 2, 3, 4, 5]


def test_progress_with_a_state_is_told_of_every_epoch_that_is_kept(tmp_path: Path) -> None:
    class Shown(purr.Progress):
        def state(self) -> dict[str, Any]:
            return {}

    settings = purr.Checkpoint(tmp_path, every_epochs=1, keep=None)
    net = network()
    net.fit(X, Y, batch_size=7, epochs=3, callbacks=[Shown(lambda *_: None)], checkpoint=settings)
    assert (tmp_path / "epoch-00000003.safetensors").exists()


def test_a_callback_that_fails_as_an_epoch_begins_leaves_the_checkpoint_of_the_one_before(tmp_path: Path) -> None:
    def fail(epoch: int) -> None:
        if epoch == STOP:
            raise OSError(5, "Input/output error")

    settings = purr.Checkpoint(tmp_path, every_epochs=STOP)
    with pytest.raises(OSError, match="Input/output error"):
        run(network, callbacks=[Counting(), LambdaCallback(on_epoch_begin=fail)], checkpoint=settings)
    assert [path.name for path in tmp_path.glob("epoch-*")] == ["epoch-00000003.safetensors"]
    whole, resumed = Counting(), Counting()
    expected = run(network, callbacks=[whole])
    assert run(network, callbacks=[resumed], checkpoint=tmp_path, resume=True) == expected
    assert resumed.begun == whole.begun


def test_state_that_is_no_plain_data_is_refused_before_the_training(tmp_path: Path) -> None:
    class Odd(purr.Callback):
        def state(self) -> dict[str, Any]:
            return {"seen": [1, {2}]}

    net = network()
    before = net.fingerprint()
    with pytest.raises(TypeError, match=r"callbacks: Odd\.state\(\) is no plain data: \['seen'\]\[1\] is set"):
        net.fit(X, Y, callbacks=[Odd()], checkpoint=tmp_path)
    assert net.fingerprint() == before


def test_a_checkpoint_of_other_callbacks_is_refused(tmp_path: Path) -> None:
    run(network, epochs=2, callbacks=[HistoryLog(), purr.Progress(lambda *_: None)], checkpoint=tmp_path)
    with pytest.raises(purr.CheckpointError, match="state of other callbacks: HistoryLog; this training has none"):
        run(network, checkpoint=tmp_path, resume=True)
    run(network, callbacks=[HistoryLog()], checkpoint=tmp_path, resume=True)


@pytest.mark.parametrize("solver", ["direct", "reduced"])
def test_a_callback_that_fails_leaves_the_checkpoint_before(solver: str, tmp_path: Path) -> None:
    class OddError(Exception):
        pass

    def fail(epoch: int, logs: dict[str, float]) -> None:
        if epoch == 4 and armed:
            raise OddError

    armed = False
    options: dict[str, Any] = {"x": WIDE, "optimizer": "sgd", "solver": solver}
    whole = run(lambda: network(inputs=60), callbacks=[HistoryLog(), LambdaCallback(on_epoch_end=fail)], **options)
    armed = True
    options["checkpoint"] = purr.Checkpoint(tmp_path, every_epochs=1)
    with pytest.raises(OddError):
        run(lambda: network(inputs=60), callbacks=[HistoryLog(), LambdaCallback(on_epoch_end=fail)], **options)
    assert max(tmp_path.glob("epoch-*")).name == "epoch-00000004.safetensors"
    armed = False
    watching = [HistoryLog(), LambdaCallback(on_epoch_end=fail)]
    assert run(lambda: network(inputs=60), callbacks=watching, resume=True, **options) == whole


# What is kept


def test_the_last_ones_are_kept_and_the_best(tmp_path: Path) -> None:
    seen: dict[int, tuple[float, str]] = {}

    class Note(purr.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            assert self.trainer is not None
            seen[epoch + 1] = logs["val_loss"], self.trainer.model.fingerprint()

    settings = purr.Checkpoint(tmp_path, every_epochs=2, keep=3, best="val_loss")
    options: dict[str, Any] = {"optimizer": purr.Adam(0.3), "validation_split": 0.3, "callbacks": [Note()]}
    net = network()
    net.fit(X, Y, epochs=15, checkpoint=settings, **options)
    due = {epoch: scores for epoch, scores in seen.items() if epoch % 2 == 0 or epoch == 15}
    best = min(due, key=lambda epoch: due[epoch][0])
    assert best != 15
    model = purr.load(tmp_path / "best.safetensors")
    assert isinstance(model, purr.Sequential)
    assert model.fingerprint() == due[best][1]
    assert {path.name for path in tmp_path.iterdir()} >= {"epoch-00000015.safetensors", "best.safetensors", "lock"}
    assert len(list(tmp_path.glob("epoch-*"))) <= 3
    for path in tmp_path.glob("epoch-*"):
        kept = purr.load(path)
        assert isinstance(kept, purr.Sequential)
        assert kept.fingerprint() == seen[int(path.stem[6:])][1]


@pytest.mark.parametrize("stop", [4, 10])
def test_the_best_is_that_of_a_training_that_was_never_stopped(stop: int, tmp_path: Path) -> None:
    def fit(folder: Path, epochs: int, resume: bool = False) -> str:
        settings = purr.Checkpoint(folder, every_epochs=1, best="share_right", mode="max")
        options: dict[str, Any] = {"metrics": [share_right], "optimizer": purr.Adam(0.3)}
        run(network, epochs, checkpoint=settings, resume=resume, **options)
        model = purr.load(folder / "best.safetensors")
        assert isinstance(model, purr.Sequential)
        return model.fingerprint()

    whole = fit(tmp_path / "whole", 14)
    fit(tmp_path / "run", stop)
    assert fit(tmp_path / "run", 14, resume=True) == whole


def test_a_best_of_a_score_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no score 'val_loss' in this training; there are loss, accuracy"):
        run(network, metrics=["accuracy"], checkpoint=purr.Checkpoint(tmp_path, best="val_loss"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"every_epochs": 0}, "Checkpoint: every_epochs must be at least 1"),
        ({"every_seconds": 0}, "Checkpoint: every_seconds must be above 0"),
        ({"keep": 0}, "Checkpoint: keep must be at least 1"),
        ({"directory": ""}, "Checkpoint: directory is empty"),
        ({"mode": "most"}, "Checkpoint: mode must be 'auto', 'min' or 'max'"),
        ({"best": "mystery"}, "mystery"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        purr.Checkpoint(**{"directory": "run", **settings})


def test_checkpoints_change_no_bit_and_leave_none_out_at_the_end(tmp_path: Path) -> None:
    often = [{"every_epochs": 1}, {"every_epochs": 4}, {"every_seconds": 5e-324}]
    seldom = [{"every_epochs": 10**30}, {"every_seconds": 1e300}, {}]
    for number, every in enumerate([*often, *seldom]):
        folder = tmp_path / str(number)
        assert run(network, checkpoint=purr.Checkpoint(folder, **every)) == run(network)
        assert (folder / "epoch-00000006.safetensors").exists()


def test_the_directory_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    away = LambdaCallback(on_epoch_begin=lambda epoch: os.chdir(tmp_path / "elsewhere"))
    run(network, checkpoint=purr.Checkpoint("käfig der katze", every_epochs=1), callbacks=[away])
    assert [path.name for path in tmp_path.rglob("epoch-00000006*")] == ["epoch-00000006.safetensors"]
    assert (tmp_path / "käfig der katze" / "epoch-00000006.safetensors").exists()


# What is refused


def test_a_checkpoint_of_another_training_is_refused_with_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(network, epochs=STOP, checkpoint=tmp_path, validation_data=(X[:5], Y[:5]))
    options: dict[str, Any] = {"checkpoint": tmp_path, "resume": True, "validation_data": (X[:5], Y[:5])}

    def refused(expected: str, make: Callable[[], purr.Sequential] = network, **other: Any) -> None:
        net = make()
        before = net.fingerprint()
        with pytest.raises(purr.CheckpointError, match=expected):
            net.fit(**{"x": X, "y": Y, "batch_size": 7, "epochs": EPOCHS, **options, **other})
        assert net.fingerprint() == before

    refused(r"made with network\.dtype \"float32\", but this training has \"float64\"", lambda: network("float64"))
    refused(r"made with network\.layers", lambda: network("float32", 6, purr.Dropout(0.1)))
    refused(
        r"made with network\.seed 1, but this training has 2",
        lambda: purr.Sequential(network().layers, input_shape=6, seed=2),
    )
    refused(r"made with optimizer\.learning_rate 0\.001, but this training has 0\.01", optimizer=purr.Adam(0.01))
    refused(r"made with optimizer\.type \"adam\", but this training has \"sgd\"", optimizer="sgd")
    refused(r"made with optimizer\.clip_norm nothing, but this training has 1\.0", optimizer=purr.Adam(clip_norm=1.0))
    refused(r"made with loss\.type", loss="mean_squared_error")
    refused("made with batch_size 7, but this training has 8", batch_size=8)
    refused("made with shuffle true, but this training has false", shuffle=False)
    refused("made with accumulate 1, but this training has 2", accumulate=2)
    refused("made with metrics", metrics=["accuracy"])
    refused("made with functions", metrics=[max])
    refused("the training data .* are not those of this checkpoint", x=X + 1e-9 * (X > 0) + 1e-3)
    refused("the training data", y=1 - Y)
    refused("the training data", x=X[::-1], y=Y[::-1])
    refused("the training data", sample_weight=np.linspace(0.5, 1, 40))
    refused("the validation data", validation_data=(X[:6], Y[:6]))
    monkeypatch.setattr(purr._core, "version", lambda: "99.0.0")
    refused(r'made with version "\d+\.\d+\.\d+", but this training has "99.0.0"')


def test_other_data_are_taken_by_force_and_nothing_else_is(tmp_path: Path) -> None:
    run(network, epochs=STOP, checkpoint=tmp_path)
    forced = purr.Checkpoint(tmp_path, force_data=True)
    with pytest.raises(purr.CheckpointError, match="batch_size"):
        run(network, x=X + 1, checkpoint=forced, resume=True, batch_size=8)
    fingerprint, history = run(network, x=X + 1, checkpoint=forced, resume=True)
    assert len(history.loss) == EPOCHS
    assert fingerprint not in (run(network)[0], run(network, x=X + 1)[0])


def test_another_solver_is_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"x": WIDE, "optimizer": "sgd", "batch_size": None, "checkpoint": tmp_path}
    assert run(lambda: network(inputs=60), epochs=1, solver="auto", **options)[1].solver == "direct"
    with pytest.raises(ValueError, match="solver must be direct, as of the checkpoint, got reduced"):
        run(lambda: network(inputs=60), epochs=10_000, solver="auto", resume=True, **options)
    options["epochs"] = EPOCHS
    resumed = run(lambda: network(inputs=60), solver="direct", resume=True, **options)
    del options["checkpoint"]
    assert resumed == run(lambda: network(inputs=60), solver="direct", **options)


def test_fewer_epochs_than_there_were_are_refused(tmp_path: Path) -> None:
    run(network, epochs=STOP, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="epochs must be at least 3, as of the checkpoint, got 2"):
        run(network, epochs=2, checkpoint=tmp_path, resume=True)


def test_earlier_checkpoints_are_not_written_over(tmp_path: Path) -> None:
    run(network, epochs=STOP, checkpoint=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("epoch-*")}
    with pytest.raises(
        purr.CheckpointError, match=r"holds checkpoints of an earlier training, the last is epoch-000000"
    ):
        run(network, checkpoint=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("epoch-*")} == before


def test_resume_begins_where_there_is_nothing_yet(tmp_path: Path) -> None:
    assert run(network, checkpoint=tmp_path / "a" / "b", resume=True) == run(network)


def test_what_cannot_be_taken_up_is_refused(tmp_path: Path) -> None:
    net = network()
    with pytest.raises(ValueError, match="resume needs checkpoint"):
        net.fit(X, Y, resume=True)
    with pytest.raises(ValueError, match=r"checkpoint: batches that come one by one cannot be taken up"):
        net.fit(iter([(X, Y)]), checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint: purr\.LBFGS cannot be taken up"):
        net.fit(X, Y, optimizer=purr.LBFGS(), checkpoint=tmp_path)
    with pytest.raises(ValueError, match="checkpoint is for one network, but ensemble is 2"):
        purr.CatClassifier("2-1", image_size=4, ensemble=2).fit(np.zeros((2, 4, 4, 3)), [0, 1], checkpoint=tmp_path)


# Damage


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_damaged_checkpoint_is_passed_over_and_named(tmp_path: Path) -> None:
    run(network, epochs=2, checkpoint=tmp_path)
    run(network, epochs=4, checkpoint=tmp_path, resume=True)
    damage(tmp_path / "epoch-00000004.safetensors")
    with pytest.warns(UserWarning, match=r"epoch-00000004.safetensors: .*; going on from epoch-00000002.safetensors"):
        resumed = run(network, checkpoint=tmp_path, resume=True)
    assert resumed == run(network)
    (tmp_path / "epoch-00000004.safetensors").unlink()
    damage(tmp_path / "epoch-00000006.safetensors")
    with pytest.raises(purr.ModelFileError, match=r"epoch-00000006.safetensors: "):
        run(network, checkpoint=tmp_path, resume=True)


def test_a_damaged_checkpoint_does_not_count_among_those_that_are_kept(tmp_path: Path) -> None:
    run(network, epochs=4, checkpoint=tmp_path)
    damage(tmp_path / "epoch-00000004.safetensors")
    run(network, epochs=2, checkpoint=tmp_path / "earlier")
    (tmp_path / "earlier" / "epoch-00000002.safetensors").rename(tmp_path / "epoch-00000002.safetensors")
    with pytest.warns(UserWarning, match="going on from epoch-00000002"):
        run(network, epochs=3, checkpoint=purr.Checkpoint(tmp_path, keep=1), resume=True)
    names = ["epoch-00000003.safetensors", "epoch-00000004.safetensors"]
    assert [path.name for path in sorted(tmp_path.glob("epoch-*"))] == names
    with pytest.warns(UserWarning, match="going on from epoch-00000003"):
        assert run(network, checkpoint=tmp_path, resume=True) == run(network)


def test_a_model_file_in_the_place_of_a_checkpoint_is_refused(tmp_path: Path) -> None:
    network().save(tmp_path / "epoch-00000001.safetensors")
    with pytest.raises(purr.ModelFileError, match="no checkpoint of a training"):
        run(network, checkpoint=tmp_path, resume=True)


@pytest.mark.parametrize(
    ("notes", "state"),
    [
        ({}, {}),
        ({"training": "[" * 100_000}, {}),
        ({"training": json.dumps({"identity": [], "best": None})}, {}),
        ({"training": json.dumps({"identity": {}, "best": "much"})}, {}),
        (None, {"callbacks": 3, "scores": {}}),
        (None, {"callbacks": [["HistoryLog", {"on_epoch_end": 1}]], "scores": {}}),
        (None, {"callbacks": [["HistoryLog", {"epochs": [], "scores": {}, "_forget": 1}]], "scores": {}}),
        (None, {"callbacks": [["HistoryLog", 3]], "scores": {}}),
        (None, {"callbacks": [[3, {}]], "scores": {}}),
        (None, {"callbacks": [["HistoryLog", {"epochs": [], "scores": {}}]], "scores": {"a": 1}}),
    ],
)
def test_a_checkpoint_whose_python_part_lies_is_refused(notes: Any, state: dict[str, Any], tmp_path: Path) -> None:
    run(network, epochs=2, callbacks=[HistoryLog()], checkpoint=tmp_path)
    path = tmp_path / "epoch-00000002.safetensors"
    core, own, _ = purr._core.Checkpoint.load(path)
    core.save([path], own if notes is None else notes, pack(state))
    net, log = network(), HistoryLog()
    before = net.fingerprint()
    with pytest.raises(purr.ModelFileError, match="not a checkpoint of fit"):
        net.fit(X, Y, batch_size=7, callbacks=[log], checkpoint=tmp_path, resume=True)
    assert (net.fingerprint(), log.epochs, log.scores) == (before, [], {})


@pytest.mark.parametrize("words", ["\x1b[2J\x1b]0;owned\x07", "long" * 100_000])
def test_what_a_checkpoint_says_in_an_error_is_short_and_steers_no_terminal(words: str, tmp_path: Path) -> None:
    run(network, epochs=2, checkpoint=tmp_path)
    path = tmp_path / "epoch-00000002.safetensors"
    core, notes, _ = purr._core.Checkpoint.load(path)
    identity = json.loads(notes["training"])["identity"]

    def lie(key: str) -> dict[str, str]:
        return {"training": json.dumps({"identity": identity | {key: words}, "best": None})}

    nothing = pack({"callbacks": [], "scores": {}})
    array = json.dumps({"$array": [words, [1], 0]}).encode()
    for told, state in [
        (lie(words), nothing),
        (lie(f"data.{words}"), nothing),
        (notes, pack({"callbacks": [[words, {}]], "scores": {}})),
        (notes, len(array).to_bytes(8, "little") + array),
    ]:
        core.save([path], told, state)
        with pytest.raises((purr.CheckpointError, purr.ModelFileError)) as caught:
            run(network, epochs=3, checkpoint=tmp_path, resume=True)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("$array"), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_plain_data_come_back_as_they_were(data: dict[str, Any]) -> None:
    np.testing.assert_equal(unpack(pack(data)), data)


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 255))
def test_bytes_that_are_none_of_ours_are_refused(noise: bytes, place: int, byte: int) -> None:
    for data in (noise, len(noise).to_bytes(8, "little") + noise):
        try:
            unpack(data)
        except ValueError:
            continue
    damaged = bytearray(pack({"a": np.arange(5), "b": [1.5, {"c": np.zeros((2, 3), "f4")}]}))
    damaged[place % len(damaged)] = byte
    with contextlib.suppress(ValueError):
        assert isinstance(unpack(bytes(damaged)), dict)


@pytest.mark.parametrize(
    "array",
    [
        ["<f8", [1 << 60], 0],
        ["<f8", [-1], 0],
        ["<f8", [1], -8],
        ["O", [1], 0],
        ["9" * 5000 + "f,f", [1], 0],
        ["<f8", [2], 8],
        [],
        "f8",
        ["<f8", 1, 0],
    ],
)
def test_arrays_that_lie_are_refused(array: Any) -> None:
    text = json.dumps({"a": {"$array": array}}).encode()
    with pytest.raises(ValueError, match=r"array|shape|unpack|int|negative|dtype"):
        unpack(len(text).to_bytes(8, "little") + text + bytes(16))


# One writer


def test_a_second_training_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    def second(epoch: int, logs: dict[str, float]) -> None:
        with pytest.raises(
            BlockingIOError, match=rf"another training \(process {os.getpid()}\) writes its checkpoints"
        ):
            run(network, checkpoint=tmp_path, resume=True)
        refused.append(epoch)

    refused: list[int] = []
    run(network, epochs=2, checkpoint=tmp_path, callbacks=[LambdaCallback(on_epoch_end=second)])
    assert refused == [0, 1]
    run(network, checkpoint=tmp_path, resume=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_hold_the_directory_of_its_parent(tmp_path: Path) -> None:
    go_on = multiprocessing.get_context("fork").Event()
    children = []

    def fork(epoch: int, logs: dict[str, float]) -> None:
        child = multiprocessing.get_context("fork").Process(target=go_on.wait, args=(60,))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of the pool, which sleep
            child.start()
        children.append(child)
        with pytest.raises(BlockingIOError):  # the parent still holds it
            run(network, checkpoint=tmp_path, resume=True)

    run(network, epochs=1, checkpoint=tmp_path, callbacks=[LambdaCallback(on_epoch_end=fork)])
    try:
        run(network, epochs=2, checkpoint=tmp_path, resume=True)
        assert children[0].is_alive()
    finally:
        go_on.set()
        children[0].join()


@pytest.mark.skipif(os.name == "nt", reason="a directory that is in use stays")
def test_a_training_that_began_in_the_place_of_another_is_alone(tmp_path: Path) -> None:
    def replace(epoch: int, logs: dict[str, float]) -> None:
        if epoch == 2:
            while not (folder / "epoch-00000002.safetensors").exists():
                time.sleep(0.01)
            folder.rename(tmp_path / "away")
            run(network, epochs=2, checkpoint=folder)

    folder = tmp_path / "run"
    watching = LambdaCallback(on_epoch_end=replace)
    with pytest.raises(OSError, match=r"run/lock: is no longer the one that this training has locked"):
        run(network, checkpoint=purr.Checkpoint(folder, every_epochs=2), callbacks=[watching])
    assert [path.name for path in folder.glob("epoch-*")] == ["epoch-00000002.safetensors"]
    run(network, checkpoint=tmp_path / "away", resume=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_goes_on_with_its_parents_training_writes_nothing(run_python: Callable[..., str]) -> None:
    script = """
import os, pathlib, sys, tempfile, purrceptron as purr
def fork(epoch, logs):
    if epoch == 1:
        children.append(os.fork())
children = []
def fit(folder):
    net = purr.Sequential.from_string("1-4-1", seed=0)
    watching = purr.callbacks.LambdaCallback(on_epoch_end=fork)
    net.fit([[0.0], [1.0]], [0, 1], epochs=4, callbacks=[watching], checkpoint=purr.Checkpoint(folder, every_epochs=1))
with tempfile.TemporaryDirectory() as folder:
    try:
        fit(folder)
    except RuntimeError as error:
        if children == [0]:
            print(error, flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
    assert pathlib.Path(folder, "epoch-00000004.safetensors").exists()
"""
    told = "a child that was forked in the midst of a training cannot go on with its checkpoints"
    assert run_python(script) == told


def test_two_trainings_in_two_threads_have_a_directory_each(tmp_path: Path) -> None:
    whole = run(network)
    results: dict[int, Any] = {}

    def train(number: int) -> None:
        folder = tmp_path / str(number)
        run(network, epochs=STOP, checkpoint=folder)
        results[number] = run(network, checkpoint=folder, resume=True)

    threads = [threading.Thread(target=train, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == dict.fromkeys(range(3), whole)


# Photos


def test_a_photo_classifier_resumes(tmp_path: Path) -> None:
    images, labels = purr.datasets.make_cats(20, seed=0)

    def fit(epochs: int, **options: Any) -> purr.CatClassifier:
        return purr.CatClassifier(epochs=epochs, seed=3).fit(images, labels, **options)

    fit(700, checkpoint=tmp_path)
    resumed, whole = fit(900, checkpoint=tmp_path, resume=True), fit(900)
    assert (resumed.model_.fingerprint(), resumed.training_) == (whole.model_.fingerprint(), whole.training_)
    assert resumed.history_.solver == "reduced"
