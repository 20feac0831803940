"""scikit-learn's own tests of its multi-layer perceptrons, as they are installed, run on ours."""

import importlib.util
from pathlib import Path

import pytest

# Each of these asks for something private.
PRIVATE = {
    "test_gradient": "calls _loss_grad_lbfgs with the arrays that scikit-learn works in; tests/gradients.rs and "
    "test_the_same_weights_after_fifty_epochs hold the gradients",
}
_IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"

_found = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
if _found is None or _found.origin is None:
    pytest.skip("this scikit-learn came without its tests", allow_module_level=True)
_source = Path(_found.origin).read_text(encoding="utf-8")
assert _source.count(_IMPORT) == 1
_ours = _IMPORT.replace("sklearn.neural_network", "purrceptron.sklearn")
_names: dict[str, object] = {"__name__": __name__}
exec(compile(_source.replace(_IMPORT, _ours), _found.origin, "exec"), _names)
assert set(PRIVATE) <= set(_names)
_tests = {name: test for name, test in _names.items() if name.startswith("test_") and name not in PRIVATE}
globals().update(_tests)

# They tell warnings that matter from those that do not by themselves.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def global_random_seed():
    return 42


def test_theirs_were_found_and_are_ours():
    assert len(_tests) > 30
    assert _names["MLPClassifier"].__module__ == "purrceptron.sklearn.classifier"
