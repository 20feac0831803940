"""Operations in any order: a network is what was done to it, and nothing else.

A state machine builds networks, trains, stops and resumes them, steps, sets, freezes, copies, saves, loads and reads.
Beside each stands its history: the operations that changed it, as functions. Whatever happened in between, doing the
same to a fresh network, on one thread, must give the same bits, and an operation on one network, or one that was
refused, must change no other. An operation that is added is one function below, one rule, and a name in `OPERATIONS`.
"""

import copy
import dataclasses
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from strategies import Net, examples, nets, optimizers, solvers

import purrceptron as purr

Trainers = dict[int, purr.Trainer]
Operation = Callable[[purr.Sequential, Trainers, int], purr.Sequential]  # network, its trainers, threads: the network

COUNT: Counter[str] = Counter()
"""How often each operation has changed a network: what is always refused, or never drawn, proves nothing."""

OPERATIONS = (
    "fit", "stop", "resume", "resume within an epoch", "give", "step", "partial_fit", "rate", "set_weights", "adapt",
    "freeze",
)  # fmt: skip


@dataclasses.dataclass(eq=False)
class Known:
    """A network, and what is known of it."""

    net: Net
    model: purr.Sequential
    done: tuple[Operation, ...] = ()
    trainers: Trainers = dataclasses.field(default_factory=dict)
    fingerprint: str = ""

    def note(self, operation: Operation, by: str = "") -> None:
        self.done += (operation,)
        self.fingerprint = self.model.fingerprint()
        COUNT[by or operation.__name__] += 1

    def again(self) -> purr.Sequential:
        """A fresh network to which the same is done."""
        model, trainers = self.net.build(), Trainers()
        for operation in self.done:
            model = operation(model, trainers, 1)
        return model


# Operations: each a function of what it is told alone


