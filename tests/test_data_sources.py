"""Reading labelled data: folders, the course's .h5, the series' CSV, .npz; and what bad data say."""

import builtins
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from purrceptron.datasets.data import Data
from purrceptron.datasets.folders import load_image_folder, write_image_folder
from purrceptron.datasets.sources import load_data
from purrceptron.errors import DataError

PHOTOS = os.environ.get("PURRCEPTRON_PHOTOS")


def pictures(samples: int, side: int = 64, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (samples, side, side, channels), dtype=np.uint8)


def write_csv(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows, ""]))
    return path


def series_csv(path: Path, images: np.ndarray, labels: list[int], form: str = "%d") -> Path:
    rows = np.column_stack([images.reshape(len(images), -1), labels])
    with path.open("w") as file:
        file.write(",".join([*map(str, range(rows.shape[1] - 1)), "y"]) + "\n")
        np.savetxt(file, rows, fmt=form, delimiter=",")
    return path


def write_h5(path: Path, **arrays: Any) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


def photo_folder(path: Path, **classes: int) -> Path:
    """A folder with so many photos a class; the n-th photo of a class is of the grey level n."""
    for name, count in classes.items():
        (path / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (9, 7), (number, number, number)).save(path / name / f"{number}.png")
    return path


# --- folders of class folders -------------------------------------------------------------------------------


def test_folder_gives_photos_labels_and_sorted_class_names(tmp_path: Path) -> None:
    data = load_data(photo_folder(tmp_path / "d", dog=2, cat=3), image_size=4)
    assert data.class_names == ("cat", "dog")
    assert data.images.shape == (5, 4, 4, 3)
    assert data.images.dtype == np.uint8
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1]
    assert data.labels.dtype == np.int64
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert (data.source, data.skipped) == (str(tmp_path / "d"), ())


def test_folder_in_grey_has_one_channel(tmp_path: Path) -> None:
    assert load_data(photo_folder(tmp_path, cat=1), image_size=4, color="grey").images.shape == (1, 4, 4, 1)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    photo_folder(tmp_path, cat=1, dog=1)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "cat" / ".00000.png.part").write_bytes(b"x")
    data = load_data(tmp_path)
    assert len(data) == 2
    assert data.skipped == ()


def add_text(folder: Path) -> Path:
    (folder / "cat" / "notes.txt").write_text("no photo")
    return folder / "cat" / "notes.txt"


