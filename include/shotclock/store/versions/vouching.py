"""skops as it is used here: of scikit-learn's estimators it vouches for those that pipelines of ours are made of.

Left to itself, skops asks scikit-learn for all of its estimators as it is imported (read in skops 0.16,
`skops/io/_trusted_types.py`), and scikit-learn imports each module that it has, with helpers of its tests: a sixth of what a
process imports that loads a model, for two hundred classes of which no file of ours holds one. Upstream: nothing found. Without
it: such a process starts later, and a file may hold more than it need. Goes: when skops takes the list from its caller.
`tests/integration/package/store/versions/test_vouching.py` fails when skops asks another way.
"""

import sklearn.utils
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, LabelEncoder, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

ESTIMATORS: tuple[type[BaseEstimator], ...] = (
    CalibratedClassifierCV,
    ColumnTransformer,
    DecisionTreeClassifier,
    DummyClassifier,
    FrozenEstimator,
    FunctionTransformer,
    HistGradientBoostingClassifier,
    LabelEncoder,  # in boosting
    LogisticRegression,
    MissingIndicator,  # in an imputer
    OneHotEncoder,
    OrdinalEncoder,
    Pipeline,
    SimpleImputer,
    StandardScaler,
    VotingClassifier,
)

_asked = sklearn.utils.all_estimators
sklearn.utils.all_estimators = lambda: [(one.__name__, one) for one in ESTIMATORS]
try:
    import skops.io as skops
    from skops.io.exceptions import UntrustedTypesFoundException
finally:
    sklearn.utils.all_estimators = _asked

__all__ = ["ESTIMATORS", "UntrustedTypesFoundException", "skops"]
