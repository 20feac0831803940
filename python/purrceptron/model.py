"""`Sequential`: layers in order, with weights."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._arrays import Array, ClassWeight, as_numbers, as_samples
from ._named import cut_by_name, flattened
from ._scores import Metric
from ._spec import MOST_SEED, check_name, check_threads, check_whole
from .augmentation import Augmentation
from .batches import is_stream
from .callbacks import Callback
from .checkpoints import Checkpoint
from .layers import Activation, Dense, Layer, check_layers, given_arrays, layer_from_dict, without_arrays
from .lbfgs import LBFGS
from .losses import Loss, OwnLoss
from .optimizers import SGD, Optimizer
from .strings import parse_network
from .trainer import Batches, History, Trainer

__all__ = ["Sequential"]


def _dtype_name(dtype: str) -> str:
    try:
        return check_name("dtype", np.dtype(dtype).name)
    except SyntaxError:  # NumPy takes text with a comma for source code
        return check_name("dtype", dtype)


class Sequential:
    """A network: layers in order.

    Args:
        layers: Descriptions, from the input to the output.
        input_shape: Shape of one sample, an int or a tuple; left out, it comes from the first `fit`.
        seed: Seed of the first weights, of shuffling, of everything random: 0 to 2^64 - 1.
        dtype: Type of the weights and of all arithmetic, "float32" (the default) or "float64".

    Raises:
        ValueError: There is no layer, or a setting is out of its range.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
        >>> y = np.array([0, 1, 1, 0])
        >>> net = purr.Sequential([purr.Dense(8, "tanh"), purr.Dense(1, "sigmoid")], input_shape=2, seed=1)
        >>> history = net.fit(x, y, epochs=2000, batch_size=None, optimizer=purr.Adam(0.01))
        >>> net.predict(x).round().ravel()
        array([0., 1., 1., 0.], dtype=float32)
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        *,
        input_shape: int | Sequence[int] | None = None,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        self._layers = tuple(check_layers(layers, "layers"))
        if not self._layers:
            raise ValueError("layers must be at least one layer, got none")
        self._seed = check_whole("seed", seed, 0, MOST_SEED)
        self._dtype = _dtype_name(dtype)
        self._core: _core.Network | None = None
        self._input_shape: tuple[int, ...] | None = None
        if input_shape is not None:
            self.build(input_shape)

    @classmethod
    def from_string(cls, text: str, *, seed: int = 0, dtype: str = "float32") -> Self:
        """A dense network from its sizes, the input's first: "12288-20-7-5-1".

        Hidden layers have ReLU; the last has sigmoid if it is one unit, else softmax. A colon says otherwise:
        "8-32:tanh-1:identity".

        Raises:
            ValueError: The text is no such list (the message shows where).

        Example:
            >>> from purrceptron import Sequential
            >>> Sequential.from_string("64-100-10").layers[-1].activation
            'softmax'
        """
        inputs, layers = parse_network(text)
        if inputs is None:
            raise ValueError(f"network {text!r}: expected sizes such as '64-100-10', the input's first")
        return cls(layers, input_shape=inputs, seed=seed, dtype=dtype)

    @classmethod
    def from_toml(cls, source: str | os.PathLike[str]) -> Self:
        """A network from its description in TOML: a path, or the text itself.

        The keys are those of the JSON in a model file, and what is left out is as usual.

        Raises:
            ValueError: The text is no TOML, or no description of a network.

        Example:
            >>> from purrceptron import Sequential
            >>> net = Sequential.from_toml('''
            ... input_shape = [64]
            ... [[layers]]
            ... type = "dense"
            ... units = 100
            ... activation = { leaky_relu = { negative_slope = 0.2 } }
            ... [[layers]]
            ... type = "dense"
            ... units = 10
            ... ''')
            >>> net.outputs
            10
        """
        from . import toml  # which few need, with the parser

        return cls(**toml.read(source))

    def to_toml(self) -> str:
        """The description as TOML, which `from_toml` reads: layers, input shape, seed and dtype; no weights."""
        from . import toml

        return toml.write(self._description())

    def _description(self) -> dict[str, Any]:
        shape = {} if self._input_shape is None else {"input_shape": list(self._input_shape)}
        return {
            **shape,
            "dtype": self._dtype,
            "seed": self._seed,
            "layers": [layer.to_dict() for layer in self._layers],
        }

    def build(self, input_shape: int | Sequence[int]) -> None:
        """Draw the first weights, for samples of `input_shape`. `fit` does it where it was not done before."""
        shape = (input_shape,) if isinstance(input_shape, int | np.integer) else tuple(input_shape)
        sizes = [operator.index(size) for size in shape]
        if any(size < 1 for size in sizes):
            raise ValueError(f"input_shape must be sizes above 0, got {shape}")
        core = _core.Network(json.dumps({**self._description(), "input_shape": sizes}))
        given = given_arrays(self._layers)
        if given:
            named = cut_by_name(core.named_parameters(), core.parameters())
            core.set_parameters(flattened(core.named_parameters(), {**named, **given}, self._dtype, "initializer of"))
        self._core, self._input_shape = core, tuple(sizes)
        self._layers = without_arrays(self._layers)

    @classmethod
    def _from_core(cls, core: _core.Network) -> Self:
        spec = json.loads(core.spec())
        layers = [layer_from_dict(layer) for layer in spec["layers"]]
        model = cls(layers, seed=spec["seed"], dtype=spec["dtype"])
        model._core, model._input_shape = core, tuple(spec["input_shape"])
        return model

    def _copied(self, dtype: str | None = None) -> Self:
        """A network of the same layers and weights, of another dtype if it is given one."""
        copied = type(self)(self._layers, seed=self._seed, dtype=dtype or self._dtype)
        if self._input_shape is not None:
            spec = {**copied._description(), "input_shape": list(self._input_shape)}
            copied._core, copied._input_shape = _core.Network(json.dumps(spec)), self._input_shape
            copied.set_weights(self.get_weights())
            copied.set_buffers(self.buffers)
        return copied

    def _built(self) -> _core.Network:
        if self._core is None:
            raise ValueError("the network has no weights yet: give input_shape, or call fit first")
        return self._core

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers' descriptions."""
        return self._layers

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """Shape of one sample, None as long as it is unknown."""
        return self._input_shape

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return self._seed

    @property
    def dtype(self) -> str:
        """Type of the weights, "float32" or "float64"."""
        return self._dtype

    @property
    def outputs(self) -> int:
        """Numbers of one output."""
        if self._core is not None:
            return math.prod(self._core.output_shapes()[-1])
        sizes = [layer.units for layer in self._layers if isinstance(layer, Dense)]
        return sizes[-1] if sizes else 0

    @property
    def _last_activation(self) -> str:
        last = self._layers[-1]
        activation = last.activation if isinstance(last, Dense | Activation) else "identity"
        return activation if isinstance(activation, str) else activation.type_name()

    def fit(
        self,
        x: ArrayLike | Batches,
        y: ArrayLike | None = None,
        *,
        epochs: int = 10,
        batch_size: int | None = 32,
        shuffle: bool = True,
        optimizer: str | Optimizer | LBFGS = "adam",
        loss: str | Loss | OwnLoss | None = None,
        metrics: Metric | Sequence[Metric] = (),
        validation_data: tuple[ArrayLike, ...] | None = None,
        validation_split: float | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        accumulate: int = 1,
        mixup: float | None = None,
        augmentation: Sequence[Augmentation] = (),
        steps_per_epoch: int | None = None,
        callbacks: Sequence[Callback] = (),
        n_threads: int | None = None,
        solver: str = "auto",
        verbose: int = 0,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        resume: bool = False,
    ) -> History:
        """Train from the present weights, with a new optimizer (a `Trainer` keeps its own).

        Args:
            x: Samples `(samples, ...)`; bytes (pictures) are read as they are, the rest in the network's dtype.
                Or batches that come one by one: an iterator of `(x, y)` or `(x, y, sample_weight)`, or a function that
                gives one for each epoch; `batch_size` and `shuffle` are then of no account.
            y: Targets: `(samples,)` for one output or for classes, else `(samples, outputs)`.
            epochs: Passes over the data.
            batch_size: Samples of one step; None, or a number not below the samples, takes all in every step.
            shuffle: Whether every epoch has an order of its own, drawn from the seed.
            optimizer: A name, or an object such as `purr.SGD(0.1, momentum=0.9)` or `purr.LBFGS()`.
            loss: A name, such as "cross_entropy" (classes, or rows of probabilities) or "mean_squared_error", an object
                such as `purr.losses.Huber(2.0)`, or a function of your own, `(predictions, targets)`, with the samples'
                weights as a third argument where there are any, that gives the mean loss and its gradient with respect
                to the predictions. Left out, a last sigmoid implies binary cross-entropy and a last softmax
                cross-entropy.
            metrics: Scores for the history. Names of functions in `purrceptron.metrics`, such as "accuracy", "r2",
                "top_5_accuracy" (any number): counted over the epoch's samples, each batch before its step. Functions
                `(y, prediction) -> float`, scikit-learn's as they are (see `metrics.Score`): called with all samples at
                the epoch's end. In all of them every sample counts alike, whatever its weight in the loss. Under
                "gaussian_nll" they are of the means.
            validation_data: `(x, y)`, or `(x, y, sample_weight)`, to evaluate after every epoch.
            validation_split: Instead of it, the share of the samples, above 0 and below 1, that is evaluated and not
                trained on: drawn from the seed, from every class alike.
            sample_weight: How much each sample counts, `(samples,)`, at least 0: the mean loss of a batch is
                `sum(weight * loss) / sum(weight)`.
            class_weight: How much each class counts, `{0: 1.0, 1: 2.0}` (1 where none is given), or "balanced":
                `samples / (classes * count)`. Not for the validation data.
            accumulate: Batches whose mean gradient makes one step.
            mixup: Blends the samples of each batch two by two (Zhang et al., 2018): the share of the first is drawn
                from Beta(mixup, mixup); 0.2 is usual. None, the default, blends nothing.
            augmentation: What is done to pictures, anew in every epoch, such as `[purr.augmentation.Flip()]`; for uint8
                samples of shape `(height, width, channels)`. The solver is then the direct one.
            steps_per_epoch: Batches of an epoch, where they come one by one; None takes all that there are.
            callbacks: Called before and after epochs and batches, see `purrceptron.callbacks`.
            n_threads: Threads; left out, `PURRCEPTRON_NUM_THREADS`, else the cores, or fewer by `OMP_NUM_THREADS`. The
                result is the same bit for bit.
            solver: "direct"; "reduced", which trains a wide first layer on few samples in the span of the data, for
                optimizers that allow it (SGD); or "auto", which picks one from network, optimizer, shapes and epochs.
            verbose: 1 shows a progress bar.
            checkpoint: A directory for checkpoints, or a `purr.Checkpoint` that says how often and how many, too.
            resume: Whether to go on from the last checkpoint there, with its weights, instead of from the present ones.
                The same network, settings and data give the bits of a training that was never stopped; `epochs` may be
                more than they were. Where there is no checkpoint yet, the training begins, so that one script does for
                the first start and all others.

        Returns:
            The history: loss of every epoch, and so on.

        Raises:
            ValueError: Shapes or settings do not fit.
            DataError: The data has NaN, infinities, or targets that the loss does not take (a ValueError, too).
            DivergedError: The loss is no longer finite; the weights are as before the call (or as a callback last
                saw them).
            CheckpointError: The last checkpoint is of another training (says what differs), or there is one and
                `resume` is not asked for (a ValueError, too).
            OSError: A checkpoint cannot be written: said at the next one, or at the end. The network has the weights of
                that moment, and the last checkpoint is whole.
            KeyboardInterrupt: Ctrl-C, within 0.1 seconds or one step; the weights are those of the last finished step.
                A training in another thread is stopped by a callback that returns True, see `Callback`.
            RuntimeError: A training of this network is at work already. It may be read meanwhile: predictions, weights
                and files are of a whole network, that of the start or of an epoch that a callback has seen.
            MemoryError: There is not enough for it; it says how much it takes.
        """
        if is_stream(x):
            self._built()  # batches that come one by one do not say their shape beforehand
        with self._built_for(x):
            trainer = Trainer(self, optimizer=optimizer, loss=loss, n_threads=n_threads)
            return trainer.fit(
                x,
                y,
                epochs=epochs,
                batch_size=batch_size,
                shuffle=shuffle,
                metrics=metrics,
                validation_data=validation_data,
                validation_split=validation_split,
                sample_weight=sample_weight,
                class_weight=class_weight,
                accumulate=accumulate,
                mixup=mixup,
                augmentation=augmentation,
                steps_per_epoch=steps_per_epoch,
                callbacks=callbacks,
                solver=solver,
                verbose=verbose,
                checkpoint=checkpoint,
                resume=resume,
            )

    @contextmanager
    def _built_for(self, x: Any) -> Iterator[None]:
        """Within it the network has weights. If it had none before, and what comes is refused, it has none again."""
        begun, layers = "", self._layers
        if self._core is None:
            self.build(np.shape(x)[1:] if np.ndim(x) > 1 else as_samples(x, self._dtype).shape[1:])
            begun = self.fingerprint()
        try:
            yield
        except (TypeError, ValueError):
            if begun and self.fingerprint() == begun:  # nothing was trained, so what was refused says no shape
                self._core = self._input_shape = None
                self._layers = layers  # with the arrays that are to be its first weights
            raise

    def predict(self, x: ArrayLike, *, out: Array | None = None, n_threads: int | None = None) -> Array:
        """Outputs of the last layer, `(samples, outputs)`.

        Args:
            x: Samples, `(samples, ...)`.
            out: An array of the network's type to write them into, which is then what is returned.
            n_threads: As in `fit`; they change no bit.

        Raises:
            ValueError: `x` has no such shape as the network's samples; `out` has not the outputs' shape, cannot be
                written to, or shares memory with `x`.
            TypeError: `out` is no array of the network's type.

        Example:
            >>> import numpy as np
            >>> import purrceptron as purr
            >>> net = purr.Sequential.from_string("64-32-3")
            >>> out = np.empty((1, 3), np.float32)
            >>> net.predict(np.ones((1, 64), np.float32), out=out) is out
            True
        """
        core = self._built()
        return core.predict(as_samples(x, self._dtype, self.input_shape), False, check_threads(n_threads), out)

    def predict_proba(self, x: ArrayLike, *, out: Array | None = None, n_threads: int | None = None) -> Array:
        """Probabilities `(samples, outputs)`: arguments and errors as in `predict`.

        A network that ends in logits ("identity") gets the sigmoid (one output) or the softmax (more) that its loss
        implies; any other ending gives its outputs as they are.
        """
        core = self._built()
        return core.predict(as_samples(x, self._dtype, self.input_shape), True, check_threads(n_threads), out)

    def evaluate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        loss: str | Loss | OwnLoss | None = None,
        metrics: Metric | Sequence[Metric] = (),
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        n_threads: int | None = None,
    ) -> dict[str, float]:
        """Mean loss and metrics on data, by name: `{"loss": ..., "accuracy": ...}`.

        The loss has the weights of samples and classes, as in `fit`, and the layers' penalties. In metrics every sample
        counts alike.
        """
        trainer = Trainer(self, optimizer=SGD(), loss=loss, n_threads=n_threads)
        return trainer.evaluate(x, y, metrics=metrics, sample_weight=sample_weight, class_weight=class_weight)

    def loss_and_gradient(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        loss: str | Loss | OwnLoss | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        n_threads: int | None = None,
    ) -> tuple[float, Array]:
        """Mean loss on data, and its gradient: one flat array in the order of `get_weights`. Nothing is changed.

        `by_name` cuts it into that of each layer. It is what the first step of a training would find: with penalties,
        units dropped, and statistics of the batch.

        Args:
            x: Samples, as of `fit`.
            y: Targets, as of `fit`.
            loss: As of `fit`.
            sample_weight: As of `fit`.
            class_weight: As of `fit`.
            n_threads: As of `fit`.

        Example:
            >>> import purrceptron as purr
            >>> net = purr.Sequential.from_string("2-3-1", seed=0)
            >>> loss, gradient = net.loss_and_gradient([[0.5, 1.0], [1.0, 0.0]], [1, 0])
            >>> gradient.shape, net.by_name(gradient)["layers.1.kernel"].shape
            ((13,), (3, 1))
        """
        trainer = Trainer(self, optimizer=SGD(), loss=loss, n_threads=n_threads)
        return trainer.loss_and_gradient(x, y, sample_weight=sample_weight, class_weight=class_weight)

    def forward(
        self, x: ArrayLike, *, training: bool = False, step: int = 0, n_threads: int | None = None
    ) -> list[Array]:
        """What every layer makes of the samples: one array `(samples, *shape)` for each of `layers`.

        Args:
            x: Samples, as of `fit`.
            training: Whether units are dropped, noise is added, and statistics are those of the batch.
            step: The step in training whose random numbers are drawn.
            n_threads: As of `fit`.

        Example:
            >>> import purrceptron as purr
            >>> net = purr.Sequential.from_string("2-3-1", seed=0)
            >>> [out.shape for out in net.forward([[0.5, 1.0]])]
            [(1, 3), (1, 1)]
        """
        core = self._built()
        samples = as_samples(x, self._dtype, self.input_shape)
        step = check_whole("step", step, 0, MOST_SEED)
        outputs = core.forward(samples, bool(training), step, check_threads(n_threads))
        return [out.reshape(len(samples), *shape) for out, shape in zip(outputs, core.output_shapes(), strict=True)]

    def backward(
        self,
        x: ArrayLike,
        dout: ArrayLike,
        *,
        training: bool = False,
        step: int = 0,
        n_threads: int | None = None,
    ) -> tuple[Array, Array]:
        """The gradients of a loss of your own, given that with respect to the last output of `forward`.

        The samples go forward once more: a network keeps nothing of earlier calls, so the two passes may come in any
        order and from any thread. A loss that is given to `fit` as a function does without.

        Args:
            x: The samples that went forward.
            dout: The loss's gradient with respect to `forward(x, ...)[-1]`, of its shape.
            training: As of `forward`.
            step: As of `forward`.
            n_threads: As of `fit`.

        Returns:
            The gradient with respect to the weights, flat, in the order of `get_weights` (see `by_name`), and that with
            respect to `x`.

        Example:
            >>> import numpy as np, purrceptron as purr
            >>> net = purr.Sequential([purr.Dense(1)], input_shape=2, dtype="float64")
            >>> x, y = np.array([[1.0, 2.0]]), np.array([[3.0]])
            >>> dout = 2 * (net.forward(x)[-1] - y)
            >>> gradient, dx = net.backward(x, dout)
            >>> np.allclose(net.by_name(gradient)["layers.0.kernel"], x.T @ dout)
            True
        """
        core = self._built()
        samples, expected = as_samples(x, self._dtype, self.input_shape), tuple(core.output_shapes()[-1])
        gradient = as_numbers(dout, self._dtype, "dout").astype(self._dtype, copy=False)
        if gradient.shape != (len(samples), *expected):
            raise ValueError(f"dout: expected the outputs' shape {(len(samples), *expected)}, got {gradient.shape}")
        step = check_whole("step", step, 0, MOST_SEED)
        flat = np.require(gradient.reshape(len(samples), math.prod(expected)), requirements="A")
        weights, dx = core.backward(samples, flat, bool(training), step, check_threads(n_threads))
        return weights, dx.reshape(len(samples), *(self.input_shape or ()))

    def adapt(self, x: ArrayLike, *, n_threads: int | None = None) -> None:
        """Let every `Normalize` gather mean and deviation of these samples. The first `fit` does it by itself.

        Raises:
            DataError: There are no samples, or they are not finite.
        """
        if self._core is None:
            self.build(np.shape(x)[1:])
        self._built().adapt(as_samples(x, self._dtype, self.input_shape), check_threads(n_threads))

    @property
    def parameters(self) -> dict[str, Array]:
        """Copies of the weights by name: `layers.0.kernel (inputs, units)`, `layers.0.bias (units,)`, ..."""
        return self.by_name(self._built().parameters())

    @property
    def buffers(self) -> dict[str, Array]:
        """Copies of what training gathers and does not learn, by name: running statistics (`layers.1.mean`, ...)."""
        core = self._built()
        return cut_by_name(core.named_buffers(), core.buffers())

    def set_buffers(self, buffers: Mapping[str, ArrayLike]) -> None:
        """Replace all buffers by arrays of the names and shapes that `buffers` gives.

        Raises:
            ValueError: A name is missing or unknown, or an array has another shape (says which).
        """
        core = self._built()
        core.set_buffers(flattened(core.named_buffers(), buffers, self._dtype, "set_buffers:"))

    def by_name(self, flat: ArrayLike) -> dict[str, Array]:
        """A flat array in the order of `get_weights`, a gradient say, cut into arrays by name.

        Example:
            >>> import purrceptron as purr
            >>> net = purr.Sequential.from_string("2-3-1", seed=0)
            >>> loss, gradient = net.loss_and_gradient([[0.5, 1.0]], [1])
            >>> {name: array.shape for name, array in net.by_name(gradient).items()}
            {'layers.0.kernel': (2, 3), 'layers.0.bias': (3,), 'layers.1.kernel': (3, 1), 'layers.1.bias': (1,)}
        """
        return cut_by_name(self._built().named_parameters(), np.asarray(flat))

    def get_weights(self) -> list[Array]:
        """Copies of the weights: `[kernel, bias, kernel, bias, ...]`."""
        return list(self.parameters.values())

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replace the weights by arrays of the shapes that `get_weights` gives.

        Raises:
            ValueError: There are more or fewer, or one has another shape (says which).
        """
        core = self._built()
        named = core.named_parameters()
        if len(weights) != len(named):
            names = ", ".join(name for name, _ in named)
            raise ValueError(f"set_weights: expected {len(named)} arrays ({names}), got {len(weights)}")
        given = {name: weight for (name, _), weight in zip(named, weights, strict=True)}
        core.set_parameters(flattened(named, given, self._dtype, "set_weights:"))

    def fingerprint(self) -> str:
        """SHA-256 of the weights' (and buffers') names, shapes and bits: equal exactly if every bit is equal.

        Raises:
            DataError: A weight is not finite.
        """
        return self._built().fingerprint()

    def summary(self) -> str:
        """The layers with their output shapes and numbers of parameters, as a table to print."""
        counts: dict[str, int] = {}
        for name, values in self.parameters.items():
            place = name.rsplit(".", 1)[0]
            counts[place] = counts.get(place, 0) + values.size
        rows = [
            ("layer", "settings", "outputs", "parameters"),
            ("input", str(self.input_shape), str(math.prod(self.input_shape or ())), ""),
        ]
        for index, (layer, shape) in enumerate(zip(self._layers, self._built().output_shapes(), strict=True)):
            count = sum(count for name, count in counts.items() if f"{name}.".startswith(f"layers.{index}."))
            rows.append((f"layers.{index}", layer.brief(), str(math.prod(shape)), f"{count:,}"))
        rows.append(("total", self._dtype, "", f"{sum(counts.values()):,}"))
        columns = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (f"{a:<{columns[0]}}  {b:<{columns[1]}}  {c:>{columns[2]}}  {d:>{columns[3]}}" for a, b, c, d in rows)
        return "\n".join(line.rstrip() for line in lines)

    def save(self, path: str | os.PathLike[str], *, notes: Mapping[str, str] | None = None) -> None:
        """Write a model file (.safetensors), whole or not at all. `notes` are kept in it.

        Raises:
            OSError: The file cannot be written; an older file of that name is then as it was.
        """
        _core.save([self._built()], os.fspath(path), dict(notes or {}))

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self._layers))
        return f"Sequential([{layers}], input_shape={self.input_shape}, seed={self._seed}, dtype={self._dtype!r})"

    def __eq__(self, other: object) -> bool:
        """Equal description and equal weights."""
        if not isinstance(other, Sequential):
            return NotImplemented
        mine, its = self.__getstate__(), other.__getstate__()
        return mine == its

    __hash__ = None  # type: ignore[assignment]  # weights change

    def __getstate__(self) -> dict[str, Any]:
        weights = None if self._core is None else self._core.to_bytes()
        return {
            "layers": self._layers,
            "input_shape": self._input_shape,
            "seed": self._seed,
            "dtype": self._dtype,
            "weights": weights,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._layers, self._input_shape = state["layers"], state["input_shape"]
        self._seed, self._dtype = state["seed"], state["dtype"]
        weights = state["weights"]
        self._core = None if weights is None else _core.Network.from_bytes(weights)
