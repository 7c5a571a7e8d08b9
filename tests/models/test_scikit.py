"""The trainer `sklearn`: every kind of classifier, by name or as an object."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import tithe
from tithe import registry
from tithe.errors import CacheError, ConfigError, NeedsError, UnknownNameError
from tithe.models.links import Sigmoid, Softmax
from tithe.models.scikit import SkLearn
from tithe.models.scikit_fit import learn
from tithe.rng import stream
from tithe.testing import check_trainer
from tithe.testing.clouds import Clouds, CloudStart
from tithe.testing.trainers import CHECKS
from tithe.types import Examples

LABELS = ("a", "b", "c")
START = CloudStart(0, frozenset({"embeddings"}))


def fitted(trainer: SkLearn, per_cloud: int = 12, labels: tuple = LABELS):
    items, truth = Clouds(0, labels).draw("train", per_cloud)
    task = tithe.Choice(LABELS)
    return trainer.fit(task, Examples(items, truth), start=START, rng=stream(0)), items, truth


@pytest.mark.parametrize(
    "spec",
    [
        "sklearn(LogisticRegression, C=10)",
        "sklearn(sklearn.svm.LinearSVC)",
        "sklearn(RandomForestClassifier, n_estimators=20)",
        "sklearn(KNeighborsClassifier, n_neighbors=5)",
        "sklearn(NearestCentroid)",
    ],
)
def test_a_named_classifier_conforms(spec: str) -> None:
    assert check_trainer(spec) == list(CHECKS)


def test_one_that_only_guesses_gets_probabilities_too() -> None:
    class Guesser(ClassifierMixin, BaseEstimator):
        """Neither probabilities nor scores."""

        def fit(self, features, targets):
            self.inside = KNeighborsClassifier(3).fit(features, targets)
            return self

        def predict(self, features):
            return self.inside.predict(features)

    model, items, truth = fitted(SkLearn(Guesser()))
    proba = model.view("proba", items)
    assert model.settings["temperature"] > 0
    assert model.decide(proba) == truth
    assert 0.5 < proba.max() < 1, "sure, but not certain: held-out guesses say how sure"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("sklearn(LogisticRegresion)", "no classifier 'LogisticRegresion'; did you mean .*'LogisticRegression'"),
        ("sklearn(Ridge)", "no classifier 'Ridge'"),
        (
            "sklearn(estimator=LinearSVC)",
            r"takes its estimator first and without a name: sklearn\(LinearSVC\)",
        ),
        ("sklearn(sklearn.svm.LinearSVX)", "no 'sklearn.svm.LinearSVX'; write a path such as sklearn.svm.LinearSVC"),
        ("sklearn(sklearn.nowhere.X)", "no 'sklearn.nowhere.X'"),
        ("sklearn(os.system)", "no classifier 'os.system'"),
        ("sklearn(sklearn.linear_model.Ridge)", "no classifier of scikit-learn"),
        ("sklearn(sklearn.base.clone)", "no classifier of scikit-learn|has no setting|made of other"),
        ("sklearn(LinearSVC, c=1)", "LinearSVC has no setting 'c'; there are: C, class_weight"),
        ("sklearn(OneVsRestClassifier)", "OneVsRestClassifier is made of other estimators"),
        ("sklearn(BaggingClassifier, estimator=LinearSVC)", "BaggingClassifier is made of other estimators"),
        ("sklearn(C=1, LinearSVC)", "cannot read the setting 'LinearSVC'"),
        ("linear(LinearSVC)", "cannot read the setting 'LinearSVC' in .*: write key=value"),
    ],
)
def test_a_name_that_is_none_is_one_clear_line(spec: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        registry.build("trainers", spec)


def test_unknown_names_are_told_as_such() -> None:
    with pytest.raises(UnknownNameError):
        SkLearn("Nothing")


def test_settings_belong_to_a_name_and_an_estimator_is_a_classifier() -> None:
    with pytest.raises(ConfigError, match="settings C go with a name"):
        SkLearn(LinearSVC(), C=1)
    for given in (Ridge(), LinearSVC, 3):
        with pytest.raises(ConfigError, match="is no classifier"):
            SkLearn(given)


def test_the_estimator_is_copied_and_stays_unfitted() -> None:
    mine = LinearSVC(C=1)
    trainer = SkLearn(mine)
    mine.set_params(C=5)
    fitted(trainer)
    assert repr(trainer) == "SkLearn(LinearSVC(C=1))"
    assert not hasattr(mine, "coef_")


def test_a_pipeline_of_several_steps_is_a_classifier_too() -> None:
    trainer = SkLearn(make_pipeline(StandardScaler(), CalibratedClassifierCV(LinearSVC(), cv=3)))
    model, items, truth = fitted(trainer)
    assert model.decide(model.view("proba", items)) == truth


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (BaggingClassifier(LogisticRegression()), "estimator=LogisticRegression.*cannot be saved.*nothing is pickled"),
        (KNeighborsClassifier(weights=lambda far: far), "weights=.*cannot be saved"),
        (type("Mine", (KNeighborsClassifier,), {})(), "Mine cannot be saved: only scikit-learn's own"),
    ],
)
def test_what_json_cannot_hold_is_refused_when_saved(tmp_path, estimator, words: str) -> None:
    model, _, _ = fitted(SkLearn(estimator))
    with pytest.raises(ConfigError, match=words):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_that_answers_otherwise_after_a_refit_is_refused(tmp_path) -> None:
    model, _, _ = fitted(SkLearn(LogisticRegression()))
    model.save(tmp_path / "model")
    from safetensors.numpy import load

    facts = json.loads((tmp_path / "model" / "model.json").read_text())
    arrays = load((tmp_path / "model" / "model.safetensors").read_bytes())
    SkLearn.restore(model.task, START, arrays, facts)
    facts["estimator"]["settings"]["C"] = 1e-4
    with pytest.raises(CacheError, match="answers otherwise when it is fitted again with scikit-learn"):
        SkLearn.restore(model.task, START, arrays, facts)


def test_labels_never_asked_share_a_little() -> None:
    model, items, _ = fitted(SkLearn(RandomForestClassifier(10)), labels=("a", "b"))
    proba = model.view("proba", items)
    np.testing.assert_allclose(proba[:, 2], 0.5 / (24 + 3), rtol=1e-5)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


def test_the_committee_of_a_forest_is_its_trees_in_ten_groups() -> None:
    model, items, _ = fitted(SkLearn(RandomForestClassifier(30)))
    votes = model.view("committee", items)
    assert votes.shape == (10, 36, 3)
    np.testing.assert_allclose(votes.mean(axis=0), model.view("proba", items), atol=1e-5)
    assert votes.std(axis=0).max() > 0.01
    plain, items, _ = fitted(SkLearn(LogisticRegression()))
    with pytest.raises(NeedsError, match="LogisticRegression gives proba; not 'committee'"):
        plain.view("committee", items)


def noisy(rows: int = 400, classes: int = 3):
    """Features that say of the class what they can, no more: nobody can be sure."""
    rng = stream(3)
    targets = rng.integers(0, classes, rows)
    return (np.eye(classes)[targets] + rng.normal(size=(rows, classes))).astype(np.float32), targets


@pytest.mark.parametrize("estimator", [LinearSVC(), LinearSVC(C=1e-4)], ids=["scores near 1", "tiny scores"])
def test_scores_become_honest_probabilities(estimator) -> None:
    features, targets = noisy()
    train, held = slice(0, 200), slice(200, 400)
    found = learn(estimator, features[train], targets[train], Softmax(), weights=None, seed=0)
    exact = LogisticRegression().fit(features[train], targets[train])
    loss, best = (
        -np.log(proba[np.arange(200), targets[held]]).mean()
        for proba in (found.proba(features[held]), exact.predict_proba(features[held]))
    )
    assert loss < best + 0.04, "a temperature cannot do much better than the model of the right form"
    assert best + 0.04 < np.log(3), "and that is far from a guess"


def test_label_sets_are_fitted_one_by_one_or_at_once() -> None:
    features, _ = noisy()
    sets = (features > 0.7).astype(np.float32)
    by_one = learn(LinearSVC(), features, sets, Sigmoid(), weights=None, seed=0)
    at_once = learn(RandomForestClassifier(20), features, sets, Sigmoid(), weights=None, seed=0)
    assert (len(by_one.parts), len(at_once.parts)) == (3, 1)
    for found in (by_one, at_once):
        assert ((found.proba(features) > 0.5) == (sets > 0)).mean() > 0.95


def test_one_that_takes_no_weights_sees_heavy_rows_more_often() -> None:
    features, targets = np.zeros((3, 1), np.float32), np.array([0, 1, 1])
    found = learn(
        KNeighborsClassifier(10), features, targets, Softmax(), weights=np.array([1, 0.125, 0.001], "f4"), seed=0
    )
    np.testing.assert_allclose(found.proba(features)[0], [0.8, 0.2])  # eight copies, one and one


def test_open_random_states_come_from_the_stream_and_given_ones_stay() -> None:
    features, targets = noisy()

    def proba(estimator, seed: int):
        return learn(estimator, features, targets, Softmax(), weights=None, seed=seed).proba(features)

    np.testing.assert_array_equal(proba(RandomForestClassifier(5), 1), proba(RandomForestClassifier(5), 1))
    assert (proba(RandomForestClassifier(5), 1) != proba(RandomForestClassifier(5), 2)).any()
    fixed = RandomForestClassifier(5, random_state=4)
    np.testing.assert_array_equal(proba(fixed, 1), proba(fixed, 2))


def test_what_scikit_learn_refuses_is_told_in_its_words() -> None:
    with pytest.raises(ConfigError, match="MultinomialNB could not be fitted: Negative values"):
        fitted(SkLearn("MultinomialNB"))
    with pytest.raises(ConfigError, match="LogisticRegression could not be fitted: The 'C' parameter"):
        fitted(SkLearn("LogisticRegression", C=-1))


def test_its_warnings_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tithe"):
        fitted(SkLearn(LogisticRegression(max_iter=1)))
    assert "event=fit_warning estimator=LogisticRegression" in caplog.text


def test_a_recipe_takes_the_trainer_as_an_object(example) -> None:
    recipe = tithe.Recipe(start="lexical", trainer=SkLearn(KNeighborsClassifier(3)), strategy="margin")
    learner = tithe.ActiveLearner(example.fresh(), example.task, recipe)
    for _ in range(2):
        learner.tell({one.id: example.gold[one.id] for one in learner.ask(20)})
    assert learner.model.settings["estimator"] == "KNeighborsClassifier(n_neighbors=3)"
    assert learner.model.settings["labelled"] == 40


def test_a_saved_model_is_loaded_by_its_folder(example, tmp_path) -> None:
    pool = tithe.Pool(example.pool)
    model = tithe.train(pool, example.task, trainer="sklearn(LinearSVC, C=0.5)", start="lexical")
    model.save(tmp_path / "model")
    again = tithe.load_model(tmp_path / "model")
    assert again.fingerprint == model.fingerprint
    np.testing.assert_array_equal(again.view("proba", example.held), model.view("proba", example.held))
