"""What established libraries make of the shipped trace; prints fixture.json.

    pip install scikit-learn==1.9.1 river==0.26.1
    python crates/nexus-intel/tests/learn_trace/fixture.py > crates/nexus-intel/tests/learn_trace/fixture.json

Run from the root of the repository.
"""

import csv
import json
import math

import numpy as np
import river
import sklearn
from river.tree import HoeffdingTreeRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

FORGETTING = 0.993
# The first outcomes, for which whoever starts from nothing has no say.
SKIPPED = 500
REFIT_EVERY = 500

with open("data/azure_llm_2023_conv.csv", newline="") as file:
    rows = list(csv.reader(file))[1:]
context = np.array([float(row[1]) for row in rows])
generated = np.array([float(row[2]) for row in rows])
features = np.column_stack([context, np.array([math.log(1.0 + c) for c in context])])
seconds = 250e-6 * context + 20e-3 * generated


def least_squares(count, forgetting):
    """Intercept and weights over the first outcomes, the older the less they count."""
    weight = forgetting ** np.arange(count - 1, -1, -1.0)
    line = LinearRegression().fit(features[:count], seconds[:count], weight)
    return [float(line.intercept_), *map(float, line.coef_)]


def tree_of_last(count):
    """A batch tree, grown anew every so often from the last outcomes; its error."""
    misses = []
    for start in range(SKIPPED, len(seconds), REFIT_EVERY):
        past, future = slice(max(0, start - count), start), slice(start, start + REFIT_EVERY)
        tree = DecisionTreeRegressor(
            max_leaf_nodes=16, max_depth=6, min_samples_leaf=16, random_state=0
        ).fit(features[past], seconds[past])
        misses.append(abs(tree.predict(features[future]) - seconds[future]))
    return float(np.concatenate(misses).mean())


def hoeffding_tree(**settings):
    """A tree that grows outcome by outcome; its error."""
    tree = HoeffdingTreeRegressor(leaf_prediction="mean", **settings)
    misses = []
    for row, target in zip(features, seconds):
        named = {"context_tokens": row[0], "ln_context_tokens": row[1]}
        misses.append(abs(tree.predict_one(named) - target))
        tree.learn_one(named, target)
    return float(np.mean(misses[SKIPPED:]))


print(
    json.dumps(
        {
            "made_by": f"scikit-learn {sklearn.__version__}, river {river.__version__}",
            "skipped": SKIPPED,
            "least_squares": [
                {"outcomes": count, "forgetting": forgetting, "weights": least_squares(count, forgetting)}
                for forgetting in (1.0, FORGETTING)
                for count in (1_000, 5_000, len(seconds))
            ],
            "batch_tree_error": tree_of_last(1_000),
            "hoeffding_tree_error": hoeffding_tree(delta=0.01, tau=0.1),
            "hoeffding_tree_error_as_it_comes": hoeffding_tree(),
        },
        indent=2,
    )
)
