"""Damaged and shuffled input for what Python reads, as long as one likes: `python tests/fuzzing.py TARGET`.

In a process of its own, with little memory: an input that ends it, hangs or asks for gigabytes is left in a file.
A target takes any bytes; what it may raise stands beside it, and everything else is a failure. `tests/fuzz.rs` does the
same for what Rust reads.
"""

import argparse
import contextlib
import faulthandler
import io
import json
import random
import re
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import purrceptron as purr
from purrceptron.datasets.sources import load_data

CORPUS = Path(__file__).parent / "corpus"
SECONDS_OF_ONE = 60  # also where the machine is busy
MOST_MEMORY = 500_000_000

TOKENS = [
    *b"0 -1 0.5 1e400 -1e-400 255 1_0 nan inf 0x1 18446744073709551616 null true relu softmax units y x.npy".split(),
    *rb""", ; : - = # . [ ] { } " ' \ \u0000 [[layers]] <f8 >u2 |O |S9 $array (9,9) {} []""".split(),
    *(b'"""', b" ", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xed\xa0\x80", "\ufeff".encode(), "猫".encode()),
    *(b"9" * 5000, b"[" * 500, b"{" * 500, b"PK\x01\x02", b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"),
]


def changed(data: bytes, generator: random.Random) -> bytes:
    """The bytes with a few changes."""
    for _ in range(generator.choice((1, 1, 2, 3, 6))):
        at = generator.randrange(len(data) + 1)
        length = generator.choice((1, 1, 2, 4, 16, 100))
        match generator.randrange(14):
            case 0:
                data = data[:at] + bytes([generator.randrange(256)]) + data[at + 1 :]
            case 1 if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << generator.randrange(8)]) + data[at + 1 :]
            case 2:
                data = data[:at] + generator.randbytes(length) + data[at:]
            case 3:
                data = data[:at] + data[at + length :]
            case 4:
                start = generator.randrange(len(data) + 1)
                data = data[:at] + data[start : start + length] + data[at:]
            case 5:
                data = data[:at] + generator.choice(TOKENS) + data[at:]
            case 6:
                data = data[:at] + generator.choice(TOKENS) + data[at + length :]
            case _:  # a whole word, mostly: what does not parse shows nothing of what lies behind
                words = list(re.finditer(rb"[\w.+-]+", data))
                if words:
                    word = generator.choice(words)
                    data = data[: word.start()] + generator.choice(TOKENS) + data[word.end() :]
    return data


def changed_within(archive: bytes, generator: random.Random) -> bytes:
    """An archive with a change in one of its members, under a checksum that holds."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        members = [(info.filename, file.read(info)) for info in file.infolist()]
    chosen, method = generator.randrange(len(members)), generator.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for place, (name, content) in enumerate(members):
            file.writestr(name, changed(content, generator) if place == chosen else content)
    return buffer.getvalue()


def changed_text(state: bytes, generator: random.Random) -> bytes:
    """The state of callbacks with a change in its text, under a length that fits."""
    end = 8 + int.from_bytes(state[:8], "little")
    text = changed(state[8:end], generator)
    return len(text).to_bytes(8, "little") + text + state[end:]


def read(data: bytes, path: Path) -> None:
    """A table or an archive: finite numbers, a label each."""
    path.write_bytes(data)
    table = load_data(path)
    assert len(table.images) == len(table.labels) > 0
    assert np.isfinite(table.images).all()
    assert 0 <= table.labels.min() <= table.labels.max() < len(table.class_names)


def toml(data: bytes, path: Path) -> None:
    """A network in TOML, as a file: what it says is written and read again without a difference."""
    path.write_bytes(data)
    net = purr.Sequential.from_toml(path)
    again = purr.Sequential.from_toml(net.to_toml())
    assert (again.layers, again.input_shape) == (net.layers, net.input_shape)


def line(data: bytes, path: Path) -> None:
    """A network in a line."""
    net = purr.Sequential.from_string(data.decode("utf-8", "surrogateescape"))
    assert len(net.layers) > 0


def notes(data: bytes, path: Path) -> None:
    """What a model file says of a photo classifier."""
    from purrceptron.photos.notes import from_notes

    layers = [purr.Rescale(1 / 255), purr.Flatten(), purr.Dense(2, "relu"), purr.Dense(1, "sigmoid")]
    net = purr.Sequential(layers, input_shape=(4, 4, 3), seed=0)
    text = data.decode("utf-8", "replace")
    classifier = from_notes((net,), {"photo_classifier": text}, path)
    repr(classifier)
    assert len(classifier.class_names_) == 2


def state(data: bytes, path: Path) -> None:
    """The state of callbacks in a checkpoint."""
    from purrceptron.checkpoints.plain import pack, unpack

    read = unpack(data)
    assert repr(unpack(pack(read))) == repr(read)


Target = Callable[[bytes, Path], None]
# ValueError and TypeError are a caller's mistakes; MemoryError says how much was asked for.
TARGETS: dict[str, tuple[Target, str, tuple[type[Exception], ...]]] = {
    "csv": (read, ".csv", (purr.DataError,)),
    "npz": (read, ".npz", (purr.DataError,)),
    "h5": (read, ".h5", (purr.DataError,)),
    "toml": (toml, ".toml", (ValueError, TypeError, MemoryError)),
    "string": (line, "", (ValueError, MemoryError)),
    "notes": (notes, "", (purr.ModelFileError,)),
    "state": (state, "", (ValueError,)),
}
# Changes that a checksum or a length does not give away.
WITHIN: dict[str, Callable[[bytes, random.Random], bytes]] = {"npz": changed_within, "state": changed_text}


def check_message(name: str, error: Exception) -> None:
    """What is said of a file is short, steers no terminal, and names a place in a table."""
    message = str(error)
    if isinstance(error, purr.DataError | purr.ModelFileError) and not (len(message) < 3000 and message.isprintable()):
        raise AssertionError(f"a message of {len(message)} letters: {message[:500]!r}") from error
    if name == "csv" and not re.search(r"line|column|row|sample|labels", message):
        raise AssertionError(f"no place in {message}") from error


def fuzz(name: str, inputs: int, seconds: float, seed: int) -> int:
    """Feeds the corpus, and then changes of it, to a target; the number of inputs."""
    target, suffix, expected = TARGETS[name]
    corpus = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    generator = random.Random(seed)
    start, done = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input{suffix}"
        while done < inputs and time.monotonic() - start < seconds:
            data = corpus[done % len(corpus)]
            if done >= len(corpus):
                data = generator.choice((changed, WITHIN.get(name, changed)))(data, generator)
            Path(f"{name}.last").write_bytes(data)
            faulthandler.dump_traceback_later(SECONDS_OF_ONE, exit=True)
            try:
                target(data, path)
            except expected as error:
                check_message(name, error)
            done += 1
    faulthandler.cancel_dump_traceback_later()
    Path(f"{name}.last").unlink(missing_ok=True)
    return done


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Feed a reader what it does not expect.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--inputs", type=int, default=10**12)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    with contextlib.suppress(ImportError, FileNotFoundError):  # a limit of Linux
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, used + MOST_MEMORY))
    faulthandler.enable()
    warnings.simplefilter("error")
    try:
        done = fuzz(chosen.target, chosen.inputs, chosen.seconds, chosen.seed)
    except BaseException:
        traceback.print_exc()
        sys.exit(f"{chosen.target}: the input is in {chosen.target}.last")
    print(json.dumps({chosen.target: done}))


if __name__ == "__main__":
    main(sys.argv[1:])
