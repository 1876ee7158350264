"""Project files and settings: YAML and environment in, frozen and validated objects out.

It imports nothing heavy, because every DAG file imports it.
"""

from shotclock.config.environment import Settings, settings
from shotclock.config.extension import Value
from shotclock.config.loading import (
    load_project,
    project,
    project_names,
    projects,
    unknown_project,
    usable_projects,
)
from shotclock.config.reading import load_yaml
from shotclock.config.sections import (
    ALGORITHMS,
    BASE_RATE,
    BLEND,
    MODES,
    MOST_SEED,
    RECALIBRATED,
    TIME_PARTS,
    Algorithm,
    Backend,
    Columns,
    Cost,
    Data,
    DegradationRules,
    Demote,
    DriftMethod,
    DriftRules,
    Feature,
    GateRules,
    Mode,
    NotifyRules,
    PackageTable,
    Project,
    Quarantine,
    Reading,
    RetrainingRules,
    Role,
    Scoring,
    Section,
    Slice,
    Split,
    TimePart,
    Training,
)

__all__ = [
    "ALGORITHMS", "BASE_RATE", "BLEND", "MODES", "MOST_SEED", "RECALIBRATED", "TIME_PARTS", "Algorithm", "Backend", "Columns",
    "Cost", "Data", "DegradationRules", "Demote", "DriftMethod", "DriftRules", "Feature", "GateRules", "Mode", "NotifyRules",
    "PackageTable", "Project", "Quarantine", "Reading", "RetrainingRules", "Role", "Scoring", "Section", "Settings",
    "Slice", "Split", "TimePart", "Training", "Value", "load_project", "load_yaml", "project", "project_names", "projects",
    "settings", "unknown_project", "usable_projects",
]  # fmt: skip
