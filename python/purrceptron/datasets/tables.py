"""A CSV file with one sample a row, as the series stores its photos: columns 0, 1, 2, ... and label `y`."""

import csv
import math
import os
from collections import Counter
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from purrceptron.datasets.data import Data, as_bytes, listed, refused_as, rows_as_pictures
from purrceptron.errors import DataError, told
from purrceptron.images.reading import PathLike

__all__ = ["load_csv"]

_LABEL = "y"
# Bytes that were divided by 255 and printed with at least 4 decimals lie this close to a whole number again.
_SCALED_TOLERANCE = 0.02


def load_csv(path: PathLike) -> Data:
    """Read a table with a line of column names, numbers, commas, and the label in column `y`.

    When the other columns are the numbers 0..p-1, in any order, they are pixels: p = 3 s^2 gives colour
    pictures `(samples, s, s, 3)` (height, width, channel, row by row), p = s^2 grey ones; pixels that are
    bytes divided by 255 become the bytes again. Other tables stay `(samples, features)`. Whole numbers
    0..255 are uint8, else float64.

    Raises:
        DataError: `y` is missing, a row has more or fewer fields than there are columns, a field is no finite
            number, or a line is no UTF-8 (names line and column); or the data fail the checks of
            `Data.from_arrays`.
        FileNotFoundError: There is no such file.
    """
    name = os.fspath(path)
    with refused_as(f"{name}: no table of numbers in UTF-8"):
        try:
            return _read(name)
        except UnicodeDecodeError:
            _refuse_first_undecodable(name)


def _read(name: str) -> Data:
    with open(name, encoding="utf-8-sig", newline="") as file:
        columns = [column.strip() for column in next(csv.reader([file.readline()]), [])]
        order = _feature_order(columns, name)
        start = file.tell()
        while (line := file.readline()) and not line.strip():
            pass
        if not line:
            raise DataError(f"{name}: there are no samples below the column names")
        file.seek(start)
        try:
            table = np.loadtxt(file, delimiter=",", comments=None, quotechar='"', ndmin=2)
        except ValueError as error:
            _refuse_first_bad_field(name, columns, str(error))
    if table.shape[1] != len(columns) or not np.isfinite(table).all():
        _refuse_first_bad_field(name, columns, f"expected {len(columns)} finite numbers in each row")
    features = table[:, order]
    labels = table[:, columns.index(_LABEL)]
    assumed = ""
    if "0" in columns:
        features, assumed = rows_as_pictures(_pixels(features))
    return Data.from_arrays(as_bytes(features), labels, source=name, assumed=assumed)


def _feature_order(columns: list[str], name: str) -> list[int]:
    """Positions of the feature columns, pixels by their number."""
    if _LABEL not in columns:
        raise DataError(
            f"{name}: no column {_LABEL!r} for the labels; the first line must name the columns, "
            f"separated by commas, such as 0,1,...,12287,{_LABEL}; got {listed(columns)}"
        )
    if "" in columns:
        position = columns.index("") + 1
        raise DataError(f"{name}: column {position} has no name; if it is an index, save the table without it")
    (column, count), *_ = Counter(columns).most_common(1)
    if count > 1:
        raise DataError(
            f"{name}: the column {told(repr(column))} stands there {'twice' if count == 2 else f'{count} times'}"
        )
    features = [column for column in columns if column != _LABEL]
    if not features:
        raise DataError(f"{name}: no column besides {_LABEL!r}")
    position_of = {column: position for position, column in enumerate(columns)}
    if "0" not in features:
        return [position_of[column] for column in features]
    wanted = [str(pixel) for pixel in range(len(features))]
    if missing := [column for column in wanted if column not in position_of]:
        raise DataError(
            f"{name}: pixel columns must be numbered 0..{len(features) - 1} without a gap; "
            f"missing: {listed(missing)}; unknown: {listed(sorted(set(features).difference(wanted)))}"
        )
    return [position_of[column] for column in wanted]


def _pixels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels as 0..255 where they are bytes divided by 255, else unchanged."""
    if values.min() < 0 or values.max() > 1:
        return values
    scaled = values * 255
    whole = np.rint(scaled)
    # All zeros and ones: whole as they stand, so nothing says that they were divided.
    if np.abs(scaled - whole).max() > _SCALED_TOLERANCE or np.array_equal(values, np.rint(values)):
        return values
    return whole


def _refuse_first_bad_field(name: str, columns: list[str], otherwise: str) -> NoReturn:
    """The careful way through a table that the fast reader refused: find the place and name it."""
    with open(name, encoding="utf-8-sig", newline="") as file:
        reader, line = csv.reader(file), 1  # where a row begins: a quote that nobody closes goes on to the end
        try:
            next(reader)
            line = reader.line_num + 1
            for fields in reader:
                if fields:
                    _check_row(f"{name}: line {line}", columns, fields)
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{name}: line {line}: {error}") from None
    raise DataError(f"{name}: {told(otherwise)}")


def _check_row(where: str, columns: list[str], fields: list[str]) -> None:
    if len(fields) != len(columns):
        raise DataError(f"{where} has {len(fields)} fields, expected {len(columns)} as in the first line")
    for column, field in zip(columns, fields, strict=True):
        at = f"{where}, column {told(repr(column))}"
        try:
            number = float(field)
        except ValueError:
            number = None
        # Python's digits may be grouped (1_000) and of any script; a table's are not.
        if number is None or "_" in field or not field.isascii():
            raise DataError(f"{at}: {told(repr(field))} is no number") from None
        if not math.isfinite(number):
            raise DataError(f"{at}: {told(field)} is no finite number")


def _refuse_first_undecodable(name: str) -> NoReturn:
    with open(name, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{name}: line {number} is no UTF-8 (byte {error.start + 1} of it is {line[error.start]:#04x}): "
                    "save the table as CSV in UTF-8"
                ) from None
    raise DataError(f"{name}: no text in UTF-8")
