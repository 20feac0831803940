"""Model files: safetensors, whole or not at all, and nothing damaged is believed."""

import contextlib
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import purrceptron as purr

X = np.random.default_rng(0).normal(size=(5, 4))
unix = pytest.mark.skipif(sys.platform == "win32", reason="permissions as Unix has them")


def network(dtype: str = "float32", seed: int = 0) -> purr.Sequential:
    layers = [purr.Rescale(0.5), purr.Dense(3, "tanh", "glorot_uniform"), purr.Dense(2, "softmax")]
    net = purr.Sequential(layers, input_shape=(2, 2), seed=seed, dtype=dtype)
    net.fit(X, [0, 1, 0, 1, 1], epochs=2)
    return net


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "net.safetensors"
    path.parent.mkdir()
    return path


def parse(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The tensors' entries, the description, and the tensors' bytes: the format read by hand."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    return header, json.loads(header.pop("__metadata__")["purrceptron"]), data[8 + length :]


def assemble(header: dict[str, Any], description: Any, tensors: bytes) -> bytes:
    text = description if isinstance(description, str) else json.dumps(description)
    encoded = json.dumps({"__metadata__": {"purrceptron": text}, **header}).encode()
    encoded += b" " * (-len(encoded) % 8)
    return struct.pack("<Q", len(encoded)) + encoded + tensors


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(purr.ModelFileError) as caught:
        purr.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


# There and back


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_saved_network_comes_back_bit_for_bit(dtype: str, kind: Any, path: Path) -> None:
    net = network(dtype)
    net.save(kind(path))
    again = purr.load(kind(path))
    assert isinstance(again, purr.Sequential)
    assert again == net
    assert again.fingerprint() == net.fingerprint()
    assert repr(again) == repr(net)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    for one in (net, again):
        one.fit(X, [0, 1, 0, 1, 1], epochs=2, batch_size=2)
    assert again.fingerprint() == net.fingerprint()


SIZED_ACTIVATIONS = st.tuples(st.integers(1, 5), st.sampled_from(purr._core.names("activation")))


@given(
    st.lists(SIZED_ACTIVATIONS.filter(lambda layer: layer[0] > 1 or "softmax" not in layer[1]), min_size=1, max_size=3),
    st.sampled_from(["float32", "float64"]),
    st.floats(1e-30, 1e30),
    st.integers(0, 2**64 - 1),
)
@example([(1, "identity")], "float64", 8.092421164153875e-08, 0)  # a reader that is one unit off would not know it
@settings(max_examples=20)  # each waits for the disk
def test_any_network_comes_back_as_it_was(layers: list[tuple[int, str]], dtype: str, scale: float, seed: int) -> None:
    net = purr.Sequential(
        [purr.Rescale(scale), *(purr.Dense(*layer) for layer in layers)], input_shape=3, seed=seed, dtype=dtype
    )
    with tempfile.TemporaryDirectory() as folder:
        net.save(f"{folder}/net.safetensors")
        assert purr.load(f"{folder}/net.safetensors") == net


def test_the_same_network_gives_the_same_bytes(path: Path) -> None:
    files = []
    for _ in range(3):
        network().save(path, notes={"b": "2", "a": "1", "c": "3"})
        files.append(path.read_bytes())
    assert len(set(files)) == 1


def test_a_reader_that_knows_only_the_format_finds_the_tensors(path: Path) -> None:
    net = network()
    net.save(path, notes={"classes": "cat, dog", "ü": '\n"\\'})
    header, description, tensors = parse(path.read_bytes())
    assert set(header) == set(net.parameters)
    for name, expected in net.parameters.items():
        assert header[name]["dtype"] == "F32"
        start, end = header[name]["data_offsets"]
        values = np.frombuffer(tensors[start:end], "<f4").reshape(header[name]["shape"])
        np.testing.assert_array_equal(values, expected)
    assert description["notes"] == {"classes": "cat, dog", "ü": '\n"\\'}
    assert description["fingerprint"] == net.fingerprint()
    assert description["library_version"] == purr.__version__
    assert description["format_version"] == 1
    assert description["network"]["seed"] == 0
    assert description["network"]["layers"] == [layer.to_dict() for layer in net.layers]


def test_the_safetensors_package_opens_it(path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    net = network("float64")
    net.save(path)
    for name, values in safetensors.load_file(path).items():
        np.testing.assert_array_equal(values, net.parameters[name], strict=True)


def test_a_file_that_another_writer_laid_out_anew_loads(path: Path) -> None:
    net = network()
    net.save(path)
    header, description, tensors = parse(path.read_bytes())
    moved, data = {}, b""
    for name in reversed(list(header)):
        start, end = header[name]["data_offsets"]
        moved[name] = {**header[name], "data_offsets": [len(data), len(data) + end - start]}
        data += tensors[start:end]
    path.write_bytes(assemble(moved, json.dumps(description, indent=2), data))
    assert purr.load(path) == net


# Damage


def test_every_truncation_is_refused(path: Path) -> None:
    network().save(path)
    data = path.read_bytes()
    for length in [*range(0, len(data), 7), len(data) - 1]:
        refused(path, data[:length])


def test_more_bytes_than_the_file_should_have_are_refused(path: Path) -> None:
    network().save(path)
    refused(path, path.read_bytes() + b"\0")


def test_a_flipped_bit_in_the_weights_is_refused(path: Path) -> None:
    network().save(path)
    data = path.read_bytes()
    tensors = len(parse(data)[2])
    for position in range(len(data) - tensors, len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        assert "damaged" in refused(path, bytes(flipped))


def test_a_flipped_bit_anywhere_is_refused_or_leaves_the_predictions(path: Path) -> None:
    net = network()
    net.save(path)
    data, expected = path.read_bytes(), net.predict(X)
    believed = []
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 7
        path.write_bytes(bytes(flipped))
        try:
            predictions = purr.load(path).predict(X)
        except purr.ModelFileError:
            continue
        if not np.array_equal(predictions, expected):
            believed.append(bytes(flipped[max(position - 12, 0) : position + 12]))
    assert not believed


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"\x80\x04\x95" + bytes(100),
        b"{}" * 50,
        bytes(1000),
        b"\xff" * 1000,
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 1 << 20) + b"{}",
        struct.pack("<Q", 2**63) + bytes(50),
    ],
    ids=["empty", "short", "png", "zip", "pickle", "text", "zeros", "ones", "no tensors", "cut header", "huge header"],
)
def test_a_foreign_file_is_refused(data: bytes, path: Path) -> None:
    refused(path, data)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        refused(Path(folder) / "net.safetensors", data)