def add_truncated(folder: Path) -> Path:
    whole = (folder / "dog" / "0.png").read_bytes()
    (folder / "dog" / "0.png").write_bytes(whole[: len(whole) // 2])
    return folder / "dog" / "0.png"


def add_stray(folder: Path) -> Path:
    Image.new("RGB", (9, 9)).save(folder / "stray.png")
    return folder / "stray.png"


def add_inner_folder(folder: Path) -> Path:
    (folder / "cat" / "more").mkdir()
    return folder / "cat" / "more"


def add_broken_link(folder: Path) -> Path:
    try:
        (folder / "cat" / "link.png").symlink_to(folder / "gone.png")
    except OSError:
        pytest.skip("no right to make symbolic links on this system")
    return folder / "cat" / "link.png"


@pytest.mark.parametrize("add", [add_text, add_truncated, add_stray, add_inner_folder, add_broken_link])
def test_what_is_no_photo_is_refused_by_name_or_skipped_and_listed(tmp_path: Path, add: Any) -> None:
    photo_folder(tmp_path, cat=2, dog=2)
    good = load_data(tmp_path, image_size=4)
    bad = add(tmp_path)
    with pytest.raises(DataError, match="skip_bad") as caught:
        load_data(tmp_path, image_size=4)
    assert str(bad) in str(caught.value)
    data = load_data(tmp_path, image_size=4, skip_bad=True)
    assert data.skipped == (bad,)
    kept = good.images[[0, 1, 3]] if bad.parent.name == "dog" else good.images
    np.testing.assert_array_equal(data.images, kept)
    assert len(data.labels) == len(kept)


def test_named_pipe_in_a_folder_does_not_block(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    photo_folder(tmp_path, cat=1)
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png"):
        load_data(tmp_path)


def test_folder_without_classes_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no class; expected one folder of photos per class"):
        load_data(tmp_path)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_class_without_a_photo_is_named(tmp_path: Path, skip_bad: bool) -> None:
    photo_folder(tmp_path, cat=1, dog=0)
    with pytest.raises(DataError, match="dog: the class has no photo"):
        load_data(tmp_path, skip_bad=skip_bad)


def test_missing_folder_and_file_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        load_image_folder(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file"):
        load_image_folder(tmp_path / "file")


# --- writing folders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_written_folder_reads_back_the_same_pixels(tmp_path: Path, channels: int) -> None:
    images, labels = pictures(6, channels=channels), np.array([0, 1, 1, 0, 1, 1])
    write_image_folder(tmp_path / "new" / "cats", images, labels, ("cat", "not cat"))
    files = sorted(path.relative_to(tmp_path / "new" / "cats").as_posix() for path in tmp_path.rglob("*.*"))
    assert files == [
        *(f"cat/0000{number}.png" for number in range(2)),
        *(f"not cat/0000{number}.png" for number in range(4)),
    ]
    data = load_data(tmp_path / "new" / "cats", color="grey" if channels == 1 else "rgb")
    order = np.argsort(labels, kind="stable")
    np.testing.assert_array_equal(data.images, images[order])
    np.testing.assert_array_equal(data.labels, labels[order])
    assert data.class_names == ("cat", "not cat")


def test_writing_takes_an_empty_folder_and_refuses_a_full_one(tmp_path: Path) -> None:
    write_image_folder(tmp_path, pictures(1, 4), [0], ("cat",))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError, match="not empty"):
        write_image_folder(tmp_path, pictures(2, 4), [0, 0], ("cat",))
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(FileExistsError):
        write_image_folder(tmp_path / "cat" / "00000.png", pictures(1, 4), [0], ("cat",))


def test_failed_write_leaves_no_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_image_folder(tmp_path, pictures(2, 4), [0, 0], ("cat",))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("images", "labels", "names", "message"),
    [
        (pictures(2, 4) / 255, [0, 1], ("a", "b"), "uint8"),
        (pictures(2, 4).reshape(2, -1), [0, 1], ("a", "b"), "uint8 of shape"),
        (pictures(2, 4), [0, 2], ("a", "b"), "label 2 in row 1"),
        (pictures(2, 4), [0, 1], ("a", "../b"), "folder's name"),
        (pictures(2, 4), [0, 1], ("a", ".b"), "folder's name"),
        (pictures(2, 4), [0, 1], ("a", "A"), "differ"),
    ],
)
def test_writing_refuses_what_is_no_labelled_picture(
    tmp_path: Path, images: np.ndarray, labels: list[int], names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_image_folder(tmp_path / "d", images, labels, names)
    assert not (tmp_path / "d").exists()


# --- the course's .h5 ---------------------------------------------------------------------------------------


def test_h5_gives_the_part_that_is_asked_for(tmp_path: Path) -> None:
    images = pictures(5)
    path = write_h5(
        tmp_path / "a.h5",
        train_set_x=images[:3],
        train_set_y=[0, 1, 1],
        test_set_x=images[3:],
        test_set_y=[1, 0],
        list_classes=np.array([b"non-cat", b"cat"]),
    )
    train, test = load_data(path), load_data(path, split="test")
    np.testing.assert_array_equal(train.images, images[:3])
    assert train.images.dtype == np.uint8
    assert train.labels.tolist() == [0, 1, 1]
    assert train.class_names == ("non-cat", "cat")
    np.testing.assert_array_equal(test.images, images[3:])
    assert test.labels.tolist() == [1, 0]


def test_h5_with_the_test_part_alone_is_read_without_asking(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.hdf5", test_set_x=pictures(2), test_set_y=[[1, 0]])
    data = load_data(path)
    assert data.labels.tolist() == [1, 0]
    assert data.class_names == ("not cat", "cat")


def test_h5_train_part_never_passes_for_the_test_part(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.h5", train_set_x=pictures(2), train_set_y=[1, 0])
    with pytest.raises(DataError, match="expected the arrays test_set_x and test_set_y, found"):
        load_data(path, split="test")


def test_h5_without_the_names_lists_found_and_expected(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.h5", photos=pictures(2), train_set_y=[1, 0])
    with pytest.raises(DataError, match=r"expected the arrays train_set_x and .*found 'photos', 'train_set_y'"):
        load_data(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_set_y": [1, 0, 1]}, "2 samples but 3 labels"),
        ({"train_set_y": [1, 2]}, "label 2 in row 1"),
        ({"train_set_y": [b"a", b"b"]}, "labels must be whole numbers"),
        ({"train_set_x": np.array([b"a", b"b"])}, "must be numbers"),
        ({"train_set_x": np.zeros((2, 3, 64, 64))}, "channels"),
        ({"train_set_x": 5}, "shape"),
        ({"list_classes": np.array([b"cat", b"cat"])}, "each class once"),
    ],
)
def test_h5_with_wrong_arrays_says_which(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    arrays = {"train_set_x": pictures(2), "train_set_y": [1, 0], "list_classes": np.array([b"no", b"cat"])}
    with pytest.raises(DataError, match=message):
        load_data(write_h5(tmp_path / "a.h5", **(arrays | changed)))


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_damaged_h5_is_named(tmp_path: Path, keep: int) -> None:
    path = write_h5(tmp_path / "a.h5", train_set_x=pictures(2), train_set_y=[1, 0])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"a\.h5: no HDF5 file of numbers, or a damaged one"):
        load_data(path)


def test_without_h5py_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def import_without_h5py(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "h5py":
            raise ModuleNotFoundError("No module named 'h5py'")
        return real_import(name, *args, **kwargs)

    (tmp_path / "a.h5").write_bytes(b"")
    monkeypatch.setattr(builtins, "__import__", import_without_h5py)
    with pytest.raises(ImportError, match=r'pip install "purrceptron\[h5\]"'):
        load_data(tmp_path / "a.h5")


@pytest.mark.skipif(not PHOTOS, reason="PURRCEPTRON_PHOTOS does not name the course's train_catvnoncat.h5")
def test_the_real_photos() -> None:
    pytest.importorskip("h5py")
    data = load_data(str(PHOTOS))
    assert data.images.shape == (209, 64, 64, 3)
    assert data.images.dtype == np.uint8
    assert data.class_names == ("non-cat", "cat")
    assert np.bincount(data.labels).tolist() == [137, 72]


# --- the series' CSV ----------------------------------------------------------------------------------------


def test_csv_of_bytes_gives_the_pictures_back(tmp_path: Path) -> None:
    images = pictures(3)
    data = load_data(series_csv(tmp_path / "a.csv", images, [1, 0, 1]))
    assert data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images, images)
    assert data.labels.tolist() == [1, 0, 1]
    assert data.class_names == ("not cat", "cat")


@pytest.mark.parametrize("form", ["%.18g", "%.5f"])
def test_csv_of_bytes_divided_by_255_gives_the_bytes_back(tmp_path: Path, form: str) -> None:
    images = pictures(2)
    data = load_data(series_csv(tmp_path / "a.csv", images / 255, [1, 0], form))
    assert data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images, images)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=(3, 8, 8, 1)),
        np.random.default_rng(0).uniform(size=(3, 8, 8, 1)),
        pictures(3, 8, 1) / -255,
        pictures(3, 8, 1) * 2.0,
    ],
)
def test_csv_of_other_numbers_stays_float(tmp_path: Path, values: np.ndarray) -> None:
    data = load_data(series_csv(tmp_path / "a.csv", values, [1, 0, 2], "%.18g"))
    assert data.images.dtype == np.float64
    np.testing.assert_array_equal(data.images, values)
    assert data.class_names == ("0", "1", "2")


def test_csv_of_black_and_white_keeps_zeros_and_ones(tmp_path: Path) -> None:
    data = load_data(write_csv(tmp_path / "a.csv", "0,1,2,y", "0,1,1,0", "1,0,1,1"))
    assert data.images.reshape(2, 3).tolist() == [[0, 1, 1], [1, 0, 1]]


def test_csv_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    data = load_data(write_csv(tmp_path / "a.csv", "y,1,2,0", "1,20,30,10", "0,50,60,40"))
    assert data.images.tolist() == [[[[10, 20, 30]]], [[[40, 50, 60]]]]
    assert data.labels.tolist() == [1, 0]


def test_csv_of_named_columns_is_a_table(tmp_path: Path) -> None:
    data = load_data(write_csv(tmp_path / "a.csv", "age,height,weight,y", "1,2.5,3,0", "4,5,6,1"))
    assert data.images.tolist() == [[1, 2.5, 3], [4, 5, 6]]


def test_csv_as_spreadsheets_write_it(tmp_path: Path) -> None:
    (tmp_path / "a.CSV").write_bytes(b'\xef\xbb\xbf"0","1","2","y"\r\n\r\n"1","2","3","1"\r\n4, 5,6,0\r\n\r\n')
    data = load_data(tmp_path / "a.CSV")
    assert data.images.tolist() == [[[[1, 2, 3]]], [[[4, 5, 6]]]]
    assert data.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("0,1,2", ["1,2,3"], "no column 'y'.*got '0', '1', '2'"),
        ("0;1;2;y", ["1;2;3;1"], "no column 'y'.*commas"),
        ("0,1,1,y", ["1,2,3,1"], "column '1' stands there twice"),
        ("0,1,3,y", ["1,2,3,1"], r"missing: '2'; unknown: '3'"),
        ("0,1,age,y", ["1,2,3,1"], r"missing: '2'; unknown: 'age'"),
        (",0,1,2,y", ["0,1,2,3,1"], "column 1 has no name"),
        ("y", ["1"], "no column besides 'y'"),
        ("0,1,2,y", [], "no samples"),
        ("0,1,2,y", ["", "  "], "no samples"),
        ("0,1,2,y", ["1,2,3,1", "1,2,3"], "line 3 has 3 fields, expected 4"),
        ("0,1,2,y", ["1,2,3,1", "1,2,3,4,5"], "line 3 has 5 fields, expected 4"),
        ("0,1,2,y", ["1,2,3", "1,2,3"], "line 2 has 3 fields, expected 4"),
        ("0,1,2,y", ["1,2,3,1", "", "1,cat,3,1"], "line 4, column '1': 'cat' is no number"),
        ("0,1,2,y", ["1,2,3,1", "1,,3,1"], "line 3, column '1': '' is no number"),
        ("0,1,2,y", ["1,2,nan,1"], "line 2, column '2': nan is no finite number"),
        ("0,1,2,y", ["1,2,3,1", "1,-inf,3,1"], "line 3, column '1': -inf is no finite number"),
        ("0,1,2,y", ["1,2,3,1", "1,2,3,1e999"], "line 3, column 'y': 1e999 is no finite number"),
        ("0,1,2,y", ["1,2,3,1", "1,2,3,0.5"], "label 0.5 in row 1"),
        ("0,1,2,y", ["1,2,3,-1"], "label -1.0 in row 0"),
        ("0,1,2,y", ["1,2,3,1e9"], "label 1000000000.0 in row 0"),
    ],
)
def test_bad_csv_says_line_and_column(tmp_path: Path, header: str, rows: list[str], message: str) -> None:
    with pytest.raises(DataError, match=rf"a\.csv.*{message}"):
        load_data(write_csv(tmp_path / "a.csv", header, *rows))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01" * 9, b"\x00" * 99, b"0,1,2,y\n1,2,\x00,1\n"])
