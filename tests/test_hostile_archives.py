"""Archives of arrays that are broken, or lie: an error, no memory for what is not there, and no way to another file."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from purrceptron.datasets.sources import load_data

X = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3) * 5
Y = np.array([0, 1])


# .npz


def zipped(arrays: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array: Any, **header: Any) -> bytes:
    """An .npy file whose header says something else than its bytes."""
    array = np.asarray(array)
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | header
    text = (repr(described) + "\n").encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i8", "<f4", ">f4", "<f8", ">f8", "<f2", "?"])
@pytest.mark.parametrize("fortran", [False, True])
def test_numbers_of_any_byte_order_and_layout_are_read(dtype: str, fortran: bool, tmp_path: Path) -> None:
    path = tmp_path / "good.npz"
    x = (X % 2).astype(dtype)
    for save in (np.savez, np.savez_compressed):
        save(path, x=np.asfortranarray(x) if fortran else x, y=Y.astype(dtype))
        data = load_data(path)
        np.testing.assert_array_equal(data.images, x)
        assert data.labels.tolist() == [0, 1]
        assert data.images.dtype.isnative


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("key", ["x", "y"])
@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (npy(X, shape=(10**6, 10**6)), "claims to be (1000000, 1000000) of uint8"),
        (npy(X, shape=(2**62, 4)), "claims to be"),
        (npy(X, shape=(2**40, 2**40)), "claims to be"),
        (npy(X, shape=(-1, 4)), "claims to be"),
        (npy(X, shape=(3, 2, 2, 3)), "no .npz file of numbers, or a damaged one"),
        (npy(X, shape="ab"), "no .npz file of numbers, or a damaged one"),
        (npy(X, shape=(2, 12.0)), "no .npz file of numbers, or a damaged one"),
        (npy(X, descr="|O"), "allow_pickle=False"),
        (npy(X, descr="|S1"), "must be"),
        (npy(X.astype("c8")), "must be"),
        (npy(X, descr="nonsense"), "no .npz file of numbers, or a damaged one"),
        (npy(X, descr="__import__('os')"), "no .npz file of numbers, or a damaged one"),
        (npy(X, more=1), "no .npz file of numbers, or a damaged one"),
        (npy(X)[:9], "no .npz file of numbers, or a damaged one"),
        (npy(X)[:-1], "no .npz file of numbers, or a damaged one"),
        (b"\x93NUMPY\x09\x00" + npy(X)[8:], "in format (9, 0)"),
        (b"\x93NUMPY\x03\x00\x10\x00\x00\x00" + bytes(16), "in format (3, 0)"),
        (b"\x80\x04\x95" + bytes(50), "no .npz file of numbers, or a damaged one"),
        (b"", "no .npz file of numbers, or a damaged one"),
    ],
    ids=range(19),
)
def test_an_array_that_lies_is_refused_before_memory_is_taken(
    array: bytes, reason: str, key: str, method: int, refused: Callable[..., str]
) -> None:
    arrays = {"x.npy": npy(X), "y.npy": npy(Y)} | {f"{key}.npy": array}
    assert reason in refused(zipped(arrays, method), "npz")


def test_one_array_alone_is_refused_unread(refused: Callable[..., str]) -> None:
    for shape in (X.shape, (2**40,)):
        assert "one array alone" in refused(npy(X, shape=shape), "npz")


def test_sizes_that_a_zip_only_claims_are_refused(refused: Callable[..., str]) -> None:
    array = npy(X, shape=(2**31 - 1000,))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        content = bytearray(zipped({"y.npy": npy(Y), "x.npy": array}, method))
        directory = content.rindex(b"PK\x01\x02")
        for compressed in (None, 2**31 - 1):
            struct.pack_into("<I", content, directory + 24, 2**31 - 1)
            if compressed:
                struct.pack_into("<I", content, directory + 20, compressed)
            assert "claims to be (2147482648,) of uint8" in refused(bytes(content), "npz")


def test_a_member_that_stands_there_twice_is_refused(refused: Callable[..., str]) -> None:
    content = zipped({"x.npy": npy(X), "y.npy": npy(Y), "z.npy": npy(X)}).replace(b"z.npy", b"x.npy")
    assert "'x' stands there twice" in refused(content, "npz")


def test_the_member_that_is_checked_is_the_one_that_is_read(refused: Callable[..., str], tmp_path: Path) -> None:
    liar = npy(X, shape=(2**31,))
    content = zipped({"x.npy": npy(X), "y.npy": npy(Y), "x": liar, "y": liar})
    (tmp_path / "good.npz").write_bytes(content)
    np.testing.assert_array_equal(load_data(tmp_path / "good.npz").images, X)
    assert "claims to be" in refused(zipped({"x": liar, "y.npy": npy(Y)}), "npz")


def test_names_in_a_zip_are_never_paths(refused: Callable[..., str], tmp_path: Path) -> None:
    content = zipped({"../x.npy": npy(X), "/y.npy": npy(Y)})
    assert "expected the arrays 'x' and 'y', found" in refused(content, "npz")
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.npz"]


def test_a_broken_zip_is_refused_wherever_it_is_cut(refused: Callable[..., str]) -> None:
    content = zipped({"x.npy": npy(X), "y.npy": npy(Y)})
    for length in range(len(content)):
        assert "no .npz file of numbers, or a damaged one" in refused(content[:length], "npz")


# .h5


def h5(tmp_path: Path, write: Callable[[Any], object]) -> bytes:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "made.h5"
    with h5py.File(path, "w") as file:
        file["train_set_x"], file["train_set_y"] = X, Y
        write(file)
    content = path.read_bytes()
    path.unlink()
    return content


def replaced(key: str, **options: Any) -> Callable[[Any], object]:
    def write(file: Any) -> None:
        del file[key]
        file.create_dataset(key, **options)

    return write


@pytest.mark.parametrize("key", ["train_set_x", "train_set_y"])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"shape": (10**6, 10**6), "dtype": "u1", "chunks": (1000, 1000)}, "claims to be (1000000, 1000000) of uint8"),
        ({"shape": (10**9,), "dtype": "f8"}, "claims to be"),
        ({"shape": (10**6, 10**6), "dtype": "f4", "chunks": (9, 9), "compression": "gzip"}, "claims to be"),
        ({"shape": (2, 5), "dtype": "S3"}, "must be"),
        ({"data": ["a", "b"]}, "must be"),
        ({"data": X.astype("c8")}, "must be"),
        ({"data": np.zeros(2, [("a", "i4"), ("b", "f4")])}, "must be"),
        ({"data": np.zeros((0, 4))}, ""),
        ({"data": np.zeros((2, 2, 2, 2, 3))}, "shape"),
        ({"dtype": "f4"}, "is empty"),
    ],
    ids=range(10),
)
def test_h5_of_wrong_shapes_and_types_or_that_lies_is_refused(
    key: str, options: dict[str, Any], reason: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    h5py = pytest.importorskip("h5py")
    if "data" not in options and "shape" not in options:
        options = {"data": h5py.Empty("f4")}
    assert reason in refused(h5(tmp_path, replaced(key, **options)), "h5")


@pytest.mark.parametrize("missing", ["train_set_x", "train_set_y"])
def test_h5_without_a_data_set_says_which_are_expected(
    missing: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    def group(file: Any) -> None:
        del file[missing]
        file.create_group(missing)

    for write in (lambda file: file.__delitem__(missing), group):
        assert "expected the arrays train_set_x and train_set_y" in refused(h5(tmp_path, write), "h5")


def test_h5_never_leads_to_another_file(tmp_path: Path, refused: Callable[..., str]) -> None:
    h5py = pytest.importorskip("h5py")
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["train_set_x"] = X
    (tmp_path / "secret.bin").write_bytes(X.tobytes())

    def linked(file: Any) -> None:
        del file["train_set_x"]
        file["train_set_x"] = h5py.ExternalLink(str(secret), "train_set_x")

    def soft(file: Any) -> None:
        file["outside"] = h5py.ExternalLink(str(secret), "train_set_x")
        del file["train_set_x"]
        file["train_set_x"] = h5py.SoftLink("/outside")

    def virtual(file: Any) -> None:
        del file["train_set_x"]
        layout = h5py.VirtualLayout(X.shape, "u1")
        layout[:] = h5py.VirtualSource(str(secret), "train_set_x", X.shape)
        file.create_virtual_dataset("train_set_x", layout)

    elsewhere = [(str(tmp_path / "secret.bin"), 0, X.size)]
    outside = replaced("train_set_x", shape=X.shape, dtype="u1", external=elsewhere)
    for write, reason in [(linked, "found"), (soft, "found"), (virtual, "other files"), (outside, "other files")]:
        assert reason in refused(h5(tmp_path, write), "h5")


def test_h5_that_is_small_and_unpacks_to_large_chunks_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    h5py = pytest.importorskip("h5py")

    def packed_twice(file: Any) -> None:
        del file["train_set_x"]
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_chunk((2**22, *X.shape[1:]))
        for _ in range(2):
            layout.set_deflate(9)
        space = h5py.h5s.create_simple(X.shape, (h5py.h5s.UNLIMITED, *X.shape[1:]))
        h5py.Dataset(h5py.h5d.create(file.id, b"train_set_x", h5py.h5t.NATIVE_UINT8, space, layout))[...] = X

    content = h5(tmp_path, packed_twice)
    assert len(content) < 10_000
    assert "in its chunks, claims to be (4194304, 2, 2, 3) of uint8, 50331648 bytes" in refused(content, "h5")


def test_h5_that_grows_in_large_chunks_is_read(tmp_path: Path) -> None:
    grown = replaced("train_set_x", data=X, chunks=(2**18, 2, 2, 3), maxshape=(None, 2, 2, 3), compression="gzip")
    (tmp_path / "good.h5").write_bytes(h5(tmp_path, grown))
    np.testing.assert_array_equal(load_data(tmp_path / "good.h5").images, X)


def test_h5_cut_anywhere_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    content = h5(tmp_path, lambda file: None)
    for length in range(0, len(content), 64):
        assert "no HDF5 file of numbers, or a damaged one" in refused(content[:length], "h5")


def test_h5_class_names_that_are_no_text_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    for names, reason in [([b"\xff", b"a"], "damaged"), ([b"a", b"a"], "each class once"), ([b"", b"a"], "each class")]:
        assert reason in refused(h5(tmp_path, replaced_names(names)), "h5")


def replaced_names(names: list[bytes]) -> Callable[[Any], object]:
    return lambda file: file.create_dataset("list_classes", data=np.array(names))