def test_another_programs_safetensors_is_refused_by_name(path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  '
    assert "not a purrceptron model" in refused(path, struct.pack("<Q", len(header)) + header + bytes(4))


def _renamed(name: str) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    return lambda header, description: header.update({name: header.pop("layers.1.kernel")})


def _set(*keys: Any, value: Any) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    def change(header: dict[str, Any], description: dict[str, Any]) -> None:
        target: Any = header if keys[0] in header else description
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_renamed("layers.1.weight"), "layers.1.kernel"),
        (_set("layers.1.kernel", "shape", value=[3, 4]), "layers.1.kernel"),
        (_set("layers.1.kernel", "shape", value=[2**62, 4]), ""),
        (_set("layers.1.kernel", "dtype", value="I32"), "layers.1.kernel"),
        (_set("layers.1.kernel", "data_offsets", value=[0, 2**40]), ""),
        (_set("layers.1.bias", "data_offsets", value=[4, 16]), ""),
        (_set("network", "input_shape", value=[5]), "layers.1.kernel"),
        (_set("network", "input_shape", value=[2**40, 2**40]), "input_shape"),
        (_set("network", "layers", 1, "units", value=2**39), ""),
        (_set("network", "layers", 1, "activation", value="rely"), "rely"),
        (_set("network", "layers", 0, "scale", value=0), "scale"),
        (_set("network", "layers", value=[]), "layer"),
        (_set("network", "dtype", value="float64"), "layers.1.kernel"),
        (_set("network", "seed", value=-1), ""),
        (_set("network", "code", value="print()"), "code"),
        (_set("fingerprint", value="0" * 64), "fingerprint"),
        (_set("notes", value={"a": 1}), ""),
        (lambda header, description: description.pop("fingerprint"), "fingerprint"),
        (lambda header, description: description.pop("format_version"), "format_version"),
        (lambda header, description: header.pop("layers.2.bias"), ""),
    ],
    ids=range(20),
)
def test_a_description_that_does_not_fit_the_tensors_is_refused(
    change: Callable[[dict[str, Any], dict[str, Any]], Any], reason: str, path: Path
) -> None:
    network().save(path)
    header, description, tensors = parse(path.read_bytes())
    change(header, description)
    assert reason in refused(path, assemble(header, description, tensors))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "[" * 100_000, '{"format_version": "1"}', '{"format_version": -1}']
)
def test_a_description_that_is_none_is_refused(text: str, path: Path) -> None:
    network().save(path)
    header, _, tensors = parse(path.read_bytes())
    refused(path, assemble(header, text, tensors))


def test_not_finite_weights_are_refused_even_with_a_fitting_hash(path: Path) -> None:
    network().save(path)
    header, description, tensors = parse(path.read_bytes())
    refused(path, assemble(header, description, b"\xff" * len(tensors)))


def test_a_newer_format_is_refused_with_its_version_and_the_way_out(path: Path) -> None:
    network().save(path)
    header, description, tensors = parse(path.read_bytes())
    newer = {**description, "format_version": 3, "library_version": "9.8.7", "a field of the future": []}
    message = refused(path, assemble(header, newer, tensors))
    assert "9.8.7" in message
    assert "format 3" in message
    assert "upgrade" in message


