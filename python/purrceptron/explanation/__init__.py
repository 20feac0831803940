"""Why a classifier answers as it does: what in a photo speaks for a class, and what against it.

A map of relevance says which pixels the answer hangs on, not why, and not whether that is sensible: it may look right
on a network that is wrong, and some methods draw nearly the same map for a network of random weights (Adebayo et al.,
2018, "Sanity checks for saliency maps"; the gradient passes their checks). Trust the score on photos that were held
out, and look at maps to find out what else than the cat the classifier has learnt: a background, a border, a mark.
"""

from .drawing import overlay, side_by_side
from .explanations import Explanation, explain
from .saliency import gradient_times_input, occlusion

__all__ = ["Explanation", "explain", "gradient_times_input", "occlusion", "overlay", "side_by_side"]