def test_csv_that_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.csv"):
        load_data(tmp_path / "a.csv")


def test_csv_of_the_series_size_reads_within_a_second(tmp_path: Path) -> None:
    path = series_csv(tmp_path / "a.csv", pictures(209), [0, 1] * 104 + [1])
    start = time.process_time()
    assert load_data(path).images.shape == (209, 64, 64, 3)
    assert time.process_time() - start < 1


# --- .npz ---------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    x=hnp.arrays(
        dtype=st.sampled_from([np.uint8, np.int64, np.float32, ">f8"]),
        shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3])),
        elements=st.integers(0, 300).map(lambda value: value % 256),
        fill=st.just(0),
    ),
    dtype=st.sampled_from([np.int64, np.uint8, np.bool_, np.float64]),
)
def test_npz_keeps_every_value(tmp_path: Path, x: np.ndarray, dtype: Any) -> None:
    labels = np.arange(len(x)) % 2
    np.savez(tmp_path / "a.npz", x=np.asfortranarray(x), y=labels.astype(dtype))
    data = load_data(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.images, x)
    np.testing.assert_array_equal(data.labels, labels)
    assert data.images.flags.c_contiguous
    assert data.images.dtype == (x.dtype.newbyteorder("=") if x.dtype.kind == "f" else np.uint8)