def test_a_folder_is_refused_and_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(purr.ModelFileError, match="folder") as caught:
        purr.load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    missing = tmp_path / "nothing.safetensors"
    with pytest.raises(FileNotFoundError) as not_found:
        purr.load(missing)
    assert not_found.value.filename == str(missing)
    assert str(missing) in str(not_found.value)


# Writing


@pytest.fixture
def shut_folder() -> Iterator[Path]:
    """A folder with a model in it that this process must not write to, even if the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "net.safetensors").write_bytes(b"old")
        (folder / "secret.safetensors").write_bytes(b"old")
        (folder / "secret.safetensors").chmod(0)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


@unix
def test_a_save_into_a_folder_without_permission_leaves_the_old_file(shut_folder: Path) -> None:
    target = shut_folder / "net.safetensors"
    with pytest.raises(PermissionError) as caught:
        network().save(target)
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert sorted(file.name for file in shut_folder.iterdir()) == ["net.safetensors", "secret.safetensors"]


@unix
def test_a_file_without_permission_is_a_permission_error(shut_folder: Path) -> None:
    with pytest.raises(PermissionError) as caught:
        purr.load(shut_folder / "secret.safetensors")
    assert caught.value.filename == str(shut_folder / "secret.safetensors")


def test_a_save_into_a_missing_folder_says_which(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "net.safetensors"
    with pytest.raises(FileNotFoundError) as caught:
        network().save(target)
    assert caught.value.filename == str(target)
    assert list(tmp_path.iterdir()) == []


def test_a_save_over_a_folder_leaves_it_and_no_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "net.safetensors"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"net\.safetensors"):
        network().save(target)
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]
    assert (target / "inside").is_dir()


def test_a_refused_save_leaves_the_old_file(path: Path) -> None:
    net = network()
    net.save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="1 MiB"):
        net.save(path, notes={"long": "x" * 2**20})
    with pytest.raises(TypeError):
        net.save(path, notes={"number": 1})  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_network_without_weights_is_not_saved(path: Path) -> None:
    with pytest.raises(ValueError, match="input_shape"):
        purr.Sequential([purr.Dense(1)]).save(path)
    assert not path.exists()


def test_a_save_replaces_the_old_file_and_leaves_nothing_beside_it(path: Path) -> None:
    path.write_bytes(b"old")
    net = network()
    net.save(path)
    assert purr.load(path) == net
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_that_opened_the_old_file_keeps_it(path: Path) -> None:
    network(seed=1).save(path)
    with path.open("rb") as old:
        before = path.read_bytes()
        with contextlib.suppress(PermissionError):  # Windows does not replace an open file
            network(seed=2).save(path)
        assert old.read() == before


@unix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_follow_the_umask(umask: int, mode: int, path: Path) -> None:
    before = os.umask(umask)
    try:
        network().save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_name_without_a_folder_and_any_letters_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = network()
    for name in ("net", "кот 猫.safetensors", "with space"):
        net.save(name)
        assert purr.load(name) == net
    assert len(list(tmp_path.iterdir())) == 3


@unix
def test_a_kill_while_saving_leaves_a_whole_file(path: Path) -> None:
    script = """
import sys, purrceptron as purr
net = purr.Sequential.from_string("500-300-10", seed=0)
print("go", flush=True)
while True:
    net.save(sys.argv[1])
"""
    for delay in (0.01, 0.03, 0.05):
        command = [sys.executable, "-c", script, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(delay)
            process.kill()
        if path.exists():
            purr.load(path)
    assert path.exists()


def test_a_file_of_format_1_loads_as_what_it_was_and_is_written_with_the_same_bytes(tmp_path: Path) -> None:
    """Written by 0.1.0 when Dense and Rescale were all layers; fingerprint and answer are from there."""
    golden = Path(__file__).parent / "golden" / "format_1.safetensors"
    net = purr.load(golden)
    assert isinstance(net, purr.Sequential)
    assert net.layers == (
        purr.Rescale(1 / 255),
        purr.Dense(4, "tanh", "he_uniform"),
        purr.Dense(3, "softmax", "glorot_uniform", "scaled_uniform"),
    )
    assert net.fingerprint() == "0c0a26acf2f95cda98536fb4431621f26328c259f1eec2a7837ae3944552546c"
    x = (np.arange(6) * 37 % 256).astype("uint8").reshape(1, 2, 3)
    np.testing.assert_array_equal(
        net.predict(x), np.array([[0.379292368888855, 0.46504539251327515, 0.1556621938943863]], "float32")
    )
    net.save(tmp_path / "again.safetensors", notes={"origin": "0.1.0"})
    assert (tmp_path / "again.safetensors").read_bytes() == golden.read_bytes()
