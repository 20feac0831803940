"""Write a contact sheet of the drawn cats: `python examples/contact_sheet.py [FILE]`."""

import sys
from pathlib import Path

from PIL import Image

from purrceptron.datasets import make_cats

COLUMNS, ROWS = 8, 4
SIZE, GAP = 128, 4  # pixels: twice the size that the network sees
SEED = 8


def main(file: Path) -> None:
    """Draw the pictures at the network's size, enlarge them and paste them in rows."""
    images, _ = make_cats(COLUMNS * ROWS, size=SIZE // 2, seed=SEED)
    step = SIZE + GAP
    sheet = Image.new("RGB", (COLUMNS * step - GAP, ROWS * step - GAP), "white")
    for index, pixels in enumerate(images):
        row, column = divmod(index, COLUMNS)
        sheet.paste(
            Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.NEAREST),
            (column * step, row * step),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file, optimize=True)


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "docs" / "images" / "contact-sheet.png")
