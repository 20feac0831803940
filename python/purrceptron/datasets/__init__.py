"""Data to learn from: the drawn cats, and readers of photos and tables."""

from .cats import make_cats
from .data import Data
from .duplicates import near_duplicates
from .folders import load_image_folder, write_image_folder
from .sources import load_data

__all__ = ["Data", "load_data", "load_image_folder", "make_cats", "near_duplicates", "write_image_folder"]
