"""Draws one small picture: a scene, a subject in it, and light. Loads Pillow; import it only to draw."""

from .picture import draw_picture

__all__ = ["draw_picture"]