def fitted(net: Net, optimizer: Any, seed: int, samples: int, **options: Any) -> Operation:
    def fit(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        x, y = net.x(samples, seed), net.y(samples, seed)
        model.fit(x, y, optimizer=optimizer, loss=net.loss, n_threads=n_threads, **options)
        return model

    return fit


def given_trainer(net: Net, number: int, optimizer: Any) -> Operation:
    def give(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        trainers[number] = purr.Trainer(model, optimizer=optimizer, loss=net.loss, n_threads=n_threads)
        return model

    return give


def stepped(net: Net, number: int, seed: int, samples: int) -> Operation:
    def step(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        trainers[number].step(net.x(samples, seed), net.y(samples, seed), sample_weight=np.arange(1.0, samples + 1))
        return model

    return step


def fitted_in_part(net: Net, number: int, seed: int, samples: int) -> Operation:
    def partial_fit(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        trainers[number].partial_fit(net.x(samples, seed), net.y(samples, seed), batch_size=4)
        return model

    return partial_fit


def rated(number: int, learning_rate: float) -> Operation:
    def rate(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        trainers[number].learning_rate = learning_rate
        return model

    return rate


def reweighted(seed: int) -> Operation:
    def set_weights(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        random = np.random.default_rng(seed)
        weights = [random.normal(size=weight.shape).astype(model.dtype) for weight in model.get_weights()]
        model.set_weights(weights)
        for got, expected in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(got, expected, strict=True)
        return model

    return set_weights


def adapted(net: Net, seed: int, samples: int) -> Operation:
    def adapt(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        model.adapt(net.x(samples, seed), n_threads=n_threads)
        return model

    return adapt


def frozen(trainable: list[bool]) -> Operation:
    """The same network of layers some of which can learn."""

    def freeze(model: purr.Sequential, trainers: Trainers, n_threads: int) -> purr.Sequential:
        layers = [
            dataclasses.replace(layer, trainable=learns) if hasattr(layer, "trainable") else layer
            for layer, learns in zip(model.layers, trainable, strict=True)
        ]
        again = purr.Sequential(layers, input_shape=model.input_shape, seed=model.seed, dtype=model.dtype)
        again.set_weights(model.get_weights())
        again.set_buffers(model.buffers)
        trainers.clear()  # which train the other
        return again

    return freeze


# What is refused, by what it is refused for


def refusals(known: Known, folder: Path) -> dict[str, Callable[[], object]]:
    net, model = known.net, known.model
    x, y, weights = net.x(4, 0), net.y(4, 0), model.get_weights()
    lost = np.full(x.shape, np.nan)
    calls: dict[str, Callable[[], object]] = {
        "a shape of samples": lambda: model.fit(x[:, :0], y, loss=net.loss),
        "samples without targets": lambda: model.fit(x, y[:3], loss=net.loss),
        "what is not finite": lambda: model.fit(lost, y, loss=net.loss),
        "weights of samples": lambda: model.fit(x, y, loss=net.loss, sample_weight=[1, 2, -3, 4]),
        "validation data": lambda: model.fit(x, y, loss=net.loss, validation_data=(lost, y)),
        "a loss": lambda: model.fit(x, y, loss="love"),
        "an optimizer": lambda: model.fit(x, y, loss=net.loss, optimizer=purr.SGD(-1.0)),
        "a batch size": lambda: model.fit(x, y, loss=net.loss, batch_size=0),
        "a metric": lambda: model.fit(x, y, loss=net.loss, metrics=["purr"]),
        "a callback": lambda: model.fit(x, y, loss=net.loss, callbacks=[print]),  # type: ignore[list-item]
        "an array too many": lambda: model.set_weights([*weights, np.zeros(1)]),
        "the last array's shape": lambda: model.set_weights([*weights[:-1], np.zeros(99)]),
        "the last array's numbers": lambda: model.set_weights([*weights[:-1], np.full(weights[-1].shape, "x")]),
        "a buffer": lambda: model.set_buffers({**model.buffers, "layers.9.mean": [0.0]}),
        "samples to predict from": lambda: model.predict(lost),
        "a step": lambda: purr.Trainer(model, loss=net.loss).step(lost, y),
        "a folder": lambda: model.save(folder / "none" / "net.safetensors"),
    }
    if any(isinstance(layer, purr.Normalize) for layer in net.layers):
        calls["samples to adapt to"] = lambda: model.adapt(lost)
        calls["no samples to adapt to"] = lambda: model.adapt(x[:0])
    for number, trainer in known.trainers.items():
        calls[f"a step of trainer {number}"] = lambda trainer=trainer: trainer.step(lost, y)  # type: ignore[misc]
    return calls


class Seen(purr.Callback):
    """Ends a training after an epoch, by word or by an error, and counts what it has seen."""

    def __init__(self, last: int, by_error: bool) -> None:
        self.last, self.by_error, self.epochs = last, by_error, 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        self.epochs += 1
        if epoch == self.last and self.by_error:
            raise ArithmeticError
        return epoch == self.last


SEEDS = st.integers(0, 1000)
SAMPLES = st.integers(1, 12)
THREADS = st.integers(1, 3)
PLACE = st.floats(0, 1, exclude_max=True)


def options_for(net: Net, optimizer: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Options of `fit`, few of which are refused."""
    optional: dict[str, Any] = {
        "epochs": st.integers(0, 3),
        "batch_size": st.none() | st.integers(1, 12),
        "shuffle": st.booleans(),
        "accumulate": st.integers(1, 3),
        "mixup": st.none() | st.just(0.2),
        "validation_split": st.none() | st.just(0.25),
        "solver": solvers(net, optimizer),
    }
    if net.loss.takes_classes:
        optional["class_weight"] = st.just("balanced")
    return st.fixed_dictionaries({}, optional=optional)


class Sequences(RuleBasedStateMachine):
    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Known] = []
        self.folder = tempfile.TemporaryDirectory()

    def add(self, known: Known) -> Known:
        known.fingerprint = known.model.fingerprint()
        self.all.append(known)
        return known

    def change(self, known: Known, operation: Operation, n_threads: int = 1) -> None:
        """Does something to a network, which is noted, or else refused."""
        try:
            known.model = operation(known.model, known.trainers, n_threads)
        except (ValueError, purr.DivergedError):
            return
        known.note(operation)

    @initialize(target=known, net=nets(most=3))
    def begin(self, net: Net) -> Known:
        return self.add(Known(net, net.build()))

    @rule(target=known, net=nets(most=3))
    def build_later(self, net: Net) -> Known:
        model = purr.Sequential(net.layers, seed=net.seed, dtype=net.dtype)
        model.build(net.input_shape)
        return self.add(Known(net, model))

    # What changes a network

    @rule(known=known, seed=SEEDS, samples=SAMPLES, n_threads=THREADS, aside=st.booleans(), data=st.data())
    def fit(self, known: Known, seed: int, samples: int, n_threads: int, aside: bool, data: Any) -> None:
        optimizer = data.draw(optimizers(known.net))
        options = data.draw(options_for(known.net, optimizer))
        operation = fitted(known.net, optimizer, seed, samples, **options)
        if not aside:
            return self.change(known, operation, n_threads)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self.change, known, operation, n_threads).result()

    @rule(known=known, seed=SEEDS, samples=SAMPLES, last=st.integers(0, 2), by_error=st.booleans(), data=st.data())
    def fit_until_a_callback_ends_it(
        self, known: Known, seed: int, samples: int, last: int, by_error: bool, data: Any
    ) -> None:
        """The network is that of a training of as many epochs as the callback has seen, by the same solver."""
        optimizer = data.draw(optimizers(known.net))
        options = data.draw(options_for(known.net, optimizer))
        seen = Seen(last, by_error)
        if options.get("solver", "auto") == "auto":  # which goes by the number of epochs, too
            options["solver"] = "direct"
        try:
            fitted(known.net, optimizer, seed, samples, **options, callbacks=[seen])(known.model, {}, 1)
        except (ArithmeticError, purr.DivergedError):
            pass
        except ValueError:
            return
        known.note(fitted(known.net, optimizer, seed, samples, **{**options, "epochs": seen.epochs}), "stop")

    @rule(known=known, seed=SEEDS, samples=SAMPLES, first=st.integers(1, 3), n_threads=THREADS, place=PLACE,
          data=st.data())  # fmt: skip
    def fit_in_two_goes(
        self, known: Known, seed: int, samples: int, first: int, n_threads: int, place: float, data: Any
    ) -> None:
        """A copy begins and keeps checkpoints, and the network goes on from any one: that is one training."""
        optimizer = data.draw(optimizers(known.net))
        options = data.draw(options_for(known.net, optimizer))
        options["epochs"] = max(first, options.get("epochs", 0))
        with tempfile.TemporaryDirectory() as folder:
            kept = {"checkpoint": purr.Checkpoint(folder, every_seconds=1e-9, keep=None)}
            begun = copy.deepcopy(known.model)
            try:
                fitted(known.net, optimizer, seed, samples, **{**options, "epochs": first}, **kept)(begun, {}, 1)
            except (ValueError, purr.DivergedError):
                return
            places = sorted(Path(folder).glob("epoch-*"))
            chosen = places[int(place * len(places))]
            for path in {*places} - {chosen}:
                path.unlink()
            resumed = fitted(known.net, optimizer, seed, samples, **options, **kept, resume=True)
            try:
                resumed(known.model, {}, n_threads)
            except purr.DivergedError:
                return
            except ValueError as error:
                if "solver" not in str(error):  # "auto" takes another one for so many epochs
                    raise
                return
        within = "resume within an epoch" if "batch" in chosen.name else "resume"
        known.note(fitted(known.net, optimizer, seed, samples, **options), within)

    @rule(known=known, data=st.data())
    def make_a_trainer(self, known: Known, data: Any) -> None:
        self.change(known, given_trainer(known.net, len(known.trainers), data.draw(optimizers(known.net))))

    def number_of_a_trainer(self, known: Known, data: Any) -> int:
        """One of those that there are, or else a first one."""
        if not known.trainers:
            self.make_a_trainer(known, data)
        return int(data.draw(st.sampled_from(sorted(known.trainers))))

    @rule(known=known, seed=SEEDS, samples=SAMPLES, whole=st.booleans(), data=st.data())
    def step(self, known: Known, seed: int, samples: int, whole: bool, data: Any) -> None:
        number = self.number_of_a_trainer(known, data)
        before = known.trainers[number].steps
        self.change(known, (fitted_in_part if whole else stepped)(known.net, number, seed, samples))
        assert 0 <= known.trainers[number].steps - before <= (3 if whole else 1)

    @rule(known=known, learning_rate=st.sampled_from([0.0, 0.01, 0.1]), data=st.data())
    def set_a_learning_rate(self, known: Known, learning_rate: float, data: Any) -> None:
        number = self.number_of_a_trainer(known, data)
        self.change(known, rated(number, learning_rate))
        assert known.trainers[number].learning_rate == learning_rate

    @rule(known=known, seed=SEEDS)
    def set_weights(self, known: Known, seed: int) -> None:
        self.change(known, reweighted(seed))

    @rule(known=known, seed=SEEDS, samples=SAMPLES, n_threads=THREADS)
    def adapt(self, known: Known, seed: int, samples: int, n_threads: int) -> None:
        self.change(known, adapted(known.net, seed, samples), n_threads)

    @rule(known=known, data=st.data())
    def freeze_and_unfreeze(self, known: Known, data: Any) -> None:
        layers = known.model.layers
        trainable = data.draw(st.lists(st.booleans(), min_size=len(layers), max_size=len(layers)))
        before = known.model
        self.change(known, frozen(trainable))
        assert known.model is not before
        assert known.model.fingerprint() == before.fingerprint()

    # What makes another of it

    @rule(target=known, known=known, way=st.sampled_from(["save and load", "copy", "deepcopy", "pickle"]))
    def keep(self, known: Known, way: str) -> Known:
        path = Path(self.folder.name, "net.safetensors")  # over that of before
        if way == "save and load":
            known.model.save(path)
            loaded = purr.load(path)
            assert isinstance(loaded, purr.Sequential)
        ways: dict[str, Callable[[], Any]] = {
            "save and load": lambda: loaded,
            "copy": lambda: copy.copy(known.model),
            "deepcopy": lambda: copy.deepcopy(known.model),
            "pickle": lambda: pickle.loads(pickle.dumps(known.model)),
        }
        again = ways[way]()
        assert again == known.model
        assert again.layers == known.model.layers
        again = Known(known.net, again, known.done)
        if known.trainers:  # which train the other: the history goes on without them
            again.done += (frozen([getattr(layer, "trainable", True) for layer in known.model.layers]),)
        return self.add(again)

    # What changes nothing

    @rule(known=known, seed=SEEDS, samples=SAMPLES, n_threads=THREADS)
    def read(self, known: Known, seed: int, samples: int, n_threads: int) -> None:
        net, model = known.net, known.model
        x, y = net.x(samples, seed), net.y(samples, seed)
        try:
            answers = model.predict(x, n_threads=n_threads)
            assert model.predict(x).tobytes() == answers.tobytes()
            model.predict_proba(x)
            model.forward(x, training=True, step=seed)
            model.evaluate(x, y, loss=net.loss)
            model.loss_and_gradient(x, y, loss=net.loss)
            model.backward(x, np.ones_like(model.forward(x)[-1]))
        except purr.DataError as error:
            if "normalize" not in str(error) and "not finite" not in str(error):
                raise
        model.set_buffers(model.buffers)
        model.set_weights(model.get_weights())
        assert model.summary()
        assert repr(model)

    @rule(known=known, data=st.data())
    def refuse(self, known: Known, data: Any) -> None:
        calls = refusals(known, Path(self.folder.name))
        before, steps = known.model.__getstate__(), [trainer.steps for trainer in known.trainers.values()]
        with pytest.raises((ValueError, TypeError, OSError)):
            calls[data.draw(st.sampled_from(sorted(calls)))]()
        assert known.model.__getstate__() == before
        assert [trainer.steps for trainer in known.trainers.values()] == steps

    # What must hold

    @invariant()
    def no_network_has_changed_but_the_one_that_was_meant(self) -> None:
        for known in self.all:
            assert known.model.fingerprint() == known.fingerprint

    def teardown(self) -> None:
        try:
            for known in self.all:
                again = known.again()
                assert again == known.model
                x = known.net.x(3, 0)
                assert (
                    again.forward(x, training=True)[-1].tobytes() == known.model.forward(x, training=True)[-1].tobytes()
                )
        finally:
            self.folder.cleanup()


def test_a_network_is_what_was_done_to_it_whatever_the_order() -> None:
    COUNT.clear()
    run_state_machine_as_test(Sequences, settings=examples(100, stateful_step_count=30))
    assert all(COUNT[operation] >= 10 for operation in OPERATIONS), COUNT