def test_npz_shapes(tmp_path: Path) -> None:
    for given_shape, shape in [
        ((2, 9, 7), (2, 9, 7, 1)),
        ((2, 12288), (2, 64, 64, 3)),
        ((2, 784), (2, 28, 28, 1)),
        ((2, 11), (2, 11)),
    ]:
        np.savez(tmp_path / "a.npz", x=np.zeros(given_shape, np.uint8), y=[[0], [1]])
        data = load_data(tmp_path / "a.npz")
        assert data.images.shape == shape
        assert bool(data.assumed) is (len(given_shape) == 2 and len(shape) == 4)
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 12), np.float32), y=[0, 1])
    data = load_data(tmp_path / "a.npz")
    assert (data.images.shape, data.assumed) == ((2, 12), "")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"photos": [1], "y": [1]}, "expected the arrays 'x' and 'y', found 'photos', 'y'"),
        ({"x": np.zeros((2, 4, 4, 3)), "y": [1]}, "2 samples but 1 labels"),
        ({"x": np.zeros((0, 4, 4, 3)), "y": []}, "no samples"),
        ({"x": np.zeros((2, 0)), "y": [0, 1]}, "empty"),
        ({"x": np.zeros(2), "y": [0, 1]}, "shape"),
        ({"x": np.zeros((2, 4, 4, 4)), "y": [0, 1]}, "1 or 3 channels"),
        ({"x": np.zeros((2, 3)), "y": np.eye(2)}, "labels must have the shape"),
        ({"x": np.zeros((2, 3)), "y": [0, np.nan]}, "label nan in row 1"),
        ({"x": np.zeros((2, 3)), "y": ["cat", "dog"]}, "whole numbers"),
        ({"x": np.zeros((2, 3), complex), "y": [0, 1]}, "must be numbers"),
        ({"x": [[1.0, 2.0], [3.0, np.nan]], "y": [0, 1]}, r"nan in row 1, column 1"),
        ({"x": np.array([[None], [1]]), "y": [0, 1]}, r"allow_pickle=False"),
        ({"x": np.zeros((2, 3)), "y": np.array([None, 1])}, r"allow_pickle=False"),
    ],
)
def test_bad_npz_says_what_and_where(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=rf"a\.npz.*{message}"):
        load_data(tmp_path / "a.npz")


