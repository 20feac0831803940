"""scikit-learn's checks of estimators, all of them, and what its users do with estimators."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import purrceptron as purr
from purrceptron.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks(
    [
        MLPClassifier(max_iter=100),
        MLPRegressor(max_iter=100),
        MLPRegressor(solver="sgd", learning_rate="adaptive", max_iter=100),
        MLPClassifier(max_iter=20, solver="adamw", normalization="layer"),
        MLPClassifier(max_iter=20, early_stopping=False, activation=("gelu",), clip_norm=1.0),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)


# What photos can be asked: the others bring tables of a few numbers, negative ones among them, where a photo is a fixed
# number of pixels from 0 to 255 (docs/migration.md).
OF_PHOTOS = {
    "check_classifiers_one_label",
    "check_decision_proba_consistency",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_fit1d",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_non_transformer_estimators_n_iter",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_supervised_y_no_nan",
    "check_valid_tag_types",
}


class Tabular(purr.CatClassifier):
    """One that says it takes tables, so that scikit-learn hands out its checks."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


@pytest.mark.filterwarnings("ignore:Estimator Tabular does not inherit")
def test_the_cat_classifier_passes_the_checks_that_ask_for_no_table():
    passed = set()
    for estimator, check in estimator_checks_generator(Tabular((4,), image_size=8, epochs=3)):
        name = getattr(check, "func", check).__name__
        if name in OF_PHOTOS:
            check(estimator)
            passed.add(name)
    assert passed == OF_PHOTOS


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_the_cat_classifier_says_that_it_takes_no_tables():
    tags = purr.CatClassifier().__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert not tags.input_tags.two_d_array
    for estimator, check in estimator_checks_generator(purr.CatClassifier((4,), image_size=8, epochs=3)):
        check(estimator)
