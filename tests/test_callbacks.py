"""Callbacks: when they are called, what they keep, and what becomes of the weights when they end a training."""

import copy
import inspect
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rich.console

import purrceptron as purr
from purrceptron import callbacks
from purrceptron.callbacks import CSVLog, HistoryLog, LambdaCallback, LearningRateLog, StopWhen

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
SCORES = [0.9, 0.5, 0.7, 0.6, 0.55, 0.8, 0.4]


def network(**options: Any) -> purr.Sequential:
    return purr.Sequential.from_string("4-5-1", seed=1, **options)


def weights_after(epochs: int, **options: Any) -> str:
    net = network()
    net.fit(X, Y, epochs=epochs, **options)
    return net.fingerprint()


class Recorder(purr.Callback):
    """Notes all that it is told, with the fingerprint of the moment."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def _note(self, *words: Any) -> None:
        assert self.trainer is not None
        self.told.append((*words, self.trainer.model.fingerprint()))

    def on_train_begin(self, model: purr.Sequential, epochs: int) -> None:
        assert self.trainer is not None
        assert self.trainer.model is model
        self._note("train begin", epochs)

    def on_epoch_begin(self, epoch: int) -> None:
        self._note("epoch begin", epoch)

    def on_batch_begin(self, batch: int) -> None:
        self._note("batch begin", batch)

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self._note("batch end", batch, logs["loss"])

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._note("epoch end", epoch, logs["loss"])

    def on_train_end(self) -> None:
        self._note("train end")


# When they are called


@pytest.mark.parametrize("solver", ["direct", "reduced"])
def test_callbacks_are_told_of_every_beginning_and_end_in_order(solver: str) -> None:
    recorder, net = Recorder(), network()
    x = np.tile(X, (1, 20)) if solver == "reduced" else X
    net = purr.Sequential.from_string(f"{x.shape[1]}-5-1", seed=1)
    net.fit(x, Y, epochs=2, batch_size=25, optimizer="sgd", solver=solver, callbacks=[recorder])
    words = [told[0] for told in recorder.told]
    batch = ["batch begin", "batch end"]
    epoch = ["epoch begin", *batch, *batch, "epoch end"]
    assert words == ["train begin", *epoch, *epoch, "train end"]
    assert [told[1] for told in recorder.told if told[0] == "batch end"] == [0, 1, 0, 1]
    assert recorder.trainer is None


def test_the_weights_of_the_moment_are_there_in_every_callback() -> None:
    recorder, net, twin = Recorder(), network(), network()
    net.fit(X, Y, epochs=2, batch_size=25, shuffle=False, callbacks=[recorder])
    trainer, seen = purr.Trainer(twin), {}
    begun = twin.fingerprint()
    for epoch in range(2):
        losses = []
        for batch in range(2):
            losses.append(trainer.step(X[25 * batch : 25 * batch + 25], Y[25 * batch : 25 * batch + 25]))
            seen[epoch, batch] = (losses[-1], twin.fingerprint())
    ends = [told[2:] for told in recorder.told if told[0] == "batch end"]
    assert ends == list(seen.values())
    assert [told[-1] for told in recorder.told if told[0] == "epoch end"] == [seen[0, 1][1], seen[1, 1][1]]
    begins = [told[-1] for told in recorder.told if told[0] == "batch begin"]
    assert begins == [begun, seen[0, 0][1], seen[0, 1][1], seen[1, 0][1]]


def test_batches_are_told_only_to_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Core:
        def __init__(self, core: Any) -> None:
            self._core = core

        def fit(self, *arguments: Any) -> Any:
            asked.append(arguments[-1] is not None)
            return self._core.fit(*arguments)

    def fit(*watching: purr.Callback) -> None:
        trainer = purr.Trainer(network())
        monkeypatch.setattr(trainer, "_core", Core(trainer._core))
        trainer.fit(X, Y, epochs=1, callbacks=watching)

    fit(purr.Callback(), HistoryLog(), purr.Progress(lambda *_: None), LambdaCallback(on_epoch_end=lambda *_: None))
    fit(LambdaCallback(on_batch_begin=lambda batch: None))
    fit(LambdaCallback(on_batch_end=lambda batch, logs: None))
    fit(Recorder())
    assert asked == [False, True, True, True]


def test_callbacks_change_no_weight() -> None:
    watching = [Recorder(), HistoryLog(), LearningRateLog(), StopWhen(lambda epoch, logs: False)]
    assert weights_after(3, callbacks=watching) == weights_after(3)


def test_no_epochs_mean_no_word_of_one() -> None:
    recorder = Recorder()
    network().fit(X, Y, epochs=0, callbacks=[recorder])
    assert [told[0] for told in recorder.told] == ["train begin", "train end"]


def test_what_is_no_callback_is_refused() -> None:
    with pytest.raises(TypeError, match=r"callbacks: expected objects of subclasses of purr\.Callback, got <class"):
        network().fit(X, Y, callbacks=[purr.EarlyStopping])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="on_epoch_end must be a function"):
        LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


# When they fail


class StopError(Exception):
    pass


def fail(*_: Any) -> None:
    raise StopError


@pytest.mark.parametrize("solver", ["direct", "reduced"])
@pytest.mark.parametrize(
    ("where", "place", "finished"),
    [
        ("on_train_begin", 0, 0),
        ("on_epoch_begin", 0, 0),
        ("on_epoch_begin", 2, 2),
        ("on_batch_begin", 7, 2),
        ("on_batch_end", 7, 2),
        ("on_batch_end", 0, 0),
        ("on_epoch_end", 1, 2),
        ("on_train_end", 0, 3),
    ],
)
def test_a_callback_that_raises_leaves_the_weights_of_the_last_finished_epoch(
    where: str, place: int, finished: int, solver: str
) -> None:
    x = np.tile(X, (1, 20)) if solver == "reduced" else X
    options: dict[str, Any] = {"batch_size": 17, "optimizer": purr.SGD(0.1, momentum=0.9), "solver": solver}
    net, twin = (purr.Sequential.from_string(f"{x.shape[1]}-5-1", seed=1, dtype="float64") for _ in range(2))
    calls, ended = [], []

    def raise_at_place(*_: Any) -> None:
        calls.append(None)
        if len(calls) == place + 1:
            raise StopError

    other = LambdaCallback(on_train_end=lambda: ended.append(True))
    faulty = LambdaCallback(**{where: raise_at_place})
    with pytest.raises(StopError):
        net.fit(x, Y, epochs=3, callbacks=[other, faulty], **options)
    twin.fit(x, Y, epochs=finished, **options)
    for mine, expected in zip(net.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=0 if solver == "direct" else 1e-12)
    assert ended == [True]


def test_a_trainer_goes_on_after_a_batch_callback_failed_as_if_the_epoch_had_not_begun() -> None:
    net, twin = network(), network()
    trainer, other = purr.Trainer(net), purr.Trainer(twin)
    trainer.fit(X, Y, epochs=1)
    with pytest.raises(StopError):
        trainer.fit(X, Y, epochs=1, batch_size=10, callbacks=[LambdaCallback(on_batch_end=fail)])
    trainer.fit(X, Y, epochs=1)
    other.fit(X, Y, epochs=2)
    assert net.fingerprint() == twin.fingerprint()
    assert trainer.steps == other.steps


def statistics() -> purr.Sequential:
    return purr.Sequential([purr.Dense(5), purr.BatchNorm(), purr.Dense(1, "sigmoid")], input_shape=4, seed=1)


def test_running_statistics_go_back_with_the_weights() -> None:
    net, twin, prints = statistics(), statistics(), []
    twin.fit(X, Y, epochs=2)
    told = []

    def raise_in_the_third_epoch(batch: int, logs: dict[str, float]) -> None:
        told.append(batch)
        if len(told) == 6:
            raise StopError

    with pytest.raises(StopError):
        net.fit(X, Y, epochs=3, callbacks=[LambdaCallback(on_batch_end=raise_in_the_third_epoch)])
    assert net.fingerprint() == twin.fingerprint()

    net = statistics()
    stopping = purr.EarlyStopping(monitor="loss", mode="max", patience=9)  # the first epoch is the best
    log = LambdaCallback(on_epoch_end=lambda epoch, logs: prints.append(net.fingerprint()))
    net.fit(X, Y, epochs=3, callbacks=[log, stopping])
    assert (stopping.best_epoch, net.fingerprint()) == (0, prints[0])
    assert len(set(prints)) == 3


def test_all_are_told_of_the_end_also_if_one_of_them_fails_then() -> None:
    ended = []
    first, last = (LambdaCallback(on_train_end=lambda: ended.append(True)) for _ in range(2))
    with pytest.raises(StopError):
        network().fit(X, Y, epochs=1, callbacks=[first, LambdaCallback(on_train_end=fail), last])
    assert ended == [True, True]


# Early stopping


def stopped(scores: list[float], **settings: Any) -> tuple[purr.EarlyStopping, int | None, str, list[str]]:
    """A training with these scores as a metric: the callback, its best epoch, and fingerprints."""
    left, prints, net = iter(scores), [], network()

    def quality(y: Any, p: Any) -> float:
        prints.append(net.fingerprint())
        return next(left)

    stopping = purr.EarlyStopping(monitor="quality", **settings)
    net.fit(X, Y, epochs=len(scores), metrics=[quality], callbacks=[stopping])
    return stopping, stopping.stopped_epoch, net.fingerprint(), prints


@pytest.mark.parametrize(
    ("settings", "best", "stop"),
    [
        ({"mode": "min", "patience": 3}, 1, 4),
        ({"mode": "min", "patience": 10}, 6, None),
        ({"mode": "max", "patience": 2}, 0, 2),
        ({"mode": "min", "patience": 2, "start_from_epoch": 3}, 6, None),
        ({"mode": "min", "patience": 2, "start_from_epoch": 2}, 4, None),
        ({"mode": "min", "patience": 3, "min_delta": 0.2}, 1, 4),
        ({"mode": "min", "patience": 10, "min_delta": 0.2}, 1, None),
        ({"mode": "max", "patience": 9, "start_from_epoch": 100}, -1, None),
    ],
)
def test_early_stopping_gives_back_the_best_weights(settings: dict[str, Any], best: int, stop: int | None) -> None:
    scores = SCORES if settings.get("start_from_epoch") != 2 else [0.9, 0.1, 0.7, 0.6, 0.5, 0.8]
    stopping, at, weights, prints = stopped(scores, **settings)
    assert (stopping.best_epoch, at) == (best, stop)
    assert weights == prints[best]
    assert stopping.best == (None if best < 0 else scores[best])


def test_a_score_that_is_nan_is_worse_than_any_other() -> None:
    stopping, _, weights, prints = stopped([math.nan, 0.5, math.nan, 0.7, 0.6], mode="min")
    assert stopping.best_epoch == 1
    assert weights == prints[1]


@pytest.mark.parametrize("end", [KeyboardInterrupt, StopError])
def test_early_stopping_gives_back_the_best_weights_after_an_interrupt(end: type[BaseException]) -> None:
    net, stopping = network(), purr.EarlyStopping(monitor="quality", mode="max", patience=9)
    best: list[str] = []

    def quality(y: Any, p: Any) -> float:
        best.append(net.fingerprint())
        if len(best) == 4:
            raise end
        return -abs(len(best) - 2.0)

    with pytest.raises(end):
        net.fit(X, Y, epochs=10, metrics=[quality], callbacks=[stopping])
    assert stopping.best_epoch == 1
    assert net.fingerprint() == best[1]


@pytest.mark.parametrize(
    ("monitor", "larger"),
    [
        ("loss", False),
        ("val_loss", False),
        ("accuracy", True),
        ("val_top_3_accuracy", True),
        ("val_r2", True),
        ("log_loss", False),
        ("val_brier_score", False),
        ("root_mean_squared_error", False),
        ("val_f1_score", True),
        ("max_error", False),
    ],
)
def test_what_is_better_follows_from_the_name_of_a_score(monitor: str, larger: bool) -> None:
    stopping = purr.EarlyStopping(monitor=monitor, patience=1)
    stopping.on_train_begin(network(), 3)
    stopping.on_epoch_end(0, {monitor: 0.5})
    assert stopping.on_epoch_end(1, {monitor: 0.6}) is not larger


def test_early_stopping_refuses_what_it_cannot_know() -> None:
    with pytest.raises(ValueError, match=r"cannot tell from the name 'val_quality'.*mode='min' or mode='max'"):
        purr.EarlyStopping(monitor="val_quality")
    with pytest.raises(ValueError, match=r"mode must be .*, got 'least'"):
        purr.EarlyStopping(mode="least")
    with pytest.raises(ValueError, match="start_from_epoch must be at least 0"):
        purr.EarlyStopping(start_from_epoch=-1)


# What they keep


def made(kind: type[purr.Callback], folder: Path) -> purr.Callback:
    """One of a kind; those that need settings have a row here."""
    settings: dict[str, tuple[Any, ...]] = {
        "CSVLog": (folder / "log.csv",),
        "EarlyStopping": (2, "loss"),
        "Progress": (lambda *_: None,),
        "StopWhen": (lambda epoch, logs: epoch == 5,),
    }
    return kind(*settings.get(kind.__name__, ()))


KINDS = [getattr(callbacks, name) for name in callbacks.__all__]


def plain(data: Any) -> bool:
    if isinstance(data, dict):
        return all(isinstance(name, str) and plain(value) for name, value in data.items())
    if isinstance(data, list):
        return all(map(plain, data))
    return data is None or type(data) in (bool, int, float, str, np.ndarray)


def drive(callback: purr.Callback, net: purr.Sequential, epochs: range, end: bool) -> list[bool]:
    """What a training would tell it, the weights moving on from epoch to epoch; after which epochs it would stop."""
    callback.trainer = purr.Trainer(net)
    callback.on_train_begin(net, 7)
    stops = []
    for epoch in epochs:
        net.set_weights([np.full(w.shape, epoch, w.dtype) for w in net.get_weights()])
        stops.append(bool(callback.on_epoch_end(epoch, {"loss": (*SCORES[:6], 0.75)[epoch]})))  # the second is the best
    if end:
        callback.on_train_end()
    return stops


def shown(callback: purr.Callback) -> dict[str, Any]:
    """What there is to read in it."""
    return copy.deepcopy(
        {name: value for name, value in vars(callback).items() if name[0] != "_" and name != "trainer"}
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_callback_is_documented_and_its_state_is_plain_data(kind: type[purr.Callback], tmp_path: Path) -> None:
    assert issubclass(kind, purr.Callback)
    assert ">>>" in (inspect.getdoc(kind) or ""), "its documentation has an example"
    callback = made(kind, tmp_path)
    drive(callback, network(), range(4), end=False)
    assert plain(callback.state())
    json.dumps(callback.state(), default=lambda array: array.tolist())
    callback.on_train_end()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_training_that_is_resumed_goes_on_as_if_it_had_not_stopped(kind: type[purr.Callback], tmp_path: Path) -> None:
    whole, net = made(kind, tmp_path), network()
    stops = drive(whole, net, range(7), end=False)
    remembered, expected = shown(whole), whole.state()
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    whole.on_train_end()
    given_back = net.fingerprint()

    net = network()
    drive(killed := made(kind, tmp_path), net, range(3), end=False)
    state = killed.state()
    killed.on_epoch_end(3, {"loss": 0.1})  # after the checkpoint: it will happen again
    resumed = made(kind, tmp_path)
    resumed.restore(state)
    assert drive(resumed, net, range(3, 7), end=False) == stops[3:]
    np.testing.assert_equal(resumed.state(), expected)
    np.testing.assert_equal(shown(resumed), remembered)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == written
    resumed.on_train_end()
    assert net.fingerprint() == given_back
    killed.on_train_end()


@pytest.mark.parametrize("rest", ["", "3,0.6", "3,0.6\n4", "3,0.6\n4,0.55\n"])
def test_a_csv_log_goes_on_after_its_last_kept_line(rest: str, tmp_path: Path) -> None:
    net = network()
    drive(CSVLog(tmp_path / "log.csv"), net, range(3), end=True)
    with open(tmp_path / "log.csv", "a") as file:
        file.write(rest)
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "log.csv")
    resumed = CSVLog(link)
    resumed.restore({"epoch": 2})
    drive(resumed, net, range(3, 5), end=True)
    assert (tmp_path / "log.csv").read_text() == "epoch,loss\n0,0.9\n1,0.5\n2,0.7\n3,0.6\n4,0.55\n"
    assert link.is_symlink()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_second_training_starts_afresh(kind: type[purr.Callback], tmp_path: Path) -> None:
    callback, fresh = made(kind, tmp_path), made(kind, tmp_path)
    callback.restore(fresh.state())
    drive(callback, network(), range(5), end=True)
    drive(callback, network(), range(2), end=False)
    again = callback.state()
    callback.on_train_end()
    drive(fresh, network(), range(2), end=False)
    np.testing.assert_equal(again, fresh.state())
    fresh.on_train_end()


# Logs


def test_a_csv_log_has_the_history(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = network().fit(X, Y, epochs=3, metrics=["accuracy"], validation_split=0.2, callbacks=[CSVLog(path)])
    header, *lines = (line.split(",") for line in path.read_text().splitlines())
    assert header == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [line[0] for line in lines] == ["0", "1", "2"]
    assert [float(line[1]) for line in lines] == history.loss
    assert [float(line[4]) for line in lines] == history.metrics["val_accuracy"]


def test_a_csv_log_that_cannot_be_written_stops_before_the_training(tmp_path: Path) -> None:
    net = network()
    before = net.fingerprint()
    with pytest.raises(FileNotFoundError):
        net.fit(X, Y, callbacks=[CSVLog(tmp_path / "no" / "log.csv")])
    assert net.fingerprint() == before


def test_a_history_log_keeps_what_an_interrupted_training_had() -> None:
    log = HistoryLog()

    def interrupt(epoch: int, logs: dict[str, float]) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, epochs=9, metrics=["accuracy"], callbacks=[log, LambdaCallback(on_epoch_end=interrupt)])
    twin = network().fit(X, Y, epochs=3, metrics=["accuracy"])
    assert log.epochs == [0, 1, 2]
    assert log.scores == {"loss": twin.loss, **twin.metrics}


def test_a_condition_stops_the_training() -> None:
    stop: Callable[..., bool] = lambda epoch, logs: logs["accuracy"] > 0 and epoch >= 2  # noqa: E731
    condition = StopWhen(stop)
    history = network().fit(X, Y, epochs=9, metrics="accuracy", callbacks=[condition])
    assert len(history.loss) == 3
    assert condition.stopped_epoch == 2


@pytest.mark.parametrize(
    ("width", "bar", "scores"),
    [
        (40, 0, ""),
        (60, 6, "  cost 0.5000"),
        (80, 0, "  cost 0.5000  validation cost 0.6250"),
        (100, 22, "  cost 0.5000  validation cost 0.6250"),
        (140, 28, "  cost 0.5000  validation cost 0.6250"),
    ],
)
def test_in_a_terminal_of_any_width_the_line_is_whole_and_its_bar_keeps_its_length(
    width: int, bar: int, scores: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    options: dict[str, Any] = {"file": shown, "width": width, "force_terminal": True, "force_interactive": True}
    console = rich.console.Console(**options, color_system=None)
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    monkeypatch.setattr("purrceptron.callbacks.Progress._PAUSE", 0)
    progress = purr.ProgressBar()
    progress.on_train_begin(purr.Sequential.from_string("1-1", seed=0), 40_000)
    for epoch in (0, 98, 9_999):
        progress.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.625})
        progress._bar.refresh()
    progress.on_train_end()
    lines = [line for line in re.split(r"[\r\n]", shown.getvalue()) if " left" in line]
    assert len(lines) >= 3
    for line in lines:
        line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)
        assert len(line.rstrip()) <= width
        assert re.search(rf"[ \d,]{{6}}/40,000{re.escape(scores)}  [\d.mins ]+ left$", line.rstrip())
        assert line.index("/40,000") == len("training 40,000") + (1 + bar if bar else 0)


def test_without_a_terminal_a_long_training_writes_ten_lines_and_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter(range(0, 10**6, 2))
    monkeypatch.setattr("purrceptron.callbacks.progress.time.monotonic", lambda: float(next(seconds)))
    bar = purr.ProgressBar()
    bar.on_train_begin(purr.Sequential.from_string("1-1", seed=0), 2500)
    for epoch in range(2500):
        bar.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.625, "val_accuracy": 0.75})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert "502/2,500  cost 0.5000  validation cost 0.6250  validation accuracy 0.7500" in lines[2]
    assert all(line.endswith(" left") for line in lines[:-1])
