"""CSV files that are broken, or built to break the reader: an error that says where, soon and for little memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from purrceptron.datasets.sources import load_data
from purrceptron.errors import told

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
