"""The seven steps of a neural network, written by hand.

Trains the same network twice: once with a loop over plain functions on arrays, once with `fit`. Both arrive at the same
weights, bit for bit.

    python examples/seven_steps.py [--photos 100] [--iterations 100]
"""

import argparse
from itertools import pairwise

import numpy as np

import purrceptron as purr
from purrceptron.kernels import (
    binary_cross_entropy,
    dense_backward,
    dense_forward,
    initialize,
    relu,
    relu_backward,
    sgd,
)

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--photos", type=int, default=100, help="drawn pictures to train on (default 100)")
arguments.add_argument("--iterations", type=int, default=100, help="steps of gradient descent (default 100)")
options = arguments.parse_args()

sizes = [12288, 20, 7, 5, 1]
learning_rate = 0.0075
images, y = purr.datasets.make_cats(options.photos, seed=0)
kernels = [initialize(n, units, seed=0, layer=i) for i, (n, units) in enumerate(pairwise(sizes), 1)]
biases = [np.zeros(units, dtype="float32") for units in sizes[1:]]

x = images.reshape(len(images), -1) * np.float32(1 / 255)  # 1. input: one row of 12,288 numbers a photo
for iteration in range(options.iterations):  # 7. repeat
    outputs = [x]
    for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):  # 2. forward
        outputs.append(relu(dense_forward(outputs[-1], kernel, bias)))
    logits = dense_forward(outputs[-1], kernels[-1], biases[-1])  # 3. prediction: a cat where the logit is above 0
    cost, dz = binary_cross_entropy(logits, y)  # 4. cost, and how it changes with the logits
    for i in reversed(range(len(kernels))):  # 5. backward
        dx, dkernel, dbias = dense_backward(dz, outputs[i], kernels[i])
        dz = relu_backward(outputs[i], dx) if i > 0 else dx
        kernels[i] = sgd(kernels[i], dkernel, learning_rate)  # 6. gradient descent
        biases[i] = sgd(biases[i], dbias, learning_rate)
    if iteration % 20 == 0:
        print(f"iteration {iteration:4}  cost {cost:.6f}  right {np.mean((logits.ravel() > 0) == y):.2f}")

network = purr.Sequential(
    [purr.Rescale(1 / 255), *(purr.Dense(units, "relu") for units in sizes[1:-1]), purr.Dense(1, "sigmoid")],
    input_shape=(64, 64, 3),
    seed=0,
)
network.fit(images, y, epochs=options.iterations, batch_size=None, optimizer=purr.SGD(learning_rate), solver="direct")
by_hand = [weights for pair in zip(kernels, biases, strict=True) for weights in pair]
same = all(np.array_equal(a, b) for a, b in zip(by_hand, network.get_weights(), strict=True))
print(
    f"by hand and by fit, {sum(w.size for w in by_hand):,} weights: {'the same, bit for bit' if same else 'DIFFERENT'}"
)
raise SystemExit(0 if same else 1)
