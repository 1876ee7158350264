"""skops as it is used here: of what it could vouch for it is told of what pipelines of ours are made of.

Left to itself, skops asks as it is imported (read in skops 0.16, `skops/io/_trusted_types.py`):

- scikit-learn for all of its estimators, which imports each module that it has, with helpers of its tests: a sixth of what a
  process imports that loads a model, for two hundred classes of which no file of ours holds one;
- SciPy for its functions, and for each of these hundreds every module that there is: 0.7 seconds among Airflow's, of which a
  thousand warn that they are asked for what is deprecated.

Upstream: nothing found. Without it: such a process starts later, and a file may hold more than it need. Goes: when skops takes
the lists from its caller. `tests/integration/package/store/versions/test_vouching.py` fails when skops asks another way.
"""

import scipy.special
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
scipy.special.__dir__ = list  # of nothing
try:
    import skops.io as skops
    from skops.io.exceptions import UntrustedTypesFoundException
finally:
    del scipy.special.__dir__
    sklearn.utils.all_estimators = _asked

__all__ = ["ESTIMATORS", "UntrustedTypesFoundException", "skops"]