def test_infinity_in_a_picture_says_row_column_and_index(tmp_path: Path) -> None:
    x = np.zeros((3, 4, 5, 3), np.float32)
    x[2, 1, 3, 2] = np.inf
    np.savez(tmp_path / "a.npz", x=x, y=[0, 1, 0])
    with pytest.raises(DataError, match=r"inf in row 2, column 26 \(both from 0\), at index \(2, 1, 3, 2\)"):
        load_data(tmp_path / "a.npz")


def test_npz_that_is_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=pictures(2), y=[0, 1])
    whole = path.read_bytes()
    foreign_offset = bytearray(whole)
    foreign_offset[-6:-2] = b"\xff\xff\xff\x7f"  # where the zip directory starts
    for content in (
        b"",
        b"text",
        foreign_offset,
        whole[:1000],
        whole[:-10],
        whole[:5000] + b"\xff" * 99 + whole[5099:],
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.npz: no \.npz file of numbers, or a damaged one"):
            load_data(path)
    with path.open("wb") as file:
        np.save(file, pictures(1))
    with pytest.raises(DataError, match="one array alone"):
        load_data(path)


# --- any source ---------------------------------------------------------------------------------------------


def test_missing_path_is_file_not_found(tmp_path: Path) -> None:
    for name in ("gone", "gone.h5", "gone.csv", "gone.npz", "gone.txt"):
        with pytest.raises(FileNotFoundError, match=name):
            load_data(tmp_path / name)


def test_unknown_kind_lists_the_known(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0")
    with pytest.raises(DataError, match=r"a\.txt.*folder.*\.h5, \.hdf5, \.csv or \.npz"):
        load_data(str(tmp_path / "a.txt"))


@pytest.mark.parametrize("option", [{"split": "validation"}, {"image_size": -1}, {"color": "blue"}])
def test_option_out_of_range_is_named(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        load_data("unread.csv", **option)


def test_data_prints_in_one_line() -> None:
    data = Data.from_arrays(pictures(3), [0, 1, 1], ("dog", "cat"), source="somewhere")
    assert repr(data) == "Data(3 samples of (64, 64, 3) uint8: 1 'dog', 2 'cat'; from somewhere)"
    with pytest.raises(AttributeError):
        data.source = "elsewhere"  # type: ignore[misc]
