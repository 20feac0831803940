"""Tables that are broken, or built to break the reader: an error that says where, no memory for what is not there."""

import io
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from purrceptron.datasets.sources import load_data
from purrceptron.errors import DataError, told

X = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3) * 5
Y = np.array([0, 1])


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Says why a file is refused: soon, in a short line that no terminal obeys, and for little memory."""

    def refuse(content: bytes, kind: str = "csv", most_memory: int = 20_000_000) -> str:
        path = tmp_path / f"hostile.{kind}"
        path.write_bytes(content)
        start = time.process_time()
        tracemalloc.reset_peak()
        with pytest.raises(DataError) as caught:
            load_data(path)
        assert tracemalloc.get_traced_memory()[1] < most_memory + 8 * len(content)
        assert time.process_time() - start < 5
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert message.isprintable()
        assert len(message) < 1500
        return message.removeprefix(f"{path}: ")

    tracemalloc.start()
    yield refuse
    tracemalloc.stop()


# CSV

HEADER = b"a,b,y\n1,2,0\n"


@pytest.mark.parametrize(
    ("rows", "told_where"),
    [
        (b"1,2\n", "line 3 has 2 fields, expected 3"),
        (b"1,2,0,\n", "line 3 has 4 fields, expected 3"),
        (b"1,2;0\n", "line 3 has 2 fields"),
        (b"\n\n1,,0\n", "line 5, column 'b': '' is no number"),
        (b"1,?,0\n", "line 3, column 'b': '?' is no number"),
        (b"1,NA,0\n", "line 3, column 'b': 'NA' is no number"),
        (b"1,None,0\n", "line 3, column 'b': 'None' is no number"),
        (b"1,NaN,0\n", "line 3, column 'b': NaN is no finite number"),
        (b"Infinity,1,0\n", "line 3, column 'a': Infinity is no finite number"),
        (b"1,1e999,0\n", "line 3, column 'b': 1e999 is no finite number"),
        (b"1,1_000,0\n", "line 3, column 'b': '1_000' is no number"),
        ("1,\u0661,0\n".encode(), "line 3, column 'b': '\u0661' is no number"),
        (b"1,0x10,0\n", "line 3, column 'b': '0x10' is no number"),
        (b"1,2+1j,0\n", "line 3, column 'b': '2+1j' is no number"),
        (b"1,True,0\n", "line 3, column 'b': 'True' is no number"),
        (b'1,"1,5",0\n', "line 3, column 'b': '1,5' is no number"),
        (b'1,"2,0\n', "line 3 has 2 fields"),
        (b'1,"2\n0",0\n', "column 'b': '2\\n0' is no number"),
        (b"1,2 3,0\n", "line 3, column 'b': '2 3' is no number"),
        (b"1,\0,0\n", "line 3, column 'b': '\\x00' is no number"),
        (b"1,\x1b[2J,0\n", "line 3, column 'b': '\\x1b[2J' is no number"),
        (b"=1+1,2,0\n", "line 3, column 'a': '=1+1' is no number"),
        (b"# 1,2,0\n", "line 3, column 'a': '# 1' is no number"),
        (b"a,b,y\n", "line 3, column 'a': 'a' is no number"),
        (b"1,2,cat\n", "line 3, column 'y': 'cat' is no number"),
        (b"1,2,0.5\n", "label 0.5 in row 1"),
        (b"1,2,-1\n", "label -1.0 in row 1"),
        (b"1,2,1e18\n", "label 1e+18 in row 1"),
        (b"1,\xff,0\n", "line 3 is no UTF-8 (byte 3 of it is 0xff)"),
        ("1,é,0\n".encode("latin-1"), "line 3 is no UTF-8 (byte 3 of it is 0xe9)"),
    ],
)
def test_a_bad_field_is_named_by_line_and_column(rows: bytes, told_where: str, refused: Callable[..., str]) -> None:
    for more in (b"", b"3,4,1\n"):
        assert told_where in refused(HEADER + rows + more)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column 'y'"),
        (b"\n\n\n", "no column 'y'"),
        (b"\xef\xbb\xbf", "no column 'y'"),
        (b"a,b,y", "there are no samples"),
        (b"a,b,y\n \n\t\n", "there are no samples"),
        (b"a,b,y\r\n\r\n", "there are no samples"),
        (b"a,a,y\n1,2,0\n", "the column 'a' stands there twice"),
        (b"a,y,y,y\n1,2,0,0\n", "the column 'y' stands there 3 times"),
        (b"a, a ,y\n1,2,0\n", "the column 'a' stands there twice"),
        (b"a,,y\n1,2,0\n", "column 2 has no name"),
        (b"a,b,Y\n1,2,0\n", "no column 'y'"),
        (b"a;b;y\n1;2;0\n", "no column 'y'"),
        (b"y\n0\n", "no column besides 'y'"),
        (b"1,2,0\n3,4,1\n", "no column 'y'"),
        (b"0,2,y\n1,2,0\n", "missing: '1'; unknown: '2'"),
        ("a,b,y\n1,2,0\n".encode("utf-16"), "line 1 is no UTF-8"),
        ("a,b,y\n1,2,0\n".encode("utf-16-le"), "no column 'y'"),
        ("größe,y\n1,0\n".encode("latin-1"), "line 1 is no UTF-8 (byte 3 of it is 0xf6)"),
        (bytes(1000), "no column 'y'"),
        (b"\x1b[2J,b\n", "no column 'y'"),
    ],
)
def test_a_table_without_what_it_needs_says_what(content: bytes, reason: str, refused: Callable[..., str]) -> None:
    assert reason in refused(content)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_of_every_system_marks_of_unicode_and_quotes_are_read(
    end: bytes, mark: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "good.csv"
    path.write_bytes(mark + end.join([b'a,"b",y', b"1, 2 ,0", b"", b'"3","4e0","1"']))
    data = load_data(path)
    assert (data.images.tolist(), data.labels.tolist()) == ([[1, 2], [3, 4]], [0, 1])


def test_giant_fields_names_and_tables_are_refused_soon_and_in_a_line(refused: Callable[..., str]) -> None:
    long = b"9" * 2_000_000
    assert "line 3, column 'b'" in refused(HEADER + b"1," + b"9" * 100_000 + b",0\n")
    assert "line 3: field larger than field limit" in refused(HEADER + b"1," + long + b"x,0\n")
    assert "field larger than field limit" in refused(long + b",y\n1,0\n")
    assert "no column 'y'" in refused(b"n" * 100_000 + b"\n")
    names = b",".join(b"%x" % i for i in range(10, 200_000))
    ones = b",".join([b"1"] * 199_990)
    assert "199990 fields, expected 199991" in refused(names + b",y\n" + ones + b"\n", most_memory=100_000_000)
    assert "'a' stands there twice" in refused(names + b",a,y\n" + ones + b"\n", most_memory=100_000_000)
    assert "unknown" in refused(names + b",0,y\n" + ones + b",1,0\n", most_memory=200_000_000)


def test_what_is_told_is_short_and_steers_no_terminal() -> None:
    assert told("plain 猫") == "plain 猫"
    assert told("\x1b[2J\x07\u202e\n") == r"\x1b[2J\x07\u202e\n"
    assert len(told("\x1b" * 10**6)) == 1201


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


def test_h5_cut_anywhere_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    content = h5(tmp_path, lambda file: None)
    for length in range(0, len(content), 64):
        assert "no HDF5 file of numbers, or a damaged one" in refused(content[:length], "h5")


def test_h5_class_names_that_are_no_text_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    for names, reason in [([b"\xff", b"a"], "damaged"), ([b"a", b"a"], "each class once"), ([b"", b"a"], "each class")]:
        assert reason in refused(h5(tmp_path, replaced_names(names)), "h5")


def replaced_names(names: list[bytes]) -> Callable[[Any], object]:
    return lambda file: file.create_dataset("list_classes", data=np.array(names))
